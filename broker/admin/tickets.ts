/**
 * Tickets: a browser cannot add a token to a WebSocket, so it asks with the token for something that works once.
 *
 * @module
 */

import { randomBytes } from "../auth/secrets.ts";
import type { Ticket } from "./api.ts";
import { ApiFailure } from "./failure.ts";

/** Milliseconds. */
const LIFETIME = 30_000;
/** Tickets at one time. */
const MOST = 64;
const BYTES = 24;

/** The tickets that are out. */
export class Tickets {
  /** Until when each is good. */
  readonly #out = new Map<string, number>();

  /** A new one. */
  issue(now: number = performance.now()): Ticket {
    for (const [ticket, until] of this.#out) if (until <= now) this.#out.delete(ticket);
    if (this.#out.size >= MOST) {
      throw new ApiFailure("too_many_requests", `There may be ${MOST} tickets at a time`, { "Retry-After": "30" });
    }
    const ticket = randomBytes(BYTES).toBase64({ alphabet: "base64url" });
    this.#out.set(ticket, now + LIFETIME);
    return { ticket, expiresIn: LIFETIME };
  }

  /** Takes all of them back. */
  clear(): void {
    this.#out.clear();
  }

  /** Whether it is good; then it is so no more. */
  redeem(ticket: string, now: number = performance.now()): boolean {
    const until = this.#out.get(ticket) ?? 0;
    this.#out.delete(ticket);
    return until > now;
  }
}
