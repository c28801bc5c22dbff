/** How the client gets back to its server, and when it does not try. */

import { assertEquals, assertGreater, assertLess, assertRejects, assertThrows } from "@std/assert";
import { connect, MqttError } from "../../client/mod.ts";
import { Backoff, reconnectSettings } from "../../client/reconnect.ts";
import { ManualClock } from "../../engine/manual_clock.ts";
import { until } from "../support/bounded.ts";
import { random } from "../support/random.ts";
import { clientTest, grant, ignoreFailure, settle } from "./scripted.ts";

Deno.test("back-off: each wait is a random time up to a bound that doubles, up to the maximum", () => {
  const upper = new Backoff(reconnectSettings({ minimumDelay: 100, maximumDelay: 1_000 }), () => 1);
  assertEquals(Array.from({ length: 6 }, () => upper.next()), [100, 200, 400, 800, 1_000, 1_000]);
  const lower = new Backoff(reconnectSettings({ minimumDelay: 100, maximumDelay: 1_000 }), () => 0);
  assertEquals(Array.from({ length: 3 }, () => lower.next()), [0, 0, 0]);
  const jittered = new Backoff(reconnectSettings({ minimumDelay: 1_000, maximumDelay: 1_000 }), random(7));
  const waits = Array.from({ length: 1_000 }, () => jittered.next() ?? NaN);
  assertGreater(Math.max(...waits), 900);
  assertLess(Math.min(...waits), 100);
  const mean = waits.reduce((sum, wait) => sum + wait, 0) / waits.length;
  assertGreater(mean, 400);
  assertLess(mean, 600);
});

Deno.test("back-off: begins afresh after a stable connection, not after a short one", () => {
  const backoff = new Backoff(reconnectSettings({ minimumDelay: 100, stableAfter: 5_000 }), () => 1);
  assertEquals([backoff.next(), backoff.next()], [100, 200]);
  backoff.connectionEnded(4_999);
  assertEquals(backoff.next(), 400);
  backoff.connectionEnded(5_000);
  assertEquals(backoff.next(), 100);
});

Deno.test("back-off: gives up after so many failures in a row, whatever came before", () => {
  const backoff = new Backoff(reconnectSettings({ maximumAttempts: 2 }), () => 1);
  backoff.attemptFailed();
  assertEquals(backoff.next() === undefined, false);
  backoff.connectionEnded(0);
  backoff.attemptFailed();
  assertEquals(backoff.next() === undefined, false);
  backoff.attemptFailed();
  assertEquals(backoff.next(), undefined);
});

Deno.test("back-off: grows to the maximum however often it fails", () => {
  const backoff = new Backoff(reconnectSettings(), () => 1);
  for (let i = 0; i < 5_000; i++) assertLess(backoff.next() ?? NaN, 60_001);
});

Deno.test("options that cannot be are refused before anything is opened", async () => {
  const transport = () => Promise.reject(new Error("must not be called"));
  const wrong = [
    { reconnect: { minimumDelay: -1 } },
    { reconnect: { maximumDelay: NaN } },
    { reconnect: { stableAfter: Infinity } },
    { reconnect: { maximumAttempts: 0 } },
    { receiveMaximum: 0 },
    { receiveMaximum: 65_536 },
    { maximumPacketSize: 1 },
    { topicAliasMaximum: 65_536 },
    { keepAlive: 65_536 },
    { keepAlive: 0.5 },
    { connectTimeout: 0 },
    { pingTimeout: 0 },
    { sessionExpiryInterval: -1 },
    { queue: { messages: 0 } },
    { queue: { bytes: 0 } },
    { queue: { inFlight: 0 } },
    { queue: { inFlight: 65_001 } },
    { maximumRedirects: -1 },
    { protocolVersion: 6 as 5 },
  ];
  for (const init of wrong) {
    await assertRejects(() => connect("mqtt://server.test", { transport, ...init }), RangeError);
  }
  await assertRejects(() => connect("not a URL", { transport }), TypeError, "url must be one like mqtt://host:1883");
});

clientTest({ "5.0": "" }, "an option that is undefined is one that was not given", async (script) => {
  const reconnect = {
    initial: undefined,
    minimumDelay: undefined,
    maximumDelay: undefined,
    stableAfter: undefined,
    maximumAttempts: undefined,
  };
  const queue = { messages: undefined, bytes: undefined, inFlight: undefined, overflow: undefined, qos0: undefined };
  const { client, peer } = await script.connect({ reconnect, queue });
  await peer.close();
  await settle();
  const published = client.publish("a", "waits");
  const again = script.acceptWith();
  await script.passWait();
  await (await again).peer.expect("publish", { payload: "waits" });
  assertEquals((await published).ok, true);
});

