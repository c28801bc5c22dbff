/** Publications that wait: their bounds, the policies for a full queue, and giving up. */

import { assert, assertEquals, assertRejects } from "@std/assert";
import { type ConnectInit, json, MqttError, type PublishResult } from "../../client/mod.ts";
import { clientTest, ignoreFailure, type Script, settle } from "./scripted.ts";

/** A client without a connection, which it had. */
async function offline(script: Script, init: ConnectInit = {}) {
  const { client, peer } = await script.connect(init);
  await peer.close();
  await settle();
  return client;
}

/** What the next connection gets, as `topic payload`. */
async function nextConnection(script: Script, count: number): Promise<string[]> {
  const next = script.acceptWith();
  await script.passWait();
  const { peer } = await next;
  const packets = await peer.expectMany("publish", count);
  for (const { packetId } of packets) {
    if (packetId !== undefined) await peer.send({ type: "puback", packetId, reasonCode: 0 });
  }
  await peer.expectNothing();
  return packets.map(({ topic, payload }) => `${topic} ${new TextDecoder().decode(payload)}`);
}

clientTest(
  { "3.1": "", "3.1.1": "", "5.0": "" },
  "publications without a connection wait for the next one, in order",
  async (script) => {
    const client = await offline(script);
    const results = [1, 1, 0, 0, 1].map((qos, i) => client.publish(`qos${qos}`, `${i}`, { qos: qos as 0 | 1 }));
    assertEquals(client.pending.messages, 5);
    const sent = await nextConnection(script, 5);
    assertEquals(sent.filter((line) => line.startsWith("qos0")), ["qos0 2", "qos0 3"]);
    assertEquals(sent.filter((line) => line.startsWith("qos1")), ["qos1 0", "qos1 1", "qos1 4"]);
    assertEquals((await Promise.all(results)).every(({ ok }) => ok), true);
    assertEquals(client.pending, { messages: 0, bytes: 0 });
  },
);

clientTest({ "5.0": "" }, "publications of QoS 0 need not wait for a connection", async (script) => {
  const client = await offline(script, { queue: { qos0: false } });
  assertEquals(await client.publish("a", ""), { ok: false, reasonCode: 0x80, properties: {} });
  const kept = client.publish("b", "", { qos: 1 });
  assertEquals(await nextConnection(script, 1), ["b "]);
  assert((await kept).ok);
});

clientTest({ "5.0": "" }, "policy reject: a full queue refuses", async (script) => {
  const client = await offline(script, { queue: { messages: 2, overflow: "reject" } });
  const kept = [client.publish("a", "1", { qos: 1 }), client.publish("a", "2", { qos: 1 })];
  for (const qos of [0, 1, 2] as const) {
    const error = await assertRejects(() => client.publish("a", "3", { qos }), MqttError, "at most 2 messages");
    assertEquals(error.reasonCode, 0x97);
  }
  assertEquals(await nextConnection(script, 2), ["a 1", "a 2"]);
  await Promise.all(kept);
});

clientTest({ "5.0": "" }, "policy drop-newest: a full queue drops what comes", async (script) => {
  const client = await offline(script, { queue: { messages: 2, overflow: "drop-newest" } });
  const results = ["1", "2", "3"].map((payload) => client.publish("a", payload, { qos: 1 }));
  assertEquals(await results[2], { ok: false, reasonCode: 0x97, properties: {} });
  assertEquals(await nextConnection(script, 2), ["a 1", "a 2"]);
  await Promise.all(results);
});

clientTest(
  { "5.0": "" },
  "policy drop-oldest: a full queue drops what waits longest and was not sent",
  async (script) => {
    const { client, peer } = await script.connect({ queue: { messages: 3, overflow: "drop-oldest" } });
    const results: Promise<PublishResult>[] = [client.publish("a", "in flight", { qos: 1 })];
    ignoreFailure(results[0] ?? Promise.resolve());
    await peer.expect("publish");
    await peer.close();
    await settle();
    for (const payload of ["1", "2", "3", "4"]) results.push(client.publish("a", payload, { qos: 1 }));
    assertEquals([(await results[1])?.reasonCode, (await results[2])?.reasonCode], [0x97, 0x97]);
    assertEquals((await nextConnection(script, 3)).sort(), ["a 3", "a 4", "a in flight"]);
    await Promise.all(results);
  },
);

