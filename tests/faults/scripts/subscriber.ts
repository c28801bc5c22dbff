/**
 * Takes numbers of QoS 1 and 2 until the end, or until it is killed. It says which one it has taken, and which one will
 * not come again:
 *
 *     subscriber.ts PORT STORE VERSION QOS
 */

import { connect } from "../../../client/mod.ts";
import { SqliteStore } from "../../../client/sqlite_store.ts";

const [port, path = "", version, qos] = Deno.args;

using store = SqliteStore.open(path, { durability: "normal" });
await using client = await connect(`mqtt://127.0.0.1:${port}`, {
  store,
  protocolVersion: version === "4" ? 4 : 5,
  reconnect: { initial: true, minimumDelay: 5, maximumDelay: 50 },
});
const subscription = client.subscribe(`numbers/${version}/${qos}`, { qos: qos === "1" ? 1 : 2 });
await subscription.ready;
console.log("connected");

for (let next = subscription.next();;) {
  const { value: message } = await next;
  if (message === undefined) break;
  const number = message.text();
  console.log(`took ${number}`);
  next = subscription.next(); // acknowledges it
  await client.stored;
  console.log(`safe ${number}`);
  if (number === "end") break;
}
