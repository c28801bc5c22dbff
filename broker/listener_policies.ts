/**
 * What holds for the listeners of one broker, by what they were given and by their names.
 *
 * @module
 */

import { ConnectionPolicy } from "./connection_policy.ts";
import type { ListenerPolicy } from "./listener_policy.ts";
import type { ResolvedOptions } from "./options.ts";
import type { RuleSource } from "./session_access.ts";

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

  /**
   * Where the rules come from for what clients of a listener have left; undefined for the name of one that had none. If
   * that listener is there no more, and the broker has no rules of its own, those that all others have in common hold;
   * without such, nothing is allowed: what the rules were is not known.
   */
  rulesFor(name: string | undefined): RuleSource {
    const known = this.named(name);
    if (known !== undefined) return known;
    if (name === undefined || name.startsWith(BRIDGE) || this.#options.access !== undefined) return this.#options;
    const [first, ...others] = this.#named.values();
    if (first === undefined) return this.#options;
    return others.every(({ access }) => access === first.access) ? this.of(first) : NOTHING;
  }
}

/** Begins the names of what bridges connect by, which give their rules themselves. */
export const BRIDGE = "bridge ";

const NOTHING: RuleSource = {
  access: { mayPublish: () => false, maySubscribe: () => false, mayReceive: () => false, onChange: () => () => {} },
};
