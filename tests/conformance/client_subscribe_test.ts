/** What the client subscribes to and gives back, and which subscription gets which message. */

import { assertEquals, assertRejects, assertThrows } from "@std/assert";
import { MqttError } from "../../client/mod.ts";
import { clientTest, deliver, grant, settle } from "../client/scripted.ts";

clientTest(
  { "3.1": "", "3.1.1": "3.8.3-1 3.8.3-3", "5.0": "3.8.3-1 3.8.3-2" },
  "writes at least one filter, with its options",
  async ({ connect, version }) => {
    const { client, peer } = await connect();
    assertThrows(() => client.subscribe([]), TypeError, "there must be a topic filter");
    assertThrows(() => client.subscribe("a\uDFFF"), MqttError, "Cannot use topic filter");
    assertThrows(() => client.subscribe("a", { qos: 3 as 2 }), RangeError, "QoS must be 0, 1 or 2");
    client.subscribe(["ä/+", "b/#", "ä/+"], {
      qos: 2,
      noLocal: true,
      retainAsPublished: true,
      retainHandling: 2,
      properties: { userProperties: [["a", "b"]] },
    });
    const packet = await peer.expect("subscribe");
    const options = version === 5 ? { noLocal: true, retainAsPublished: true, retainHandling: 2 } as const : {};
    assertEquals(packet.subscriptions.map(({ filter, qos }) => [filter, qos]), [["ä/+", 2], ["b/#", 2]]);
    for (const subscription of packet.subscriptions) {
      if (version === 5) assertEquals({ ...subscription, ...options }, subscription);
    }
    assertEquals(packet.properties?.userProperties, version === 5 ? [["a", "b"]] : undefined);
  },
);

clientTest(
  { "3.1": "", "3.1.1": "4.7.1-2 4.7.1-3 4.7.3-1 4.7.3-2 4.7.3-3", "5.0": "4.7.1-1 4.7.1-2 4.7.3-1 4.7.3-2 4.7.3-3" },
  "subscribes to valid topic filters alone",
  async ({ connect }) => {
    const { client, peer } = await connect();
    const wrong = ["", "a#", "#/a", "a/#/b", "a+", "+a", "a/+b/c", "a\0", "x".repeat(65_536), "é".repeat(32_768)];
    for (const filter of wrong) {
      const error = assertThrows(() => client.subscribe(["ok", filter]), MqttError, "Cannot use topic filter");
      assertEquals(error.reasonCode, 0x8f);
    }
    for (const filter of ["#", "+", "+/+/c", "+/#", "/", "a//+", "$SYS/#", "x".repeat(65_535)]) {
      client.subscribe(filter);
      assertEquals((await peer.expect("subscribe")).subscriptions[0]?.filter, filter);
    }
  },
);

clientTest(
  { "5.0": "4.8.2-1 4.8.2-2 3.8.3-4" },
  "shares subscriptions with a share name and a filter, never with no local",
  async ({ connect }) => {
    const { client, peer } = await connect();
    for (const filter of ["$share//a", "$share/g", "$share/g/", "$share/g+/a", "$share/#/a", "$share/g/a#"]) {
      assertThrows(() => client.subscribe(filter), MqttError, "Cannot use topic filter");
    }
    const error = assertThrows(() => client.subscribe("$share/g/a", { noLocal: true }), MqttError, "noLocal");
    assertEquals(error.reasonCode, 0x82);
    client.subscribe("$share/g/a/#");
    assertEquals((await peer.expect("subscribe")).subscriptions, [
      { filter: "$share/g/a/#", qos: 0, noLocal: false, retainAsPublished: false, retainHandling: 0 },
    ]);
  },
);