clientTest({ "5.0": "" }, "policy wait: callers stand in line, which has an end", async (script) => {
  const client = await offline(script, { queue: { messages: 3 } });
  let isReady = false;
  const results = Array.from({ length: 6 }, (_, i) => client.publish("a", `${i}`, { qos: 1 }));
  const ready = client.ready.then(() => isReady = true);
  await assertRejects(() => client.publish("a", "too many", { qos: 1 }), MqttError, "at most 3 messages");
  await settle();
  assertEquals([isReady, client.pending.messages], [false, 6]);
  assertEquals((await nextConnection(script, 6)).length, 6);
  await ready;
  await Promise.all(results);
});

clientTest({ "5.0": "" }, "the queue is bounded in bytes, too; one message always fits", async (script) => {
  const client = await offline(script, { queue: { bytes: 1_000, overflow: "reject" } });
  const large = client.publish("a", new Uint8Array(2_000), { qos: 1 });
  assertEquals(client.pending.bytes, 2_001);
  await assertRejects(() => client.publish("a", "", { qos: 1 }), MqttError, "1000 bytes");
  assertEquals((await nextConnection(script, 1)).length, 1);
  await large;
  assertEquals(client.pending, { messages: 0, bytes: 0 });
});

clientTest(
  { "3.1.1": "", "5.0": "" },
  "an aborted publication is not sent if it was not yet, and goes on if it was",
  async (script) => {
    const { client, peer } = await script.connect({ cleanStart: script.version === 5 });
    const early = new AbortController();
    const sent = client.publish("a", "sent", { qos: 1, signal: early.signal });
    const { packetId = 0 } = await peer.expect("publish");
    const sentAborted = assertRejects(() => sent, Error, "no more");
    early.abort(new Error("no more"));
    await sentAborted;
    await peer.close();
    await settle();
    const late = new AbortController();
    const waiting = [0, 1, 2].map((qos) => client.publish("a", "waits", { qos: qos as 0, signal: late.signal }));
    const aborted = waiting.map((publication) => assertRejects(() => publication, Error, "never mind"));
    late.abort(new Error("never mind"));
    await Promise.all(aborted);
    await assertRejects(() => client.publish("a", "", { signal: AbortSignal.abort(new Error("no")) }), Error, "no");
    const kept = client.publish("a", "kept", { qos: 1 });
    const next = script.acceptWith({ sessionPresent: true });
    await script.passWait();
    const again = (await next).peer;
    await again.expect("publish", { dup: true, packetId, payload: "sent" });
    const last = await again.expect("publish", { dup: false, payload: "kept" });
    for (const id of [packetId, last.packetId ?? 0]) await again.send({ type: "puback", packetId: id, reasonCode: 0 });
    assert((await kept).ok);
    assertEquals(client.pending, { messages: 0, bytes: 0 });
  },
);