clientTest({ "5.0": "" }, "waits by the back-off, and tells the time of the next attempt", async (script) => {
  const { client, peer } = await script.connect({ reconnect: { minimumDelay: 1_000 }, keepAlive: 0 });
  const start = script.clock.now();
  await peer.close();
  await settle();
  assertEquals(client.state.kind === "waiting" && client.state.retryAt - start, 1_000);
  script.clock.advance(999);
  await settle();
  assertEquals(client.state.kind, "waiting");
  const next = script.accept();
  script.clock.advance(1);
  const second = await next;
  assertEquals(client.state.kind, "connecting");
  await second.close();
  await settle();
  assertEquals(client.state.kind === "waiting" && client.state.retryAt - script.clock.now(), 2_000);
});

clientTest(
  { "3.1.1": "", "5.0": "" },
  "connect() rejects when the first attempt fails, unless it is to go on",
  async (script) => {
    const refuse = () => Promise.reject(new Deno.errors.ConnectionRefused("nobody there"));
    await assertRejects(() => script.connecting({ transport: refuse }), Deno.errors.ConnectionRefused);
    let attempts = 0;
    const connecting = script.connecting({
      transport: (url, options) => ++attempts < 4 ? refuse() : script.open(url, options),
      reconnect: { initial: true },
    });
    const accepted = script.acceptWith();
    for (let i = 0; i < 3; i++) await script.passWait();
    await accepted;
    await connecting;
    assertEquals(attempts, 4);
  },
);

clientTest({ "5.0": "" }, "gives an attempt up that takes too long, wherever it stands", async (script) => {
  const never = script.connecting({ transport: () => new Promise(() => {}), connectTimeout: 5_000 });
  const timedOut = assertRejects(() => never, DOMException, "Cannot connect: it must take at most 5000 ms");
  await settle();
  script.clock.advance(5_000);
  await timedOut;
  const silent = script.connecting({ connectTimeout: 5_000 });
  const alsoTimedOut = assertRejects(() => silent, DOMException, "Cannot connect: it must take at most 5000 ms");
  const peer = await script.accept();
  await peer.expect("connect");
  script.clock.advance(5_000);
  await alsoTimedOut;
  await peer.expectClosed();
  assertEquals(script.clock.size, 0);
});

clientTest({ "5.0": "" }, "a transport that comes too late is closed", async (script) => {
  const late = Promise.withResolvers<void>();
  const controller = new AbortController();
  const connecting = script.connecting({
    transport: async (url, options) => {
      await late.promise;
      return await script.open(url, options);
    },
    signal: controller.signal,
  });
  const rejected = assertRejects(() => connecting, Error, "changed my mind");
  controller.abort(new Error("changed my mind"));
  await rejected;
  late.resolve();
  await (await script.accept()).expectClosed();
});

clientTest({ "5.0": "" }, "an aborted signal ends the wait of connect()", async (script) => {
  await assertRejects(() => script.connecting({ signal: AbortSignal.abort(new Error("before")) }), Error, "before");
  const controller = new AbortController();
  const connecting = script.connecting({ signal: controller.signal });
  const rejected = assertRejects(() => connecting, Error, "meanwhile");
  const peer = await script.accept();
  await peer.expect("connect");
  controller.abort(new Error("meanwhile"));
  await rejected;
  await peer.expectClosed();
  // Afterwards it has no effect on the client.
  const other = new AbortController();
  const { client } = await script.connect({ signal: other.signal });
  other.abort();
  await settle();
  assertEquals(client.state.kind, "connected");
});

clientTest({ "3.1.1": "", "5.0": "" }, "close() ends a wait, and an attempt", async (script) => {
  const { client, peer } = await script.connect();
  ignoreFailure(client.publish("a", "", { qos: 1 }));
  await peer.expect("publish");
  await peer.close();
  await settle();
  assertEquals(client.state.kind, "waiting");
  const published = assertRejects(() => client.publish("b", "", { qos: 1 }), Error, "the client was closed before");
  await client.close();
  await published;
  assertEquals([client.state.kind, script.clock.size], ["closed", 0]);

  const second = await script.connect();
  const next = script.accept();
  await second.peer.close();
  await script.passWait();
  const attempt = await next;
  await attempt.expect("connect");
  await second.client.close();
  await attempt.expectClosed();
  assertEquals([second.client.state.kind, script.clock.size], ["closed", 0]);
});

clientTest({ "5.0": "" }, "gives up for good after the attempts that it may make", async (script) => {
  const { client, peer } = await script.connect({ reconnect: { maximumAttempts: 2 } });
  const subscription = client.subscribe("a");
  await grant(peer);
  const published = client.publish("a", "", { qos: 1 });
  const refused = assertRejects(() => published);
  await peer.close();
  for (let i = 0; i < 2; i++) {
    const next = script.accept();
    await script.passWait();
    await (await next).close();
  }
  await client.closed;
  await refused;
  await assertRejects(() => subscription.next(), MqttError, "Connection lost");
  assertEquals([client.state.kind, script.clock.size], ["closed", 0]);
});

