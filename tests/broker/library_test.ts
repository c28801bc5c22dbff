/** The broker as a library: importing starts nothing, an application serves transports, publishes and closes. */

import { assert, assertEquals, assertInstanceOf, assertMatch, assertRejects, assertThrows } from "@std/assert";
import { Broker, listen, MqttError } from "../../broker/mod.ts";
import { memoryTransportPair } from "../../engine/memory_transport.ts";
import type { Transport } from "../../engine/transport.ts";
import { bounded, startBroker, until } from "../support/broker.ts";
import { runProcess } from "../support/process.ts";
import { RawClient } from "../support/raw_client.ts";
import type { RawConnectOptions } from "../support/raw_packets.ts";

/** Connects a client to a broker in memory; `served` settles when the broker is done with it. */
async function connectTo(broker: Broker, options: RawConnectOptions = {}) {
  const [ours, theirs] = memoryTransportPair();
  const served = broker.serve(theirs);
  return { client: await RawClient.connect(ours, options), served };
}

Deno.test("broker library: importing it starts nothing and says nothing", () =>
  bounded(async () => {
    const code = 'await import("./broker/mod.ts"); await import("./broker/broker.ts");';
    const { code: status, stdout, stderr } = await runProcess(Deno.execPath(), ["eval", code]);
    assertEquals({ status, stdout, stderr }, { status: 0, stdout: "", stderr: "" });
  }, 30_000));

Deno.test("broker library: a broker that nobody uses leaves nothing behind", async () => {
  const broker = new Broker();
  assertEquals(broker.counts().connections, 0);
  await broker.close();
  assertEquals(broker.counts().timers, 0);
});

Deno.test("broker library: it serves a transport in memory, in every version", () =>
  bounded(async () => {
    await using broker = new Broker({ sysInterval: 0 });
    for (const version of [3, 4, 5] as const) {
      const { client, served } = await connectTo(broker, { version });
      await client.subscribe("a/#", { qos: 2 });
      await client.publish("a/b", "in memory", { qos: 1 });
      await client.expect("publish", { topic: "a/b", payload: "in memory", qos: 1 });
      assertEquals(broker.counts().connections, 1);
      await client.disconnect();
      await served;
      assertEquals(broker.counts().connections, 0);
    }
  }));

Deno.test("broker library: the application publishes to clients, with retain, QoS and properties", () =>
  bounded(async () => {
    await using broker = new Broker({ sysInterval: 0 });
    broker.publish({ topic: "a/kept", payload: "before", retain: true, qos: 1 });
    const { client } = await connectTo(broker);
    await client.subscribe("a/#", { qos: 2 });
    await client.expect("publish", { topic: "a/kept", payload: "before", retain: true, qos: 1 });
    broker.publish({ topic: "a/0", payload: "text" });
    broker.publish({ topic: "a/2", payload: Uint8Array.of(1, 2), qos: 2, properties: { contentType: "x/y" } });
    broker.publish({ topic: "a/kept", payload: "", retain: true });
    await client.expect("publish", { topic: "a/0", payload: "text", qos: 0, retain: false });
    const properties = { contentType: "x/y" };
    await client.expect("publish", { topic: "a/2", payload: Uint8Array.of(1, 2), qos: 2, properties });
    await client.expect("publish", { topic: "a/kept", payload: "", retain: false });
    assertEquals(broker.counts().retained, 0);
    await client.close();
  }));

Deno.test("broker library: bytes that the application has published are its own again", () =>
  bounded(async () => {
    await using broker = new Broker({ sysInterval: 0 });
    const payload = Uint8Array.of(1, 1, 1);
    const { client } = await connectTo(broker, { version: 4, clientId: "away", cleanStart: false });
    await client.subscribe("a", { qos: 1 });
    await client.disconnect();
    broker.publish({ topic: "a", payload, qos: 1, retain: true });
    payload.fill(9);
    const { client: back } = await connectTo(broker, { version: 4, clientId: "away", cleanStart: false });
    await back.expect("publish", { payload: Uint8Array.of(1, 1, 1) });
    await back.subscribe("a");
    await back.expect("publish", { payload: Uint8Array.of(1, 1, 1), retain: true });
    await back.close();
  }));

Deno.test("broker library: publishing to a topic that is none throws", async () => {
  await using broker = new Broker();
  for (const topic of ["", "a/#", "+", "a\0b", "x".repeat(65_536)]) {
    const error = assertThrows(() => broker.publish({ topic, payload: "" }));
    assert(error instanceof MqttError || error instanceof RangeError, `${topic.slice(0, 9)}: ${error}`);
  }
});

Deno.test("broker library: an option out of its range throws and says which", () => {
  const wrong = [
    { maxPacketSize: 19 },
    { maxPacketSize: 268_435_461 },
    { maxInflightMessages: 0 },
    { maxInflightMessages: 65_536 },
    { maxQueuedMessages: 0 },
    { maxTopicAlias: -1 },
    { maxTopicAlias: 65_536 },
    { maxKeepAlive: 65_536 },
    { connectTimeout: 0 },
    { maxConnections: 0 },
    { sysInterval: 0.5 },
    { maxRetainedMessages: NaN },
  ];
  for (const options of wrong) {
    const [name = "", value] = Object.entries(options)[0] ?? [];
    const error = assertThrows(() => new Broker(options), RangeError);
    assertMatch(error.message, new RegExp(`option ${name}.* must be .*received ${value}`));
  }
});

