/** Iterators: their bounds, their end, and what slow ones do not disturb. */

import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import { type Message, MqttError, type Subscription } from "../../client/mod.ts";
import { clientTest, deliver, grant, settle } from "./scripted.ts";

async function take(subscription: Subscription, count: number): Promise<(string | undefined)[]> {
  const texts: (string | undefined)[] = [];
  for (let i = 0; i < count; i++) texts.push((await subscription.next()).value?.text());
  return texts;
}

clientTest({ "3.1": "", "3.1.1": "", "5.0": "" }, "a message reads like a response", async ({ connect }) => {
  const { client, peer } = await connect();
  const subscription = client.subscribe("a/#", { qos: 2 });
  await grant(peer);
  await deliver(peer, "a/b", '{"grün":[1]}', { qos: 1, packetId: 3, dup: true, retain: true });
  const { value: message } = await subscription.next();
  assert(message !== undefined);
  assertEquals([message.topic, message.qos, message.dup, message.retain], ["a/b", 1, true, true]);
  assertEquals([message.text(), message.json(), message.size], ['{"grün":[1]}', { grün: [1] }, 13]);
  assertEquals(message.bytes(), new TextEncoder().encode('{"grün":[1]}'));
  assertEquals([message.bytes().byteOffset, message.bytes().buffer.byteLength], [0, 13]);
  assertEquals(message.payload, message.bytes());
  for (
    const [text, expected] of [["", ""], ["plain", "plain"], ["\uFEFFa", "a"], ["a\0b", "a\0b"], [
      "x".repeat(200),
      "x".repeat(200),
    ]]
  ) {
    await deliver(peer, "a", text ?? "");
    assertEquals((await subscription.next()).value?.text(), expected);
  }
  await peer.sendBytes(peer.version === 5 ? "30 05 00 01 61 00 ff" : "30 04 00 01 61 ff");
  const { value: binary } = await subscription.next();
  assertEquals([binary?.text(), [...binary?.bytes() ?? []]], ["\uFFFD", [0xff]]);
  assertThrows(() => binary?.json(), SyntaxError);
});

clientTest({ "5.0": "" }, "messages stay what they are, whatever comes after them", async ({ connect }) => {
  const { client, peer } = await connect();
  const subscription = client.subscribe("#");
  await grant(peer);
  const kept: Message[] = [];
  for (let i = 0; i < 3_000; i++) {
    const size = i % 500 === 0 ? 5_000 : i % 60;
    await deliver(peer, `t/${i % 7}`, `${i}`.padEnd(size, "."), {
      properties: i % 3 === 0 ? { contentType: `c${i}` } : {},
    });
  }
  for (let i = 0; i < 3_000; i++) {
    const { value } = await subscription.next();
    if (value !== undefined) kept.push(value);
  }
  for (const [i, message] of kept.entries()) {
    assertEquals([message.topic, Number.parseInt(message.text())], [`t/${i % 7}`, i]);
    assertEquals(message.properties, i % 3 === 0 ? { contentType: `c${i}` } : {});
  }
});

clientTest(
  { "5.0": "" },
  "a slow reader loses the oldest of QoS 0, within its bounds, and is told so",
  async ({ connect }) => {
    const { client, peer } = await connect();
    const oldest = client.subscribe("a", { maximumMessages: 3 });
    await grant(peer);
    const newest = client.subscribe("a", { maximumMessages: 3, overflow: "drop-newest" });
    await grant(peer);
    const bytes = client.subscribe("a", { maximumBytes: 2 });
    await grant(peer);
    for (let i = 0; i < 8; i++) await deliver(peer, "a", `${i}`);
    await settle();
    assertEquals([oldest.size, newest.size, bytes.size], [3, 3, 2]);
    assertEquals([oldest.dropped, newest.dropped, bytes.dropped], [5, 5, 6]);
    assertEquals(await take(oldest, 3), ["5", "6", "7"]);
    assertEquals(await take(newest, 3), ["0", "1", "2"]);
    assertEquals(await take(bytes, 2), ["6", "7"]);
    // One message has room, whatever its size.
    await deliver(peer, "a", "large");
    assertEquals(await take(bytes, 1), ["large"]);
  },
);

