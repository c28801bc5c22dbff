/**
 * Who may ask: requests for this host, from no other site, with the token.
 *
 * @module
 */

import { equalSecrets } from "../auth/secrets.ts";
import { HOST_NAME, hostNameOf } from "../host_name.ts";
import { isIPv4 } from "../ip_address.ts";
import { ApiFailure } from "./failure.ts";
import { FailedTokens } from "./failed_tokens.ts";

/** Characters of the shortest token. */
const SHORTEST_TOKEN = 16;

/** What the guard goes by. */
export interface GuardOptions {
  /** What `Authorization: Bearer` must hold; absent: nothing is asked for. */
  readonly token?: string;
  /** Names that this server has, e.g. `broker.example.org`, besides `localhost` and any IP address. */
  readonly hosts?: readonly string[];
}

/** Stands before all requests. */
export class Guard {
  #token: Uint8Array | undefined;
  readonly #hosts: ReadonlySet<string>;
  readonly #failed = new FailedTokens();

  constructor({ token, hosts = [] }: GuardOptions) {
    this.#token = token === undefined ? undefined : secretOf(token);
    this.#hosts = new Set(["localhost", ...hosts.map(nameOf)]);
  }

  /** Whether a token is asked for. */
  get hasToken(): boolean {
    return this.#token !== undefined;
  }

  /** Takes another token; returns whether it is not the same one. */
  replaceToken(token: string): boolean {
    const secret = secretOf(token);
    if (this.#token === undefined) {
      throw new TypeError("Cannot take a token: there must have been one from the start");
    }
    const isOther = !equalSecrets(secret, this.#token);
    this.#token = secret;
    return isOther;
  }

  /**
   * Throws for another host than ours. A page whose name an attacker has led to this address asks with that name; with
   * an IP address nobody can do so.
   */
  assertHost(request: Request): void {
    const host = hostOf(request);
    if (host !== undefined && (isAddress(host.hostname) || this.#hosts.has(host.hostname))) return;
    throw new ApiFailure(
      "forbidden",
      "The host must be localhost, an IP address, or a name that the broker was given for its admin listener",
    );
  }

  /** Throws for a request that a page of another site has made. */
  assertSite(request: Request): void {
    const origin = request.headers.get("origin");
    const site = request.headers.get("sec-fetch-site");
    const isOwn = origin === null || (URL.canParse(origin) && new URL(origin).host === hostOf(request)?.host);
    if (isOwn && (site === null || site === "same-origin" || site === "none")) return;
    throw new ApiFailure("forbidden", "The request must come from this site");
  }

  /** Throws without the right token. `address` is that of the sender. */
  assertToken(request: Request, address: string): void {
    if (this.#token === undefined) return;
    const wait = this.#failed.wait(address);
    if (wait > 0) {
      throw new ApiFailure("too_many_requests", "Too many wrong tokens came from this address", {
        "Retry-After": String(wait),
      });
    }
    const [, given = ""] = /^bearer (.*)$/i.exec(request.headers.get("authorization") ?? "") ?? [];
    if (this.#isToken(given)) return;
    // A page that has none yet asks in vain once: that is no guess.
    if (given !== "") this.#failed.add(address);
    throw new ApiFailure("unauthorized", "The header Authorization must be Bearer with the right token", {
      "WWW-Authenticate": 'Bearer realm="admin"',
    });
  }

  #isToken(given: string): boolean {
    return this.#token !== undefined && equalSecrets(new TextEncoder().encode(given), this.#token);
  }
}

function secretOf(token: string): Uint8Array {
  if (token.length >= SHORTEST_TOKEN && !/[^\x21-\x7e]/.test(token)) return new TextEncoder().encode(token);
  throw new RangeError(
    `Cannot use the token: it must be ${SHORTEST_TOKEN} or more visible ASCII characters, received ${token.length} characters`,
  );
}

function nameOf(host: string): string {
  const name = hostNameOf(host);
  if (name !== undefined) return name;
  throw new RangeError(`Cannot use the host: it must be ${HOST_NAME}, received ${JSON.stringify(host)}`);
}

interface Host {
  /** With the port. */
  readonly host: string;
  readonly hostname: string;
}

/** Undefined for a host that is none. */
function hostOf(request: Request): Host | undefined {
  const text = request.headers.get("host") ?? new URL(request.url).host;
  // Only a host and a port: a URL has room for more.
  if (!/^[\w.\-[\]:]+$/.test(text) || !URL.canParse(`http://${text}`)) return undefined;
  const { hostname } = new URL(`http://${text}`);
  return { host: text.toLowerCase(), hostname };
}

function isAddress(hostname: string): boolean {
  return isIPv4(hostname) || hostname.startsWith("[");
}
