/**
 * The servers that a client may connect to, and whose turn it is.
 *
 * @module
 */

import type { ServerAddress } from "./server_address.ts";

/** At least one server. */
export type Servers = readonly [ServerAddress, ...ServerAddress[]];

/** Goes through a list in rounds. A round begins with the server of the last connection, which has the session. */
export class ServerList {
  #servers: Servers;
  #current: ServerAddress;
  /** Those whose turn comes in this round. */
  #others: ServerAddress[];

  constructor(servers: Servers) {
    this.#servers = servers;
    [this.#current, ...this.#others] = servers;
  }

  /** The server whose turn it is. */
  get current(): ServerAddress {
    return this.#current;
  }

  /** It has accepted. */
  connected(): void {
    const at = this.#servers.indexOf(this.#current);
    this.#others = [...this.#servers.slice(at + 1), ...this.#servers.slice(0, Math.max(at, 0))];
  }

  /** It cannot be used: the next one's turn. False: the round is over, and another one begins. */
  failed(): boolean {
    const next = this.#others.shift();
    if (next === undefined) [this.#current, ...this.#others] = this.#servers;
    else this.#current = next;
    return next !== undefined;
  }

  /** It has named others, for now or for good. */
  redirect(targets: Servers, isPermanent: boolean): void {
    const [first, ...more] = targets;
    if (isPermanent) this.#servers = targets;
    const rest = isPermanent ? [] : this.#servers.filter((server) => server !== this.#current);
    this.#current = first;
    this.#others = [...more, ...rest];
  }
}
