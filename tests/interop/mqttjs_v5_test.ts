/** What MQTT.js does in MQTT 5.0 alone, against our broker. @module */

import { assert, assertEquals, assertObjectMatch } from "@std/assert";
import { testMqttJs, text } from "./mqttjs.ts";

testMqttJs("the properties of a publication arrive", [5], async (connect) => {
  const peer = await connect();
  await peer.client.subscribeAsync("doc", { qos: 1, properties: { subscriptionIdentifier: 9 } });
  const properties = {
    payloadFormatIndicator: true,
    contentType: "application/json",
    responseTopic: "doc/answers",
    correlationData: Buffer.from([0, 1, 255]),
    userProperties: { colour: ["blue", "red"], größe: "L" },
  };
  await peer.client.publishAsync("doc", "{}", { qos: 1, properties: { ...properties, messageExpiryInterval: 60 } });
  const [message] = await peer.take(1);
  const received = message?.packet.properties ?? {};
  assertObjectMatch({ ...received }, {
    payloadFormatIndicator: true,
    contentType: "application/json",
    responseTopic: "doc/answers",
    subscriptionIdentifier: 9,
  });
  assertEquals({ ...received.userProperties }, { colour: ["blue", "red"], größe: "L" });
  assertEquals(received.correlationData?.toString("hex"), "0001ff");
  assert((received.messageExpiryInterval ?? 0) > 50);
});

testMqttJs("topic aliases in both directions", [5], async (connect) => {
  const sender = await connect({ autoAssignTopicAlias: true });
  const receiver = await connect({ properties: { topicAliasMaximum: 3 } });
  await receiver.client.subscribeAsync("alias/#", { qos: 1 });
  const topics = Array.from({ length: 30 }, (_, index) => `alias/with/a/long/name/${index % 5}`);
  for (const topic of topics) await sender.client.publishAsync(topic, topic, { qos: 1 });
  const messages = await receiver.take(topics.length);
  assertEquals(messages.map(text), topics);
  assertEquals(messages.map(({ topic }) => topic), topics);
});

testMqttJs("a shared subscription gives each message to one of its group", [5], async (connect) => {
  const workers = await Promise.all([connect(), connect(), connect()]);
  for (const { client } of workers) await client.subscribeAsync(["$share/group/jobs/+", "end"], { qos: 1 });
  const sender = await connect();
  for (let index = 0; index < 60; index++) await sender.client.publishAsync("jobs/x", String(index), { qos: 1 });
  await sender.client.publishAsync("end", "end", { qos: 1 });
  const taken: string[] = [];
  for (const worker of workers) {
    for (let [message] = await worker.take(1); message?.topic !== "end"; [message] = await worker.take(1)) {
      if (message) taken.push(text(message));
    }
  }
  assertEquals(taken.map(Number).toSorted((a, b) => a - b), Array.from({ length: 60 }, (_, index) => index));
});

testMqttJs("subscription options: no local, retain as published, retain handling", [5], async (connect) => {
  const peer = await connect();
  const other = await connect();
  await other.client.publishAsync("kept", "old", { retain: true, qos: 1 });
  await peer.client.subscribeAsync("kept", { qos: 1, rap: true, rh: 2 });
  await peer.client.subscribeAsync("mine", { qos: 1, nl: true });
  await peer.client.publishAsync("mine", "from myself", { qos: 1 });
  await other.client.publishAsync("mine", "from another", { qos: 1 });
  await other.client.publishAsync("kept", "new", { retain: true, qos: 1 });
  const messages = await peer.take(2);
  assertEquals(messages.map((message) => [text(message), message.packet.retain]), [
    ["from another", false],
    ["new", true],
  ]);
});

testMqttJs("a client's receive maximum is obeyed", [5], async (connect) => {
  const receiver = await connect({
    properties: { receiveMaximum: 2 },
    // Acknowledgements wait for this call to end.
    customHandleAcks: (_topic, _message, _packet, done) => {
      open++;
      most = Math.max(most, open);
      setTimeout(() => {
        open--;
        done(0);
      }, 1);
    },
  });
  let open = 0;
  let most = 0;
  await receiver.client.subscribeAsync("slow", { qos: 1 });
  const sender = await connect();
  await Promise.all(
    Array.from({ length: 50 }, (_, index) => sender.client.publishAsync("slow", String(index), { qos: 1 })),
  );
  const messages = await receiver.take(50);
  assertEquals(messages.map(text), Array.from({ length: 50 }, (_, index) => String(index)));
  assert(most <= 2, `${most} deliveries were open at a time`);
});

testMqttJs("an empty client identifier gets one assigned", [5], async (connect) => {
  const peer = await connect({ clientId: "" });
  assert(peer.client.connected);
  await peer.client.subscribeAsync("x");
  await peer.client.publishAsync("x", "y");
  assertEquals((await peer.take(1)).map(text), ["y"]);
});

testMqttJs("a delayed will waits for the session to go on", [5], async (connect) => {
  const watcher = await connect();
  await watcher.client.subscribeAsync("will/#", { qos: 1 });
  const options = {
    clientId: "flaky",
    clean: false,
    properties: { sessionExpiryInterval: 60 },
    will: {
      topic: "will/flaky",
      payload: Buffer.from("gone"),
      qos: 1,
      retain: false,
      properties: { willDelayInterval: 1, contentType: "text/plain" },
    },
  } as const;
  const first = await connect(options);
  first.cut();
  const second = await connect(options);
  await watcher.client.publishAsync("will/marker", "no will yet", { qos: 1 });
  const [marker] = await watcher.take(1);
  assertEquals(marker?.topic, "will/marker");
  second.cut();
  const [will] = await watcher.take(1);
  assertEquals([will?.topic, will?.packet.properties?.contentType], ["will/flaky", "text/plain"]);
});
