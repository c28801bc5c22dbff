/**
 * Publishes numbers with QoS 1 and 2 until it is killed, or finishes what earlier runs have begun. It says which numbers
 * it has begun to publish and which ones the store has:
 *
 *     publisher.ts PORT STORE VERSION FIRST COUNT [DURABILITY]
 *
 * COUNT 0: publishes nothing but, when nothing is left, the end.
 */

import { connect } from "../../../client/mod.ts";
import { SqliteStore } from "../../../client/sqlite_store.ts";

const [port, path = "", version, first, count, durability] = Deno.args;

using store = SqliteStore.open(path, { durability: durability === "normal" ? durability : "full" });
const client = await connect(`mqtt://127.0.0.1:${port}`, {
  store,
  protocolVersion: version === "4" ? 4 : 5,
  reconnect: { initial: true, minimumDelay: 5, maximumDelay: 50 },
});
client.addEventListener("recovered", ({ topic, result, error }) => {
  if (result?.ok !== true) console.log(`failed ${topic}: ${error?.message ?? result?.reasonCode}`);
});
console.log("connected");

const end = Number(first) + Number(count);
for (let next = Number(first); next < end;) {
  const batch = Math.min(next + 1 + next % 17, end);
  console.log(`begun ${batch}`);
  for (; next < batch; next++) {
    for (const qos of [1, 2] as const) {
      client.publish(`v${version}/${qos}`, String(next), { qos }).catch((error) =>
        console.log(`failed ${error.message}`)
      );
    }
  }
  await client.stored;
  console.log(`stored ${batch}`);
}
if (end > Number(first)) await new Promise(() => {});
while (client.pending.messages > 0) await new Promise((resolve) => setTimeout(resolve, 5));
for (const qos of [1, 2] as const) await client.publish(`v${version}/${qos}`, "end", { qos });
await client.close();