clientTest(
  { "5.0": "" },
  "payloads of every kind arrive as bytes, and are the caller's again at once",
  async ({ connect }) => {
    const { client, peer } = await connect();
    const bytes = Uint8Array.from([9, 1, 2, 3, 9]);
    const view = bytes.subarray(1, 4);
    const kinds = [
      view,
      view.slice().buffer,
      new DataView(bytes.buffer, 1, 3),
      new Blob([view]),
      new Blob([view]).stream(),
      new Uint8Array(new SharedArrayBuffer(3)).fill(7),
    ];
    for (const qos of [0, 1] as const) {
      for (const [i, payload] of kinds.entries()) {
        const source = payload instanceof ReadableStream ? new Blob([view]).stream() : payload;
        ignoreFailure(client.publish("a", source, { qos }));
        if (i === 0) view.fill(0);
        const packet = await peer.expect("publish");
        assertEquals([...packet.payload], i === 5 ? [7, 7, 7] : [1, 2, 3]);
        view.set([1, 2, 3]);
      }
    }
    for (const text of ["", "grün", "€".repeat(1_000), "a".repeat(513), "\uD800", "x\0y"]) {
      for (const qos of [0, 1] as const) {
        ignoreFailure(client.publish("a", text, { qos }));
        assertEquals((await peer.expect("publish")).payload, new TextEncoder().encode(text));
      }
    }
    await client.publish("a", json({ a: [1, "ü"] }));
    assertEquals((await peer.expect("publish")).payload, new TextEncoder().encode('{"a":[1,"ü"]}'));
  },
);

clientTest({ "5.0": "" }, "payloads that are none, or cannot be read, are refused", async ({ connect }) => {
  const { client } = await connect({ queue: { bytes: 100 } });
  for (const payload of [undefined, null, 1, {}, []]) {
    await assertRejects(() => client.publish("a", payload as unknown as string), TypeError, "payload must be");
  }
  const broken = new ReadableStream<Uint8Array>({ pull: (controller) => controller.error(new Error("broken")) });
  await assertRejects(() => client.publish("a", broken), Error, "broken");
  let isCancelled = false;
  const endless = new ReadableStream<Uint8Array>({
    pull: (controller) => controller.enqueue(new Uint8Array(30)),
    cancel: () => void (isCancelled = true),
  });
  const error = await assertRejects(() => client.publish("a", endless), MqttError, "at most 100 bytes");
  assertEquals([error.reasonCode, isCancelled], [0x95, true]);
  await assertRejects(() => client.publish("a", new Blob([new Uint8Array(101)])), MqttError, "at most 100 bytes");
  const slow = new ReadableStream<Uint8Array>({ pull: () => new Promise(() => {}) });
  const controller = new AbortController();
  const aborted = assertRejects(() => client.publish("a", slow, { signal: controller.signal }), Error, "enough");
  controller.abort(new Error("enough"));
  await aborted;
  for (const value of [undefined, () => 0, Symbol()]) {
    try {
      json(value);
      assert(false);
    } catch (error) {
      assert(error instanceof TypeError);
    }
  }
});

clientTest(
  { "5.0": "" },
  "QoS 0 waits while the network does not take it, and reports what is lost",
  async (script) => {
    script.transport = { highWaterMark: 0 };
    const { client, peer } = await script.connect({ queue: { messages: 10, overflow: "reject" } });
    peer.pause();
    const results: Promise<PublishResult>[] = [];
    const payload = new Uint8Array(60_000);
    let refused = 0;
    for (let i = 0; i < 30; i++) {
      results.push(
        client.publish("a", payload).catch((error) => {
          refused++;
          assertEquals(error.reasonCode, 0x97);
          return { ok: true, reasonCode: 0, properties: {} };
        }),
      );
    }
    let isReady = false;
    const ready = client.ready.then(() => isReady = true);
    await settle();
    assert(refused > 10 && refused < 20, `${refused}`);
    assertEquals(isReady, false);
    peer.resume();
    await Promise.all([...results, ready]);
    assertEquals(await peer.expectMany("publish", 30 - refused).then((packets) => packets.length), 30 - refused);

    peer.pause();
    const lost: Promise<PublishResult>[] = [];
    for (let i = 0; i < 5; i++) lost.push(client.publish("a", payload));
    const kept = client.publish("a", "waits for the next connection");
    await settle();
    await peer.close();
    assertEquals((await Promise.all(lost)).some(({ ok }) => !ok), true);
    assertEquals(await nextConnection(script, 1), ["a waits for the next connection"]);
    assert((await kept).ok);
  },
);