clientTest({ "5.0": "" }, "a slow reader may end with an error instead", async ({ connect }) => {
  const { client, peer } = await connect();
  const subscription = client.subscribe("a", { maximumMessages: 2, overflow: "error" });
  await grant(peer);
  for (let i = 0; i < 4; i++) await deliver(peer, "a", `${i}`);
  assertEquals((await peer.expect("unsubscribe")).filters, ["a"]);
  assertEquals(await take(subscription, 2), ["0", "1"]);
  const error = await assertRejects(() => subscription.next(), MqttError, "at most 2 messages");
  assertEquals(error.reasonCode, 0x97);
  assertEquals(await subscription.next(), { done: true, value: undefined });
});

clientTest(
  { "3.1": "", "3.1.1": "", "5.0": "" },
  "a slow reader loses nothing of QoS 1 and 2: their acknowledgements wait",
  async ({ connect }) => {
    const { client, peer } = await connect();
    const subscription = client.subscribe("a", { qos: 2, maximumMessages: 1 });
    await grant(peer);
    for (let i = 1; i <= 50; i++) await deliver(peer, "a", `${i}`, { qos: i % 2 === 0 ? 1 : 2, packetId: i });
    await peer.expectNothing();
    assertEquals([subscription.size, subscription.dropped], [50, 0]);
    for (let i = 1; i <= 50; i++) {
      assertEquals((await subscription.next()).value?.text(), `${i}`);
      if (i > 1) await peer.expect(i % 2 === 0 ? "pubrec" : "puback", { packetId: i - 1 });
    }
    await peer.expectNothing();
    await subscription.return();
    await peer.take("puback", ({ packetId }) => packetId === 50);
  },
);

clientTest(
  { "3.1": "", "3.1.1": "", "5.0": "" },
  "a reader that stands still does not stop the keep-alive, nor other messages",
  async ({ connect, clock }) => {
    const { client, peer } = await connect({ keepAlive: 10 });
    const stuck = client.subscribe("stuck", { qos: 1 });
    await grant(peer);
    const other = client.subscribe("other");
    await grant(peer);
    for (let i = 1; i <= 500; i++) await deliver(peer, "stuck", "", { qos: 1, packetId: i });
    await stuck.next();
    for (let round = 0; round < 3; round++) {
      clock.advance(7_500);
      await peer.expect("pingreq");
      await peer.send({ type: "pingresp" });
      await deliver(peer, "other", `${round}`);
      assertEquals(await take(other, 1), [`${round}`]);
    }
    clock.advance(7_000);
    await settle();
    assertEquals(client.state.kind, "connected");
  },
);

clientTest(
  { "5.0": "" },
  "a message with several readers is acknowledged when the last one is through with it",
  async ({ connect }) => {
    const { client, peer } = await connect();
    const subscriptions = [client.subscribe("a", { qos: 1 }), client.subscribe("+", { qos: 1 })];
    for (const _ of subscriptions) await grant(peer);
    await deliver(peer, "a", "", { qos: 1, packetId: 1, properties: { subscriptionIdentifiers: [1, 2] } });
    const [one, other] = subscriptions;
    await one?.next();
    void one?.next();
    await peer.expectNothing();
    await other?.next();
    await peer.expectNothing();
    await other?.return();
    await peer.take("puback");
  },
);

clientTest({ "5.0": "" }, "a loop ends in every way that loops end", async ({ connect }) => {
  const { client, peer } = await connect();
  async function loop(body: (message: Message) => boolean): Promise<void> {
    const subscription = client.subscribe("a", { qos: 1 });
    await grant(peer);
    const ended = (async () => {
      for await (const message of subscription) if (body(message)) break;
    })();
    await deliver(peer, "a", "x", { qos: 1, packetId: 1 });
    const { packetId } = await peer.take("unsubscribe");
    await peer.take("puback");
    await peer.send({ type: "unsuback", packetId, reasonCodes: [0] });
    await ended;
    assertEquals(await subscription.next(), { done: true, value: undefined });
  }
  await loop(() => true);
  await assertRejects(
    () =>
      loop(() => {
        throw new Error("in the body");
      }),
    Error,
    "in the body",
  );
  {
    await using subscription = client.subscribe("a");
    await grant(peer);
    await subscription.ready;
    peer.take("unsubscribe").then(({ packetId }) => peer.send({ type: "unsuback", packetId, reasonCodes: [0] }));
  }
  await settle();
});