Deno.test("broker library: two brokers in one process know nothing of each other", () =>
  bounded(async () => {
    await using one = await startBroker({ sysInterval: 0 });
    await using two = await startBroker({ sysInterval: 0 });
    const account = { clientId: "same", cleanStart: false, version: 4 as const };
    await using first = await RawClient.connect(one.port, account);
    await using second = await RawClient.connect(two.port, account);
    await first.subscribe("a", { qos: 1 });
    await second.subscribe("a", { qos: 1 });
    one.broker.publish({ topic: "a", payload: "one", retain: true });
    two.broker.publish({ topic: "a", payload: "two" });
    await first.expect("publish", { payload: "one" });
    await second.expect("publish", { payload: "two" });
    assertEquals(await first.barrier(), []);
    assertEquals(await second.barrier(), []);
    assertEquals([one.broker.counts().retained, two.broker.counts().retained], [1, 0]);
    await first.disconnect();
    await one.broker.close();
    await second.publish("a", "still here", { qos: 1 });
  }));

Deno.test("broker library: close tells 5.0 clients why, ends all others, and resolves when they are gone", () =>
  bounded(async () => {
    const broker = new Broker();
    const clients = [];
    for (const version of [3, 4, 5] as const) clients.push(await connectTo(broker, { version }));
    const closing = [broker.close(), broker.close()];
    for (const { client, served } of clients) {
      if (client.version === 5) await client.expectDisconnect(0x8b);
      else await client.expectClosed();
      await served;
    }
    await Promise.all(closing);
    assertEquals(broker.counts().connections, 0);
    assertEquals(broker.counts().timers, 0);
  }));

Deno.test("broker library: close does not wait for clients that do not go", () =>
  bounded(async () => {
    const broker = new Broker();
    const [ours, theirs] = memoryTransportPair();
    const served = broker.serve(theirs);
    const client = await RawClient.connect(ours, { version: 5 });
    client.pause();
    await broker.close();
    await served;
    await client.close();
  }));

Deno.test("broker library: a closed broker closes what it is given", () =>
  bounded(async () => {
    const broker = new Broker();
    await broker.close();
    const [ours, theirs] = memoryTransportPair();
    await broker.serve(theirs);
    const client = await RawClient.open(ours);
    await client.expectClosed();
  }));

Deno.test("broker library: listen takes a free port, refuses a taken one, and ends with the broker", () =>
  bounded(async () => {
    const broker = new Broker();
    const listener = listen(broker, { hostname: "127.0.0.1", port: 0 });
    const { port, hostname } = listener.address;
    assertEquals(hostname, "127.0.0.1");
    assert(port > 0);
    assertInstanceOf(assertThrows(() => listen(broker, { hostname, port })), Deno.errors.AddrInUse);
    await broker.close();
    await listener.close();
    await assertRejects(() => Deno.connect({ hostname, port }), Deno.errors.ConnectionRefused);
  }));

Deno.test("broker library: a listener that is closed leaves its connections open", () =>
  bounded(async () => {
    await using broker = new Broker({ sysInterval: 0 });
    const listener = listen(broker, { hostname: "::1", port: 0 });
    const connection = await Deno.connect({ hostname: "::1", port: listener.address.port });
    connection.close();
    const second = listen(broker, { hostname: "127.0.0.1", port: 0 });
    await using client = await RawClient.connect(second.address.port);
    await listener.close();
    await second.close();
    await client.publish("a", "", { qos: 1 });
  }));

Deno.test("broker library: a transport that fails is an end like any other", () =>
  bounded(async () => {
    await using broker = new Broker({ sysInterval: 0 });
    const peer = { protocol: "memory", address: "broken" } as const;
    const failure = new Error("cable pulled");
    const broken: Transport[] = [
      { peer, readable: new ReadableStream({ pull: () => Promise.reject(failure) }), writable: new WritableStream() },
      { peer, readable: new ReadableStream({ start: (c) => c.error(failure) }), writable: new WritableStream() },
      { peer, readable: new ReadableStream({ start: (c) => c.close() }), writable: new WritableStream() },
    ];
    for (const transport of broken) await broker.serve(transport);
    const [ours, theirs] = memoryTransportPair();
    const failing = new WritableStream({ write: () => Promise.reject(failure) });
    const served = broker.serve({ ...theirs, writable: failing });
    const client = await RawClient.open(ours);
    await client.sendConnect();
    await served;
    await client.close();
    await until(() => broker.counts().connections === 0, "the end of all connections");
    assertEquals(broker.counts().sessions, 0);
  }));

Deno.test("broker library: counts tell what is held", () =>
  bounded(async () => {
    await using broker = new Broker({ sysInterval: 0 });
    const empty = broker.counts();
    assertEquals({ ...empty, dropped: undefined, refused: undefined, limits: undefined }, {
      connections: 0,
      sessions: 0,
      subscriptions: 0,
      retained: 0,
      delayedWills: 0,
      trieNodes: 0,
      timers: 0,
      dropped: undefined,
      refused: undefined,
      limits: undefined,
    });
    const { client } = await connectTo(broker, { keepAlive: 60, properties: { sessionExpiryInterval: 60 } });
    await client.subscribe(["a/b", "a/+", "$share/g/c"], { qos: 1 });
    await client.publish("a/x", "kept", { retain: true });
    await client.barrier();
    const full = broker.counts();
    assertEquals([full.connections, full.sessions, full.subscriptions, full.retained], [1, 1, 3, 1]);
    assert(full.trieNodes > 0 && full.timers > 0);
    await client.unsubscribe(["a/b", "a/+", "$share/g/c"]);
    await client.publish("a/x", "", { retain: true });
    await client.disconnect(0, { sessionExpiryInterval: 0 });
    await until(() => broker.counts().sessions === 0, "the end of the session");
    assertEquals(broker.counts(), empty);
  }));