clientTest({ "5.0": "" }, "without reconnect the first loss is the end", async (script) => {
  const { client, peer, packet } = await script.connect({ reconnect: false });
  assertEquals(packet.properties?.sessionExpiryInterval, undefined);
  await peer.close();
  await client.closed;
  assertEquals(client.state.kind === "closed" && client.state.error instanceof MqttError, true);
  assertEquals(script.clock.size, 0);
});

clientTest({ "3.1.1": "", "5.0": "" }, "a thousand connections leave nothing behind", async (script) => {
  const { client, peer } = await script.connect({ reconnect: { minimumDelay: 1 } });
  const subscription = client.subscribe("a", { qos: 1 });
  await grant(peer);
  let current = peer;
  let timers = script.clock.size;
  for (let i = 0; i < 1_000; i++) {
    await current.close();
    const next = script.acceptWith({ sessionPresent: script.version === 5 });
    await until(() => client.state.kind === "waiting", "the client to notice");
    script.clock.advance(60_000);
    current = (await next).peer;
    if (script.version < 5) await grant(current);
    await until(() => client.state.kind === "connected", "the client to be back");
    if (i === 0) timers = script.clock.size;
  }
  assertEquals([script.clock.size, subscription.size, client.pending], [timers, 0, { messages: 0, bytes: 0 }]);
});

Deno.test("a client needs no timers of the clock when it is closed", async () => {
  const clock = new ManualClock();
  const transport = () => Promise.reject(new Deno.errors.ConnectionRefused("nobody there"));
  await assertRejects(() => connect("mqtt://server.test", { transport, clock }));
  assertEquals(clock.size, 0);
});

clientTest(
  { "3.1.1": "", "5.0": "" },
  "reconnect(): the next attempt is now, with or without a connection, and nothing is lost",
  async (script) => {
    const { client, peer } = await script.connect({ reconnect: { minimumDelay: 1_000 }, keepAlive: 0 });
    const errors: string[] = [];
    client.addEventListener("error", ({ error }) => errors.push(error.message));
    await peer.close();
    await settle();
    assertEquals(client.state.kind, "waiting");
    const waiting = script.acceptWith({ sessionPresent: script.version === 5 });
    client.reconnect();
    client.reconnect();
    const second = (await waiting).peer;
    await settle();
    assertEquals([client.state.kind, script.clock.size, errors.length], ["connected", 0, 1]);
    const published = client.publish("a", "under way", { qos: 1 });
    const { packetId = 0 } = await second.expect("publish");
    const again = script.acceptWith({ sessionPresent: script.version === 5 });
    const lost: unknown[] = [];
    client.addEventListener("disconnect", ({ reasonCode, reconnecting }) => lost.push([reasonCode, reconnecting]));
    client.reconnect();
    await second.expect("disconnect", { reasonCode: 0 });
    await second.expectClosed();
    const third = (await again).peer;
    const repeated = await third.expect("publish", { payload: "under way" });
    if (script.version === 5) assertEquals(repeated.packetId, packetId);
    await third.send({ type: "puback", packetId: repeated.packetId ?? 0, reasonCode: 0 });
    assertEquals((await published).ok, true);
    assertEquals([lost, errors.length], [[[0, true]], 1]);
    await client.close();
    assertThrows(() => client.reconnect(), DOMException, "client must be open");
  },
);

clientTest({ "5.0": "" }, "reconnect(): also in a listener that learns of the wait", async (script) => {
  for (const type of ["statechange", "disconnect", "error"]) {
    const { client, peer } = await script.connect();
    const again = script.acceptWith();
    client.addEventListener(type, () => client.reconnect(), { once: true });
    await peer.close();
    await again;
    await client.close({ force: true });
  }
});

clientTest({ "5.0": "" }, "reconnect(): also where the client does not come back by itself", async (script) => {
  const { client, peer } = await script.connect({ reconnect: false });
  const again = script.acceptWith();
  client.reconnect();
  await peer.expectDisconnect(0);
  const second = await again;
  await settle();
  assertEquals(client.state.kind, "connected");
  await second.peer.close();
  await client.closed;
});

clientTest({ "5.0": "" }, "a step of the authentication that fails ends an attempt, not the client", async (script) => {
  let isOnline = true;
  const start = (): Uint8Array => {
    // As `fetch` says it without a network.
    if (!isOnline) throw new TypeError("error sending request");
    return new Uint8Array([1]);
  };
  const authentication = { method: "token", start, respond: () => undefined };
  const connack = { properties: { authenticationMethod: "token" } };
  const { client, peer } = await script.connect({ authentication }, connack);
  isOnline = false;
  await peer.close();
  await script.passWait();
  const failed = await script.accept();
  await failed.expectDisconnect(0x80);
  await until(() => client.state.kind === "waiting", "a failed attempt");
  assertEquals(
    client.state.kind === "waiting" && client.state.error.message,
    "Cannot authenticate: error sending request",
  );
  isOnline = true;
  const next = script.acceptWith(connack);
  await script.passWait();
  await next;
  await until(() => client.state.kind === "connected", "a connection");
});
