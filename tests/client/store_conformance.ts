/**
 * What every {@linkcode ClientStore} must do. It needs no test runner and no runtime but the Web's: run the cases in
 * whichever you have, a page among them.
 *
 * ```ts
 * for (const { name, run } of clientStoreConformance(() => openMyStore())) Deno.test(`my store: ${name}`, run);
 * ```
 *
 * @module
 */

import type { ClientStore } from "../../client/client_store.ts";
import type { ClientStoreWrite, StoredPhase, StoredPublication } from "../../client/stored.ts";

/** A store of its own for one case; disposing of it removes whatever it has left. */
export interface ClientStoreUnderTest extends AsyncDisposable {
  /** The store, open. */
  readonly store: ClientStore;
  /** Closes the store and opens it again, as after the end of a client; changes {@linkcode ClientStoreUnderTest.store}. */
  reopen(): void | Promise<void>;
}

/** One thing that a store must do. */
export interface ClientStoreCase {
  /** What that is. */
  readonly name: string;
  /** Rejects if the store does not do it. */
  readonly run: () => Promise<void>;
}

/** All cases; `open` makes an empty store. */
export function clientStoreConformance(
  open: () => ClientStoreUnderTest | Promise<ClientStoreUnderTest>,
): ClientStoreCase[] {
  return Object.entries(CASES).map(([name, body]) => ({
    name,
    run: async () => {
      await using test = await open();
      await body(new Shelf(test));
    },
  }));
}

/** A publication with whatever the case is about. */
export function publication(number: number, fields: Partial<StoredPublication> = {}): StoredPublication {
  return {
    number,
    topic: "a",
    qos: 1,
    retain: false,
    expiresAt: Infinity,
    properties: new Uint8Array(0),
    payload: new TextEncoder().encode(`payload ${number}`),
    state: { phase: "queued" },
    ...fields,
  };
}

/** Adds such a publication. */
export function add(number: number, fields: Partial<StoredPublication> = {}): ClientStoreWrite {
  return { kind: "addPublication", publication: publication(number, fields) };
}

/** A store with the few words that the cases need. */
class Shelf {
  readonly #test: ClientStoreUnderTest;

  constructor(test: ClientStoreUnderTest) {
    this.#test = test;
  }

  async commit(...writes: ClientStoreWrite[]): Promise<void> {
    await this.#test.store.commit(writes);
  }

  async reopen(): Promise<void> {
    await this.#test.reopen();
  }

  async load() {
    const { clientId, publications, received } = await this.#test.store.load();
    return { clientId, publications: [...publications], received: [...received].sort((one, other) => one - other) };
  }

  /** The content is this one, now and after a restart. */
  async expect(expected: {
    clientId?: string;
    publications?: readonly StoredPublication[];
    received?: readonly number[];
  }): Promise<void> {
    const { clientId, publications = [], received = [] } = expected;
    equal(await this.load(), { clientId, publications, received });
    await this.reopen();
    equal(await this.load(), { clientId, publications, received });
  }
}

const SENT: StoredPhase = { phase: "sent", packetId: 65_535 };
const RELEASED: StoredPhase = { phase: "released", packetId: 1 };

