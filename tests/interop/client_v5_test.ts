/** What our client does in MQTT 5.0 alone, against real servers. @module */

import { assertEquals, assertRejects } from "@std/assert";
import { MqttError } from "../../client/mod.ts";
import { serverTest } from "./client_servers.ts";

const V5 = { "5.0": "" };

serverTest("properties arrive as they were published", V5, async ({ connect }) => {
  const client = await connect();
  const subscription = client.subscribe("a", { qos: 1 });
  await subscription.ready;
  const properties = {
    payloadFormatIndicator: 1,
    contentType: "text/plain",
    responseTopic: "answers/7",
    correlationData: Uint8Array.of(0, 1, 255),
    userProperties: [["a", "1"], ["b", "ü"], ["a", "2"]],
  } as const;
  await client.publish("a", "x", { qos: 1, properties });
  assertEquals((await subscription.next()).value?.properties, properties);
});

serverTest("topic aliases go both ways unseen", V5, async ({ connect }) => {
  const [sender, receiver] = [await connect(), await connect({ topicAliasMaximum: 4 })];
  const subscription = receiver.subscribe("long/#", { qos: 1 });
  await subscription.ready;
  const topics = Array.from({ length: 60 }, (_, i) => `long/topic/name/${i % 6}`);
  for (const topic of topics) await sender.publish(topic, topic, { qos: 1 });
  for (const topic of topics) {
    const { value: message } = await subscription.next();
    assertEquals([message?.topic, message?.text()], [topic, topic]);
  }
});

serverTest("subscription options do what they say", V5, async ({ connect }) => {
  const [client, other] = [await connect(), await connect()];
  await client.publish("a", "kept", { qos: 1, retain: true });
  const never = client.subscribe("a", { qos: 1, retainHandling: 2, noLocal: true, retainAsPublished: true });
  await never.ready;
  await client.publish("a", "own", { qos: 1 });
  await other.publish("a", "foreign", { qos: 1, retain: true });
  const { value: message } = await never.next();
  assertEquals([message?.text(), message?.retain], ["foreign", true]);
});

serverTest("a shared subscription gives each message to one of the group", V5, async ({ connect }) => {
  const sender = await connect();
  const members = [await connect(), await connect()].map((client) => client.subscribe("$share/g/a", { qos: 1 }));
  await Promise.all(members.map(({ ready }) => ready));
  const count = 20;
  for (let i = 0; i < count; i++) await sender.publish("a", `${i}`, { qos: 1 });
  const seen = new Set<string>();
  const takeAll = async (member: typeof members[number]) => {
    for await (const message of member) {
      seen.add(message.text());
      if (seen.size === count) await Promise.all(members.map((other) => other.return()));
    }
  };
  await Promise.all(members.map(takeAll));
  assertEquals(seen.size, count);
});

serverTest("a publication that nobody gets is told so, or not", V5, async ({ connect }) => {
  const client = await connect();
  const { ok, reasonCode } = await client.publish("nobody", "", { qos: 1 });
  assertEquals(ok, true);
  assertEquals(reasonCode === 0x00 || reasonCode === 0x10, true);
});

serverTest("an empty client identifier is filled by the server, and kept over connections", V5, async (scene) => {
  const client = await scene.connect({ clientId: "" });
  const { clientId } = client;
  assertEquals(clientId === "", false);
  const again = new Promise<boolean>((resolve) => {
    client.addEventListener("connect", ({ sessionPresent }) => resolve(sessionPresent));
  });
  // The event of the first connection comes before any other.
  const first = await again;
  assertEquals(first, false);
  const second = new Promise<boolean>((resolve) => {
    client.addEventListener("connect", ({ sessionPresent }) => resolve(sessionPresent), { once: true });
  });
  scene.breakConnection(client);
  assertEquals([await second, client.clientId], [true, clientId]);
});

serverTest("a second client with the identifier takes the session over for good", V5, async ({ connect }) => {
  const first = await connect({ clientId: "same" });
  const second = await connect({ clientId: "same" });
  await first.closed;
  assertEquals(first.state.kind === "closed" && first.state.error instanceof MqttError, true);
  await assertRejects(() => first.publish("a", ""), DOMException);
  assertEquals((await second.publish("a", "", { qos: 1 })).ok, true);
}, ["Mosquitto"]); // does not say why it closes
