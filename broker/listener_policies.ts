/**
 * What holds for the listeners of one broker, by what they were given and by their names.
 *
 * @module
 */

import { ConnectionPolicy } from "./connection_policy.ts";
import type { ListenerPolicy } from "./listener_policy.ts";
import type { ResolvedOptions } from "./options.ts";

/** The policies of a broker's listeners. */
export class ListenerPolicies {
  readonly #options: ResolvedOptions;
  readonly #policies = new WeakMap<ListenerPolicy, ConnectionPolicy>();
  readonly #named = new Map<string, ListenerPolicy>();

  constructor(options: ResolvedOptions) {
    this.#options = options;
    for (const listener of options.listeners) {
      if (listener.name !== undefined) this.#named.set(listener.name, listener);
    }
  }

  /** The one object for all connections with this policy. */
  of(listener: ListenerPolicy): ConnectionPolicy {
    let policy = this.#policies.get(listener);
    if (policy === undefined) this.#policies.set(listener, policy = new ConnectionPolicy(this.#options, listener));
    return policy;
  }

  /** The one with this name, if the broker was told of it when it began. */
  named(name: string | undefined): ConnectionPolicy | undefined {
    const listener = name === undefined ? undefined : this.#named.get(name);
    return listener && this.of(listener);
  }
}