clientTest(
  { "3.1.1": "", "5.0": "" },
  "no more are under way than the queue allows, nor than the server takes",
  async (script) => {
    for (const [inFlight, receiveMaximum, expected] of [[1, 10, 1], [3, 2, script.version === 5 ? 2 : 3]] as const) {
      const { client, peer } = await script.connect({ queue: { inFlight } }, { properties: { receiveMaximum } });
      const results = [0, 1, 2, 3].map((i) => client.publish("a", `${i}`, { qos: 1 }));
      const sent = await peer.expectMany("publish", expected);
      await peer.expectNothing();
      for (let i = 0; i < results.length; i++) {
        const { packetId = 0, payload } = sent[i] ?? await peer.expect("publish");
        assertEquals(new TextDecoder().decode(payload), `${i}`);
        await peer.send({ type: "puback", packetId, reasonCode: 0 });
        assert((await results[i])?.ok);
      }
      await client.close();
    }
  },
);

clientTest(
  { "5.0": "" },
  "what waits is not taken for sent when the server frees its place and disconnects at once",
  async (script) => {
    const { client, peer } = await script.connect({}, { properties: { receiveMaximum: 1 } });
    const first = client.publish("a", "first", { qos: 1 });
    const second = client.publish("a", "second", { qos: 2 });
    const { packetId = 0 } = await peer.expect("publish");
    await peer.send({ type: "puback", packetId, reasonCode: 0 }, { type: "disconnect", reasonCode: 0x8b });
    assertEquals((await first).ok, true);
    // The server has lost the session: of QoS 2, what was sent could not be sent again.
    const { peer: next } = await script.reconnect(peer);
    const again = await next.expect("publish", { payload: "second", dup: false });
    await next.send({ type: "pubrec", packetId: again.packetId ?? 0, reasonCode: 0x10 });
    await next.expect("pubrel");
    await next.send({ type: "pubcomp", packetId: again.packetId ?? 0, reasonCode: 0 });
    assertEquals((await second).ok, true);
  },
);

clientTest({ "5.0": "" }, "drop-oldest: large messages push out as many small ones as it takes", async (script) => {
  const client = await offline(script, { queue: { bytes: 10_000, overflow: "drop-oldest" } });
  const publish = (payload: string, count: number) =>
    Array.from({ length: count }, () => client.publish("a", payload, { qos: 1 }));
  const small = publish("x", 1_000);
  const large = publish("x".repeat(4_000), 20);
  assert(client.pending.bytes <= 14_001, `${client.pending.bytes} bytes`);
  assertEquals((await Promise.all(small)).some(({ ok }) => ok), false);
  assertEquals((await Promise.all(large.slice(0, 17))).some(({ ok }) => ok), false);
  large.slice(17).forEach(ignoreFailure);
  await client.close({ force: true });
});

clientTest({ "5.0": "" }, "what is no topic name is misuse, also of a message that would not wait", async (script) => {
  const client = await offline(script, { queue: { qos0: false } });
  assertEquals((await client.publish("a", "")).ok, false);
  const error = await assertRejects(() => client.publish("a/#", ""), MqttError);
  assertEquals(error.reasonCode, 0x90);
});

clientTest(
  { "5.0": "" },
  "QoS 2 that a server takes no more after a reconnect is given up, and its identifier given back to the server",
  async (script) => {
    const { client, peer } = await script.connect();
    const publishing = client.publish("a", "x".repeat(100), { qos: 2 });
    const rejected = assertRejects(() => publishing, MqttError, "packet must have at most 50 bytes");
    const { packetId = 0 } = await peer.expect("publish");
    const { peer: next } = await script.reconnect(peer, {
      sessionPresent: true,
      properties: { maximumPacketSize: 50 },
    });
    await rejected;
    await next.expect("pubrel", { packetId });
    await next.send({ type: "pubcomp", packetId, reasonCode: 0 });
    const closed = client.close();
    await next.expect("disconnect");
    await closed;
  },
);