clientTest({ "5.0": "" }, "an aborted signal ends a subscription, whoever waits for it", async ({ connect }) => {
  const { client, peer } = await connect();
  assertThrows(() => client.subscribe("a", { signal: AbortSignal.abort(new Error("before")) }), Error, "before");
  const controller = new AbortController();
  const subscription = client.subscribe("a", { signal: controller.signal });
  const { packetId } = await peer.expect("subscribe");
  const waiting = [subscription.next(), subscription.next()];
  const rejected = assertRejects(() => Promise.resolve(waiting[0]), Error, "enough");
  const unanswered = assertRejects(() => subscription.ready, Error, "enough");
  controller.abort(new Error("enough"));
  await rejected;
  await unanswered;
  assertEquals(await waiting[1], { done: true, value: undefined });
  assertEquals((await peer.expect("unsubscribe")).filters, ["a"]);
  await peer.send({ type: "suback", packetId, reasonCodes: [0] });
  await settle();
  assertEquals(client.state.kind, "connected");
});

clientTest({ "5.0": "" }, "several calls of next() are answered in order", async ({ connect }) => {
  const { client, peer } = await connect();
  const subscription = client.subscribe("a", { qos: 1 });
  await grant(peer);
  const calls = [subscription.next(), subscription.next(), subscription.next()];
  for (let i = 1; i <= 2; i++) await deliver(peer, "a", `${i}`, { qos: 1, packetId: i });
  assertEquals([(await calls[0])?.value?.text(), (await calls[1])?.value?.text()], ["1", "2"]);
  await peer.expectNothing();
  await subscription.return();
  await peer.take("unsubscribe");
  assertEquals(await calls[2], { done: true, value: undefined });
  await peer.expect("puback", { packetId: 1 });
  await peer.expect("puback", { packetId: 2 });
});

clientTest(
  { "5.0": "" },
  "what the server says right after CONNACK reaches who subscribes right after connect()",
  async (script) => {
    const connecting = script.connecting({ cleanStart: false, clientId: "mine" });
    const peer = await script.accept();
    await peer.expect("connect");
    // In one write, as a server does that has messages in store.
    await peer.send(
      { type: "connack", sessionPresent: true, reasonCode: 0 },
      { type: "publish", topic: "a", payload: new Uint8Array(1), qos: 1, retain: false, dup: false, packetId: 1 },
    );
    const client = await connecting;
    const subscription = client.subscribe("a", { qos: 1 });
    assertEquals((await subscription.next()).value?.size, 1);
  },
);

clientTest({ "5.0": "" }, "the network does not outrun a reader that is awake", async (script) => {
  script.transport = { maximumChunkSize: 65_536, highWaterMark: 1_000_000 };
  const { client, peer } = await script.connect();
  const subscription = client.subscribe("a", { maximumMessages: 15_000 });
  await grant(peer);
  await subscription.ready;
  const count = 100_000;
  const flood = new Uint8Array(count * 6);
  for (let i = 0; i < count; i++) flood.set([0x30, 4, 0, 1, 0x61, 0], i * 6);
  const sent = peer.sendBytes(flood);
  let seen = 0;
  for await (const _ of subscription) if (++seen === count) break;
  await sent;
  assertEquals([seen, subscription.dropped], [count, 0]);
});

clientTest(
  { "5.0": "" },
  "a reader that sleeps on many messages does not slow down those of others",
  async (script) => {
    const { client, peer } = await script.connect();
    const asleep = client.subscribe("asleep", { qos: 1 });
    await grant(peer);
    const awake = client.subscribe("awake", { maximumMessages: 15_000 });
    await grant(peer);
    for (let i = 1; i <= 1_000; i++) await deliver(peer, "asleep", "", { qos: 1, packetId: i });
    const count = 50_000;
    const message = [0x30, 8, 0, 5, 0x61, 0x77, 0x61, 0x6b, 0x65, 0];
    const flood = new Uint8Array(count * message.length);
    for (let i = 0; i < count; i++) flood.set(message, i * message.length);
    const sent = peer.sendBytes(flood);
    let seen = 0;
    for await (const _ of awake) if (++seen === count) break;
    await sent;
    assertEquals([seen, awake.dropped, asleep.size], [count, 0, 1_000]);
  },
);

