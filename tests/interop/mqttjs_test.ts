/** What MQTT.js does in every version of the protocol, against our broker. @module */

import { assert, assertEquals } from "@std/assert";
import { ALL, event, testMqttJs, text } from "./mqttjs.ts";

const QOS = [0, 1, 2] as const;

/** Publications under way at a time: MQTT.js does not look at the receive maximum of the server. */
const WINDOW = 20;

testMqttJs("a message arrives at the lower QoS of publication and subscription", ALL, async (connect) => {
  const sender = await connect();
  for (const granted of QOS) {
    const receiver = await connect();
    const [grant] = await receiver.client.subscribeAsync("a/+", { qos: granted });
    assertEquals(grant?.qos, granted);
    for (const qos of QOS) await sender.client.publishAsync("a/b", `qos ${qos}`, { qos });
    const messages = await receiver.take(QOS.length);
    assertEquals(
      messages.map((message) => [text(message), message.packet.qos, message.packet.retain]),
      QOS.map((qos) => [`qos ${qos}`, Math.min(qos, granted), false]),
    );
  }
});

testMqttJs("many messages arrive in order, at every QoS", ALL, async (connect) => {
  const count = 2_000;
  const sender = await connect();
  const receiver = await connect();
  for (const qos of QOS) {
    await receiver.client.subscribeAsync(`order/${qos}`, { qos });
    for (let index = 0; index < count; index += WINDOW) {
      const batch = Array.from({ length: WINDOW }, (_, offset) => String(index + offset));
      await Promise.all(batch.map((payload) => sender.client.publishAsync(`order/${qos}`, payload, { qos })));
    }
    const messages = await receiver.take(count);
    assertEquals(messages.map(text), Array.from({ length: count }, (_, index) => String(index)));
  }
});

testMqttJs("a payload of 1 MiB arrives whole, at every QoS", ALL, async (connect) => {
  const sender = await connect();
  const receiver = await connect();
  await receiver.client.subscribeAsync("big", { qos: 2 });
  const payload = Uint8Array.from({ length: 1 << 20 }, (_, index) => (index * 31 + (index >> 8) * 7) & 0xff);
  for (const qos of QOS) {
    await sender.client.publishAsync("big", Buffer.from(payload), { qos });
    const [message] = await receiver.take(1);
    assert(message && Buffer.compare(message.payload, payload) === 0, `the payload differs at QoS ${qos}`);
  }
});

testMqttJs("retained messages are kept, replaced and cleared", ALL, async (connect) => {
  const sender = await connect();
  await sender.client.publishAsync("state/a", "old", { retain: true, qos: 1 });
  await sender.client.publishAsync("state/a", "on", { retain: true, qos: 1 });
  const first = await connect();
  await first.client.subscribeAsync("state/#", { qos: 1 });
  const [kept] = await first.take(1);
  assertEquals(kept && [text(kept), kept.packet.retain], ["on", true]);

  await sender.client.publishAsync("state/a", "", { retain: true, qos: 1 });
  const [clearing] = await first.take(1);
  assertEquals(clearing && [text(clearing), clearing.packet.retain], ["", false]);
  const second = await connect();
  await second.client.subscribeAsync("state/#");
  await sender.client.publishAsync("state/end", "end");
  const [next] = await second.take(1);
  assertEquals(next?.topic, "state/end");
});

testMqttJs("a will is published for a lost connection alone", ALL, async (connect) => {
  const watcher = await connect();
  await watcher.client.subscribeAsync("will/#", { qos: 1 });
  const will = (id: string) => ({ topic: `will/${id}`, payload: Buffer.from("gone"), qos: 1, retain: false }) as const;
  const polite = await connect({ clientId: "polite", will: will("polite") });
  const lost = await connect({ clientId: "lost", will: will("lost") });
  await polite.client.endAsync();
  lost.cut();
  const [message] = await watcher.take(1);
  assertEquals([message?.topic, message && text(message)], ["will/lost", "gone"]);
});

testMqttJs("a persistent session goes on after the connection is lost", ALL, async (connect, version) => {
  const options = {
    clientId: "keeper",
    clean: false,
    reconnectPeriod: 20,
    ...(version === 5 ? { properties: { sessionExpiryInterval: 60 } } : {}),
  };
  const sender = await connect();
  const keeper = await connect({ ...options, resubscribe: false });
  await keeper.client.subscribeAsync("mail", { qos: 2 });
  const closed = event(keeper.client, "close");
  const back = event(keeper.client, "connect");
  keeper.cut();
  await closed;
  const sent = [0, 1, 2, 3, 4].map((index) => sender.client.publishAsync("mail", String(index), { qos: 2 }));
  await Promise.all(sent);
  await back;
  assertEquals((await keeper.take(5)).map(text), ["0", "1", "2", "3", "4"]);
});

testMqttJs("unsubscribed filters get nothing more", ALL, async (connect) => {
  const peer = await connect();
  await peer.client.subscribeAsync(["one", "two"], { qos: 1 });
  await peer.client.unsubscribeAsync("one");
  await peer.client.publishAsync("one", "x", { qos: 1 });
  await peer.client.publishAsync("two", "y", { qos: 1 });
  const [message] = await peer.take(1);
  assertEquals(message?.topic, "two");
});

testMqttJs("pings are answered", ALL, async (connect) => {
  const peer = await connect({ keepalive: 1 });
  const answered = Promise.withResolvers<void>();
  peer.client.on("packetreceive", ({ cmd }) => {
    if (cmd === "pingresp") answered.resolve();
  });
  await answered.promise;
  assert(peer.client.connected);
});

testMqttJs("a second connection takes over the client identifier", ALL, async (connect) => {
  const first = await connect({ clientId: "twin" });
  const closed = event(first.client, "close");
  const second = await connect({ clientId: "twin" });
  await closed;
  await second.client.subscribeAsync("x");
  await second.client.publishAsync("x", "mine");
  assertEquals((await second.take(1)).map(text), ["mine"]);
});