clientTest(
  { "3.1": "", "3.1.1": "3.10.3-1 3.10.3-2", "5.0": "3.10.3-1 3.10.3-2" },
  "gives back all filters of a subscription when its loop ends, and nothing that others want",
  async ({ connect }) => {
    const { client, peer } = await connect();
    const one = client.subscribe(["a", "b", "ä"]);
    await grant(peer);
    const other = client.subscribe("b");
    await grant(peer);
    await Promise.all([one.ready, other.ready]);
    await one.return();
    const packet = await peer.expect("unsubscribe");
    assertEquals(packet.filters, ["a", "ä"]);
    await peer.send({ type: "unsuback", packetId: packet.packetId, reasonCodes: [0, 0] });
    await deliver(peer, "b", "goes on");
    assertEquals((await other.next()).value?.text(), "goes on");
    assertEquals(await one.next(), { done: true, value: undefined });
    const unsubscribed = other.unsubscribe();
    const last = await peer.expect("unsubscribe");
    assertEquals(last.filters, ["b"]);
    await peer.send({ type: "unsuback", packetId: last.packetId, reasonCodes: [0x11] });
    await unsubscribed;
    await other.unsubscribe();
    await peer.expectNothing();
  },
);

clientTest(
  { "3.1": "", "3.1.1": "", "5.0": "" },
  "tells what was granted, and fails where all was refused",
  async (script) => {
    const { client, peer } = await script.connect();
    const some = client.subscribe(["a", "b"], { qos: 2 });
    await grant(peer, 1, 0x80);
    assertEquals(await some.ready, [1, 0x80]);
    if (script.version === 3) return;
    const none = client.subscribe(["c", "d"]);
    await grant(peer, 0x80, 0x80);
    const error = await assertRejects(() => none.ready, MqttError, "Cannot subscribe to c, d: server must grant it");
    assertEquals(error.reasonCode, 0x80);
    await assertRejects(() => none.next(), MqttError, "Cannot subscribe");
    assertEquals(await none.next(), { done: true, value: undefined });
    // What was refused is neither asked for again nor given back.
    const again = await script.reconnect(peer);
    assertEquals((await again.peer.expect("subscribe")).subscriptions.map(({ filter }) => filter), ["a"]);
    await again.peer.expectNothing();
  },
);

clientTest(
  { "3.1.1": "4.8.0-1", "5.0": "4.13.2-1" },
  "ends the connection on a SUBACK that does not answer all filters",
  async ({ connect }) => {
    const { client, peer } = await connect({ reconnect: false });
    client.subscribe(["a", "b"]);
    await grant(peer, 0);
    if (peer.version === 5) await peer.expectDisconnect(0x82);
    else await peer.expectClosed();
  },
);

clientTest(
  { "3.1": "", "3.1.1": "", "5.0": "" },
  "gives each message to all subscriptions that match, once to each",
  async ({ connect }) => {
    // Without identifiers, as where the server has none, all that matches counts.
    const { client, peer } = await connect({}, { properties: { subscriptionIdentifierAvailable: 0 } });
    const subscriptions = ["a/#", "a/+", "+/b", "$share/g/a/b", "#", "b"].map((filter) => client.subscribe(filter));
    for (const _ of subscriptions) await grant(peer);
    await Promise.all(subscriptions.map(({ ready }) => ready));
    for (const topic of ["a/b", "a", "$SYS/a", "c"]) await deliver(peer, topic, topic);
    await settle();
    assertEquals(subscriptions.map(({ size }) => size), [2, 1, 1, 1, 3, 0]);
  },
);

clientTest({ "5.0": "" }, "gives a message to the subscriptions whose identifiers it has", async ({ connect }) => {
  const { client, peer } = await connect();
  const one = client.subscribe("a/#");
  const other = client.subscribe("a/+");
  const shared = client.subscribe("$share/g/a/#");
  const ids: number[] = [];
  for (let i = 0; i < 3; i++) {
    const { packetId, subscriptions, properties } = await peer.expect("subscribe");
    ids.push(properties?.subscriptionIdentifiers?.[0] ?? 0);
    await peer.send({ type: "suback", packetId, reasonCodes: subscriptions.map(() => 0) });
  }
  assertEquals(new Set(ids).size, 3);
  const [first = 0, second = 0, third = 0] = ids;
  const sizes = async (...subscriptionIdentifiers: number[]) => {
    const before = [one.size, other.size, shared.size];
    await deliver(peer, "a/b", "", {
      properties: subscriptionIdentifiers.length > 0 ? { subscriptionIdentifiers } : {},
    });
    await settle();
    return [one.size, other.size, shared.size].map((size, i) => size - (before[i] ?? 0));
  };
  assertEquals(await sizes(first), [1, 0, 0]);
  assertEquals(await sizes(second), [0, 1, 0]);
  assertEquals(await sizes(third), [0, 0, 1]);
  assertEquals(await sizes(first, second), [1, 1, 0]);
  // None, or one that nobody here has given out: all that matches.
  assertEquals(await sizes(), [1, 1, 1]);
  assertEquals(await sizes(4_000_000), [1, 1, 1]);
});