const CASES: Readonly<Record<string, (shelf: Shelf) => Promise<void>>> = {
  "an empty store is empty": (shelf) => shelf.expect({}),

  "an empty commit is none": async (shelf) => {
    await shelf.commit();
    await shelf.expect({});
  },

  "the client identifier is the last one that was set": async (shelf) => {
    await shelf.commit({ kind: "setClientId", clientId: "first" });
    await shelf.commit({ kind: "setClientId", clientId: "Grüße 🚪" });
    await shelf.expect({ clientId: "Grüße 🚪" });
  },

  "publications come back as they were": async (shelf) => {
    const publications = [
      publication(1, { topic: "Wörter/子/🚪", payload: new Uint8Array(0) }),
      publication(2, { qos: 2, retain: true, expiresAt: 1_700_000_000_123.5, properties: bytes(300) }),
      publication(3, { payload: bytes(1_000_000), state: SENT }),
      publication(4, { qos: 2, expiresAt: 0, state: RELEASED }),
      publication(Number.MAX_SAFE_INTEGER),
    ];
    await shelf.commit(...publications.map((it): ClientStoreWrite => ({ kind: "addPublication", publication: it })));
    await shelf.expect({ publications });
  },

  "a part of a larger array is kept as that part": async (shelf) => {
    const larger = bytes(1_000);
    await shelf.commit(add(1, { payload: larger.subarray(10, 20), properties: larger.subarray(500, 503) }));
    larger.fill(0);
    await shelf.expect({
      publications: [publication(1, { payload: bytes(1_000).slice(10, 20), properties: bytes(1_000).slice(500, 503) })],
    });
  },

  "publications come in the order of their numbers, whatever that of their commits": async (shelf) => {
    await shelf.commit(add(10), add(9));
    await shelf.commit(add(2), add(100));
    await shelf.expect({ publications: [2, 9, 10, 100].map((number) => publication(number)) });
  },

  "a publication goes through its phases": async (shelf) => {
    await shelf.commit(add(1, { qos: 2 }), add(2, { qos: 2 }));
    for (
      const state of [{ phase: "sent", packetId: 7 }, { phase: "released", packetId: 7 }, { phase: "queued" }] as const
    ) {
      await shelf.commit({ kind: "updatePublication", number: 1, state });
      await shelf.expect({ publications: [publication(1, { qos: 2, state }), publication(2, { qos: 2 })] });
    }
  },

  "what is removed is gone, and only that": async (shelf) => {
    await shelf.commit(add(1), add(2), add(3));
    await shelf.commit({ kind: "removePublication", number: 2 });
    await shelf.expect({ publications: [publication(1), publication(3)] });
  },

  "changes of what is not there change nothing": async (shelf) => {
    await shelf.commit(
      { kind: "updatePublication", number: 1, state: SENT },
      { kind: "removePublication", number: 2 },
      { kind: "removeReceived", packetId: 3 },
    );
    await shelf.expect({});
  },

  "the changes of a commit follow each other": async (shelf) => {
    await shelf.commit(
      add(1),
      { kind: "updatePublication", number: 1, state: SENT },
      { kind: "removePublication", number: 1 },
      add(1, { topic: "again" }),
      { kind: "addReceived", packetId: 5 },
      { kind: "removeReceived", packetId: 5 },
      { kind: "removeReceived", packetId: 6 },
      { kind: "addReceived", packetId: 6 },
    );
    await shelf.expect({ publications: [publication(1, { topic: "again" })], received: [6] });
  },

  "packet identifiers of receptions are a set": async (shelf) => {
    await shelf.commit({ kind: "addReceived", packetId: 65_535 }, { kind: "addReceived", packetId: 1 });
    await shelf.commit({ kind: "addReceived", packetId: 1 }, { kind: "addReceived", packetId: 2 });
    await shelf.commit({ kind: "removeReceived", packetId: 2 });
    await shelf.expect({ received: [1, 65_535] });
  },

  "a commit may be large": async (shelf) => {
    const numbers = Array.from({ length: 10_000 }, (_, at) => at + 1);
    await shelf.commit(...numbers.map((number) => add(number)));
    await shelf.commit(
      ...numbers.filter((number) => number > 3).map((number): ClientStoreWrite => ({
        kind: "removePublication",
        number,
      })),
    );
    await shelf.expect({ publications: [1, 2, 3].map((number) => publication(number)) });
  },
};

function bytes(length: number): Uint8Array {
  return Uint8Array.from({ length }, (_, at) => at * 7);
}

/** Compares by a text that shows all there is. */
function equal(actual: unknown, expected: unknown): void {
  const [one, other] = [textOf(actual), textOf(expected)];
  if (one !== other) throw new Error(`Expected ${shorten(other)}, received ${shorten(one)}`);
}

function textOf(value: unknown): string {
  return JSON.stringify(value, (_, it) => {
    if (it instanceof Uint8Array) return { bytes: [...it].join(" ") };
    if (it === Infinity) return "Infinity";
    if (typeof it !== "object" || it === null || Array.isArray(it)) return it;
    // In the order of names, without those that are undefined.
    return Object.fromEntries(Object.entries(it).sort(([one], [other]) => one < other ? -1 : 1));
  });
}

function shorten(text: string): string {
  return text.length > 2_000 ? `${text.slice(0, 2_000)}...` : text;
}
