/**
 * Who may come in at a listener, and how many of those that have come have still to say who they are.
 *
 * @module
 */

import { TokenBucket } from "../token_bucket.ts";

/** Milliseconds that an unfinished handshake has in any case, however many others there are. */
const GRACE = 1_000;

/** Why connections were closed before they became clients. */
export interface RefusalCounts {
  /** `maxConnections` were open. */
  connections: number;
  /** There were `maxHandshakes` others, and it was the oldest of them. */
  handshakes: number;
  /** The handshake was not finished within `handshakeTimeout`. */
  timeouts: number;
  /** No PROXY header came, or a wrong one. */
  proxy: number;
  /** The TLS handshake failed; wrong certificates among them. */
  tls: number;
  /** The HTTP request could not be served, or was no handshake for MQTT; or frames after it broke the rules. */
  http: number;
}

/** Limits of a gate, which are looked at each time that they matter. */
export interface GateLimits {
  readonly maxConnections: number;
  readonly maxHandshakes: number;
  readonly maxConnectionRate: number;
}

/** A connection that has come in. */
export interface Visit {
  /** It was closed to make room. */
  isEvicted: boolean;
  /** It has finished its handshakes, CONNECT included. */
  admit(): void;
  /** It is gone. */
  end(): void;
}

interface Visitor {
  readonly since: number;
  readonly evict: () => void;
}

/** The connections of one listener. */
export class ListenerGate {
  readonly #limits: GateLimits;
  #connections = 0;
  /** In the order in which they came. */
  readonly #unfinished = new Set<Visitor>();
  #bucket: TokenBucket;
  #wake: (() => void) | undefined;
  #isClosed = false;

  constructor(limits: GateLimits) {
    this.#limits = limits;
    this.#bucket = bucketFor(limits.maxConnectionRate);
  }

  /** Connections that are open. */
  get connections(): number {
    return this.#connections;
  }

  /** Those of them that are no clients yet. */
  get handshakes(): number {
    return this.#unfinished.size;
  }

  /** Whether one more may be open. */
  get hasRoom(): boolean {
    return this.#connections < this.#limits.maxConnections;
  }

  /** Whether the next connection may have to wait in {@linkcode makeRoom}. */
  get isBusy(): boolean {
    const { maxConnectionRate, maxHandshakes } = this.#limits;
    return maxConnectionRate !== Infinity || this.#unfinished.size >= maxHandshakes;
  }

  /**
   * Resolves when the rate allows one more connection, and there is room for its handshake. Room is made by closing
   * the oldest unfinished one when it has had some time: those who open connections and say nothing cannot keep others
   * out, and many who come at once are waited for. `onRate` is called when the rate makes it wait.
   */
  async makeRoom(onRate: () => void): Promise<void> {
    if (this.#delay() > 0) onRate();
    for (let delay = this.#delay(); delay > 0; delay = this.#delay()) await this.#wait(delay);
    this.#bucket.take(1, performance.now());
    while (this.#unfinished.size >= this.#limits.maxHandshakes && !this.#isClosed) {
      const [oldest] = this.#unfinished;
      if (oldest === undefined) return;
      const rest = oldest.since + GRACE - performance.now();
      if (rest > 0) await this.#wait(rest);
      else {
        this.#unfinished.delete(oldest);
        oldest.evict();
      }
    }
  }

  /** One has come in; `evict` must close it. */
  enter(evict: () => void): Visit {
    const visitor: Visitor = { since: performance.now(), evict };
    this.#connections++;
    this.#unfinished.add(visitor);
    let isHere = true;
    const admit = () => {
      if (this.#unfinished.delete(visitor)) this.#wake?.();
    };
    const end = () => {
      admit();
      if (isHere) this.#connections--;
      isHere = false;
    };
    return { isEvicted: false, admit, end };
  }

  /** Nobody waits any longer. */
  close(): void {
    this.#isClosed = true;
    this.#wake?.();
  }

  /** Milliseconds until the rate allows one more. */
  #delay(): number {
    const { maxConnectionRate } = this.#limits;
    if (maxConnectionRate !== this.#bucket.rate) this.#bucket = bucketFor(maxConnectionRate);
    return this.#isClosed ? 0 : this.#bucket.delay(1, performance.now());
  }

  #wait(milliseconds: number): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(() => this.#wake?.(), milliseconds);
      this.#wake = () => {
        clearTimeout(timer);
        this.#wake = undefined;
        resolve();
      };
    });
  }
}

/** As many at once as in a second. */
function bucketFor(rate: number): TokenBucket {
  return new TokenBucket(rate, rate, performance.now());
}
