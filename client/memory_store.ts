/**
 * A client's store that lasts as long as the process.
 *
 * @module
 */

import { ClientStore } from "./client_store.ts";
import type { ClientStoreWrite, StoredPublication, StoredState } from "./stored.ts";

/**
 * Keeps records in maps: what a store does, in its simplest form. It is for tests, and for a client that another one of
 * the same process follows.
 *
 * @example A client that goes on where another one has ended
 * ```ts
 * import { connect } from "@x/mqtt/client";
 * import { MemoryStore } from "@x/mqtt/client/store";
 *
 * const store = new MemoryStore();
 * const first = await connect("mqtt://127.0.0.1:1883", { store });
 * first.publish("sensors/7", "21.5", { qos: 1 }).catch(() => {}); // rejects: `force` does not wait for it
 * await first.close({ force: true });
 *
 * await using second = await connect("mqtt://127.0.0.1:1883", { store });
 * console.log(second.clientId === first.clientId, second.pending.messages); // true 1
 * ```
 */
export class MemoryStore extends ClientStore {
  #clientId: string | undefined;
  readonly #publications = new Map<number, StoredPublication>();
  readonly #received = new Set<number>();

  /** What was committed and not removed. */
  override load(): StoredState {
    const publications = [...this.#publications.values()].sort((one, other) => one.number - other.number);
    return { clientId: this.#clientId, publications, received: [...this.#received] };
  }

  /** Applies all changes. It never throws, so that it needs no way back. */
  override commit(writes: readonly ClientStoreWrite[]): void {
    for (const write of writes) this.#apply(write);
  }

  #apply(write: ClientStoreWrite): void {
    switch (write.kind) {
      case "setClientId":
        this.#clientId = write.clientId;
        return;
      case "addPublication": {
        const { publication } = write;
        const { number, properties, payload } = publication;
        this.#publications.set(number, { ...publication, properties: properties.slice(), payload: payload.slice() });
        return;
      }
      case "updatePublication": {
        const publication = this.#publications.get(write.number);
        if (publication !== undefined) this.#publications.set(write.number, { ...publication, state: write.state });
        return;
      }
      case "removePublication":
        return void this.#publications.delete(write.number);
      case "addReceived":
        return void this.#received.add(write.packetId);
      case "removeReceived":
        return void this.#received.delete(write.packetId);
    }
  }
}
