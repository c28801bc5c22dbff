/**
 * What a client writes down, so that a script that was killed finishes what it had begun.
 *
 * @module
 */

import type { ConnectInit } from "./options.ts";
import { Persistence } from "./persistence.ts";
import type { ClientStoreWrite, StoredState } from "./stored.ts";
import { abortable } from "./waiting.ts";

/**
 * Where a client keeps what must survive it: its publications of QoS 1 and 2, and what it has received of QoS 2, until
 * the exchange with the server is complete. It goes to `connect()` as the option `store`.
 *
 * Who writes one for another kind of disk implements the two methods; both throw, or reject with, an `Error` when they
 * cannot do what they say. A client calls `load` once, and then `commit`, never twice at a time. One client at a time
 * has a store to itself; whoever opened the store closes it, after the client.
 *
 * @example A store that tells what it does
 * ```ts
 * import { connect } from "@x/mqtt/client";
 * import { type ClientStoreWrite, MemoryStore } from "@x/mqtt/client/store";
 *
 * class TalkingStore extends MemoryStore {
 *   override commit(writes: readonly ClientStoreWrite[]): void {
 *     console.log(writes.map((write) => write.kind).join(" "));
 *     super.commit(writes);
 *   }
 * }
 *
 * await using client = await connect("mqtt://127.0.0.1:1883", { store: new TalkingStore() });
 * await client.publish("sensors/7", "21.5", { qos: 1 });
 * ```
 */
export abstract class ClientStore {
  #isInUse = false;

  /** Everything that has been committed and not removed. */
  abstract load(): StoredState | Promise<StoredState>;

  /**
   * Applies all changes in order, or none of them if it throws or rejects; when it returns or resolves, they are as safe
   * as the store makes anything. It may be called again with the same changes after it has failed.
   */
  abstract commit(writes: readonly ClientStoreWrite[]): void | Promise<void>;

  /**
   * What `connect()` calls.
   *
   * @ignore
   */
  async begin(init: ConnectInit): Promise<Persistence> {
    if (this.#isInUse) {
      throw new DOMException(
        "Cannot connect: store must be free, received one that another client uses; close that client first",
        "InvalidStateError",
      );
    }
    this.#isInUse = true;
    const end = () => this.#isInUse = false;
    try {
      const state = await abortable(Promise.resolve(this.load()), init.signal);
      return new Persistence(this, state, init, end);
    } catch (error) {
      end();
      throw error;
    }
  }
}