clientTest({ "3.1.1": "", "5.0": "" }, "user properties go with UNSUBSCRIBE", async ({ connect, version }) => {
  const { client, peer } = await connect();
  const subscription = client.subscribe(["a", "b"]);
  await grant(peer);
  const ended = subscription.unsubscribe({ properties: { userProperties: [["why", "test"]] } });
  const { packetId, properties } = await peer.expect("unsubscribe", { filters: ["a", "b"] });
  assertEquals(properties?.userProperties, version === 5 ? [["why", "test"]] : undefined);
  await peer.send({ type: "unsuback", packetId, reasonCodes: [0, 0] });
  await ended;
});

clientTest(
  { "3.1.1": "", "5.0": "" },
  "what a session of before has is given back, and what this client wants stays",
  async ({ connect, version }) => {
    const { client, peer } = await connect({ cleanStart: false }, { sessionPresent: true });
    client.subscribe("mine");
    await grant(peer);
    const ended = client.unsubscribe(["old/#", "mine", "older"], { properties: { userProperties: [["why", "test"]] } });
    const { packetId, properties } = await peer.expect("unsubscribe", { filters: ["old/#", "older"] });
    assertEquals(properties?.userProperties, version === 5 ? [["why", "test"]] : undefined);
    await peer.send({ type: "unsuback", packetId, reasonCodes: [0, 0x11] });
    await ended;
    await client.unsubscribe("mine");
    await peer.expectNothing();
    assertThrows(() => client.unsubscribe("a#"), MqttError);
  },
);

clientTest({ "3.1": "", "3.1.1": "" }, "a client may say that it is a bridge", async ({ connect }) => {
  const { packet } = await connect({ isBridge: true });
  assertEquals(packet.isBridge, true);
});

clientTest({ "5.0": "" }, "a copy for a subscription that has ended goes to no other one", async ({ connect }) => {
  // A server may send a copy for each subscription that a message matches.
  const { client, peer } = await connect();
  const ids: number[] = [];
  const subscribe = async (filter: string): Promise<Subscription> => {
    const subscription = client.subscribe(filter, { qos: 2 });
    const { packetId, properties } = await peer.expect("subscribe");
    ids.push(properties?.subscriptionIdentifiers?.[0] ?? 0);
    await peer.send({ type: "suback", packetId, reasonCodes: [2] });
    await subscription.ready;
    return subscription;
  };
  const one = await subscribe("a/#");
  const other = await subscribe("a/+");
  // That another one comes to the same filter changes nothing about the messages that are under way.
  const late = await subscribe("a/#");
  assertEquals(ids[2], ids[0]);
  const send = async (payload: string) => {
    for (const [i, identifier] of ids.slice(0, 2).entries()) {
      await deliver(peer, "a/b", payload, {
        properties: { subscriptionIdentifiers: [identifier] },
        qos: 1,
        packetId: i + 1,
      });
    }
    await settle();
  };
  await send("first");
  assertEquals([one.size, other.size, late.size], [1, 1, 1]);
  await one.return();
  await send("second");
  assertEquals([other.size, late.size], [2, 2]);
  await late.return();
  await send("third");
  assertEquals(await take(other, 3), ["first", "second", "third"]);
  assertEquals(other.size, 0);
});

clientTest(
  { "3.1.1": "", "5.0": "" },
  "what the server may still have of an ended subscription is given back, also after another one to the same filter",
  async (script) => {
    const { client, peer } = await script.connect({ cleanStart: script.version === 5 });
    const first = client.subscribe("a");
    await grant(peer);
    await first.ready;
    await peer.close();
    await settle();
    await first.unsubscribe(); // does not wait for a connection
    await client.subscribe("a").unsubscribe();
    const next = script.acceptWith({ sessionPresent: true });
    await script.passWait();
    const again = (await next).peer;
    assertEquals((await again.expect("unsubscribe")).filters, ["a"]);
    await again.expectNothing();
  },
);