clientTest(
  { "3.1": "", "3.1.1": "", "5.0": "" },
  "two subscriptions to one filter share it at the server, with the higher QoS",
  async ({ connect }) => {
    const { client, peer } = await connect();
    const one = client.subscribe("a", { qos: 2 });
    await grant(peer);
    const other = client.subscribe("a", { qos: 1 });
    assertEquals((await peer.expect("subscribe")).subscriptions[0]?.qos, 2);
    await deliver(peer, "a", "x");
    assertEquals([(await one.next()).value?.text(), (await other.next()).value?.text()], ["x", "x"]);
    await one.return();
    await peer.expectNothing();
    await deliver(peer, "a", "y");
    assertEquals((await other.next()).value?.text(), "y");
  },
);

clientTest(
  { "3.1": "", "3.1.1": "", "5.0": "" },
  "subscribes again when the server has lost the session",
  async (script) => {
    const { client, peer } = await script.connect();
    const one = client.subscribe(["a", "b"], { qos: 1 });
    await grant(peer);
    const other = client.subscribe("c");
    await grant(peer);
    const gone = client.subscribe("d");
    await grant(peer);
    await Promise.all([one.ready, other.ready, gone.ready]);
    await gone.return();
    await peer.expect("unsubscribe");
    const second = (await script.reconnect(peer)).peer;
    assertEquals((await second.expect("subscribe")).subscriptions.map(({ filter }) => filter), ["a", "b"]);
    assertEquals((await second.expect("subscribe")).subscriptions.map(({ filter }) => filter), ["c"]);
    await second.expectNothing();
  },
);

clientTest({ "3.1.1": "", "5.0": "" }, "brings a session that the server has kept up to date", async (script) => {
  const { client, peer } = await script.connect({ cleanStart: script.version === 5 });
  const kept = client.subscribe("kept");
  await grant(peer);
  const gone = client.subscribe("gone");
  await grant(peer);
  await Promise.all([kept.ready, gone.ready]);
  const unanswered = client.subscribe("unanswered");
  await peer.expect("subscribe");
  await peer.close();
  await settle();
  await gone.unsubscribe(); // does not wait for a connection
  const fresh = client.subscribe("fresh");
  const next = script.acceptWith({ sessionPresent: true });
  await script.passWait();
  const again = (await next).peer;
  const { packetId, filters } = await again.expect("unsubscribe");
  assertEquals(filters, ["gone"]);
  await again.send({ type: "unsuback", packetId, reasonCodes: script.version === 5 ? [0] : [] });
  await grant(again);
  await grant(again);
  assertEquals([await unanswered.ready, await fresh.ready], [[0], [0]]);
  await again.expectNothing();
});

clientTest({ "5.0": "" }, "asks for nothing that the server cannot do", async ({ connect }) => {
  const { client, peer } = await connect({}, {
    properties: {
      wildcardSubscriptionAvailable: 0,
      sharedSubscriptionAvailable: 0,
      subscriptionIdentifierAvailable: 0,
    },
  });
  const [wildcard, shared] = [client.subscribe("a/+"), client.subscribe("$share/g/a")];
  assertEquals((await assertRejects(() => wildcard.ready, MqttError)).reasonCode, 0xa2);
  assertEquals((await assertRejects(() => shared.ready, MqttError)).reasonCode, 0x9e);
  client.subscribe("a");
  assertEquals((await peer.expect("subscribe")).properties, undefined);
});
