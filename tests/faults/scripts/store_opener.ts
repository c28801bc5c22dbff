/**
 * Opens a store, of a broker or a client as the first argument says, in the file that the second one names; says which
 * number it holds, and has it hold the next ones until it is killed.
 *
 * @module
 */

import { SqliteStore as BrokerStore } from "../../../broker/sqlite_store.ts";
import { SqliteStore as ClientStore } from "../../../client/sqlite_store.ts";

interface Counter {
  readonly found: number;
  put(number: number): void;
}

function brokerCounter(path: string): Counter {
  const store = BrokerStore.open(path);
  const put = (number: number) => {
    const message = {
      topic: "number",
      qos: 1 as const,
      retain: true,
      properties: new Uint8Array(0),
      payload: new TextEncoder().encode(`${number}`),
      expiresAt: Infinity,
    };
    store.commit([{ kind: "putRetained", retained: { message, publisher: undefined } }]);
  };
  const [last] = store.retained();
  return { found: last === undefined ? 0 : Number(new TextDecoder().decode(last.message.payload)), put };
}

function clientCounter(path: string): Counter {
  const store = ClientStore.open(path);
  const put = (number: number) => store.commit([{ kind: "setClientId", clientId: `${number}` }]);
  return { found: Number(store.load().clientId ?? 0), put };
}

const [owner, path = ""] = Deno.args;
const counter = owner === "broker" ? brokerCounter(path) : clientCounter(path);
console.log(`found ${counter.found}`);
for (let number = counter.found + 1;; number++) counter.put(number);
