/**
 * What a client does when an attempt or a connection has failed.
 *
 * @module
 */

import { ReasonCode } from "../codec/reason_codes.ts";
import { ServerError } from "./errors.ts";
import type { Settings } from "./settings.ts";
import { Backoff } from "./reconnect.ts";
import { redirectionIn } from "./redirect.ts";
import type { ServerAddress } from "./server_address.ts";
import { ServerList } from "./servers.ts";

/** Refusals that trying again does not change. */
const FINAL_CODES: ReadonlySet<number> = new Set([
  ReasonCode.UnsupportedProtocolVersion,
  ReasonCode.ClientIdentifierNotValid,
  ReasonCode.BadUserNameOrPassword,
  ReasonCode.BadAuthenticationMethod,
  ReasonCode.ServerMoved,
  // Somebody else has our client identifier: to take it back would begin a fight without end.
  ReasonCode.SessionTakenOver,
]);

/** How many milliseconds to wait for the next attempt; undefined: there is to be no other one. */
export type Wait = number | "none" | undefined;

/** Says which server is tried next, and when. */
export class Retry {
  readonly #settings: Settings;
  readonly #servers: ServerList;
  readonly #backoff: Backoff | undefined;
  #redirects = 0;
  #attempts = 1;
  #hasConnected = false;
  /** Whether a server of this round might take us later. */
  #hasHope = false;

  constructor(settings: Settings) {
    this.#settings = settings;
    this.#servers = new ServerList(settings.servers);
    this.#backoff = settings.reconnect && new Backoff(settings.reconnect, settings.random);
  }

  /** The server to try. */
  get server(): ServerAddress {
    return this.#servers.current;
  }

  /** The number of the attempt since the last connection; 1 is the first. */
  get attempt(): number {
    return this.#attempts;
  }

  /** The server has accepted. */
  connected(): void {
    this.#hasConnected = true;
    this.#hasHope = false;
    this.#attempts = 1;
    this.#servers.connected();
  }

  /** The attempt has failed. `server`: the one that was tried. */
  attemptFailed(error: Error, server: ServerAddress): Wait {
    this.#attempts++;
    if (this.#follow(error, server)) return "none";
    if (!this.#isFinal(error)) this.#hasHope = true;
    if (this.#servers.failed()) return "none";
    const { reconnect } = this.#settings;
    const hasHope = this.#hasHope;
    this.#hasHope = false;
    if (!hasHope || reconnect === undefined || !this.#hasConnected && !reconnect.initial) return undefined;
    this.#backoff?.attemptFailed();
    return this.#backoff?.next();
  }

  /** The connection has ended that had held for `milliseconds`. */
  connectionEnded(error: Error, server: ServerAddress, milliseconds: number): Wait {
    const { reconnect } = this.#settings;
    if (reconnect === undefined) return undefined;
    if (milliseconds >= reconnect.stableAfter) this.#redirects = 0;
    this.#backoff?.connectionEnded(milliseconds);
    if (this.#follow(error, server)) return "none";
    return this.#isFinal(error) ? undefined : this.#backoff?.next();
  }

  #follow(error: Error, server: ServerAddress): boolean {
    if (this.#redirects >= this.#settings.maximumRedirects) return false;
    const redirection = redirectionIn(error, server);
    if (redirection === undefined) return false;
    this.#redirects++;
    this.#servers.redirect(redirection.targets, redirection.isPermanent);
    return true;
  }

  #isFinal(error: Error): boolean {
    // Misuse, such as a scheme that the opener does not know.
    if (error instanceof TypeError || error instanceof RangeError) return true;
    if (!(error instanceof ServerError)) return false;
    const { protocolVersion, refresh } = this.#settings;
    // Before MQTT 5.0 "not authorized" is for good.
    const isRefusedUser = error.reasonCode === ReasonCode.BadUserNameOrPassword ||
      protocolVersion < 5 && error.reasonCode === ReasonCode.NotAuthorized;
    return isRefusedUser ? refresh === undefined : FINAL_CODES.has(error.reasonCode);
  }
}
