/**
 * Keys that are fetched from where their owner publishes them, and kept for a while.
 *
 * @module
 */

import { importKeySet, type VerificationKey } from "./jwt_keys.ts";

/** Where keys are, and for how long they are kept. */
export interface KeySetUrl {
  /** Address of a JSON Web Key Set. It must be HTTPS, or on this machine. */
  readonly url: string | URL;
  /** Seconds after which the keys are fetched again. Default 300. */
  readonly maxAge?: number;
  /** Seconds for which the keys are used when they cannot be fetched any more. Default 3,600. */
  readonly maxStale?: number;
}

/** Milliseconds for one fetch. */
const FETCH_TIMEOUT = 5_000;
/** Milliseconds between fetches, whatever the clients send. */
const COOLDOWN = 10_000;
const MAX_BYTES = 262_144;

/** The keys at one address. */
export class RemoteKeys {
  readonly #url: URL;
  readonly #maxAge: number;
  readonly #maxStale: number;
  readonly #now: () => number;
  #keys: readonly VerificationKey[] = [];
  #fetchedAt = -Infinity;
  #triedAt = -Infinity;
  #fetching: Promise<void> | undefined;

  constructor({ url, maxAge = 300, maxStale = 3_600 }: KeySetUrl, now: () => number) {
    this.#url = assertSafe(new URL(url));
    this.#maxAge = maxAge * 1000;
    this.#maxStale = maxStale * 1000;
    this.#now = now;
  }

  /** The keys now; undefined when there are none that may be used. */
  async current(): Promise<readonly VerificationKey[] | undefined> {
    if (this.#age > this.#maxAge) await this.#refresh();
    return this.#age <= this.#maxAge + this.#maxStale ? this.#keys : undefined;
  }

  /** The keys when none of the ones before did: the owner may have changed them. Undefined: nothing has changed. */
  async renewed(): Promise<readonly VerificationKey[] | undefined> {
    const before = this.#keys;
    await this.#refresh();
    return this.#keys === before ? undefined : this.#keys;
  }

  get #age(): number {
    return this.#now() - this.#fetchedAt;
  }

  /** All who ask at the same time wait for the same answer. */
  async #refresh(): Promise<void> {
    if (this.#fetching === undefined && this.#now() - this.#triedAt < COOLDOWN) return;
    this.#triedAt = this.#fetching === undefined ? this.#now() : this.#triedAt;
    this.#fetching ??= this.#fetch().finally(() => this.#fetching = undefined);
    await this.#fetching;
  }

  /** A failure leaves the keys as they are. */
  async #fetch(): Promise<void> {
    try {
      this.#keys = await importKeySet(JSON.parse(await fetchText(this.#url)), true);
      this.#fetchedAt = this.#now();
    } catch {
      // The keys get old; at last they are used no longer, and clients are told that the server is unavailable.
    }
  }
}

function assertSafe(url: URL): URL {
  const isLocal = ["localhost", "127.0.0.1", "[::1]"].includes(url.hostname);
  if (url.protocol === "https:" || (url.protocol === "http:" && isLocal)) return url;
  throw new TypeError(`Cannot fetch keys for tokens: the address must be HTTPS, received ${url.protocol}`);
}

async function fetchText(url: URL): Promise<string> {
  const aborter = new AbortController();
  const timer = setTimeout(() => aborter.abort(), FETCH_TIMEOUT);
  try {
    const response = await fetch(url, { redirect: "error", signal: aborter.signal });
    if (!response.ok) {
      await response.body?.cancel();
      throw new Error(`Cannot fetch keys for tokens: the status must be 200, received ${response.status}`);
    }
    return await textOf(response);
  } finally {
    clearTimeout(timer);
  }
}

/** No more is read than will be used. */
async function textOf(response: Response): Promise<string> {
  let text = "";
  let bytes = 0;
  const decoder = new TextDecoder();
  for await (const chunk of response.body ?? []) {
    bytes += chunk.length;
    if (bytes > MAX_BYTES) {
      throw new RangeError(`Cannot fetch keys for tokens: there must be at most ${MAX_BYTES} bytes`);
    }
    text += decoder.decode(chunk, { stream: true });
  }
  return text + decoder.decode();
}
