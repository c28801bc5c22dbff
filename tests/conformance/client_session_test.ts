/** Sessions of the client over several connections, and the keep-alive of one. */

import { assertEquals, assertRejects } from "@std/assert";
import { ConnectionLostError, MqttError } from "../../client/mod.ts";
import { clientTest, deliver, grant, ignoreFailure, settle } from "../client/scripted.ts";

clientTest(
  { "5.0": "3.1.2-4 3.1.2-23 3.1.3-2 4.1.0-1" },
  "begins clean, keeps its session while connections break, and takes it up by its client identifier",
  async (script) => {
    const { client, peer, packet } = await script.connect({ clientId: "mine" });
    assertEquals([packet.clientId, packet.cleanStart, packet.properties?.sessionExpiryInterval], ["mine", true, 300]);
    const subscription = client.subscribe("a", { qos: 1 });
    await grant(peer);
    await subscription.ready;
    const published = client.publish("b", "", { qos: 1 });
    const first = await peer.expect("publish");

    const again = await script.reconnect(peer, { sessionPresent: true });
    assertEquals([again.packet.clientId, again.packet.cleanStart], ["mine", false]);
    // The server has the subscription; what was open is sent again.
    await again.peer.expect("publish", { dup: true, packetId: first.packetId });
    await again.peer.send({ type: "puback", packetId: first.packetId ?? 0, reasonCode: 0 });
    await published;
    await deliver(again.peer, "a", "still here");
    assertEquals((await subscription.next()).value?.text(), "still here");
    await again.peer.expectNothing();
  },
);

clientTest(
  { "3.1.1": "3.1.2-4 3.1.3-2 4.1.0-1 4.1.0-2 4.4.0-1" },
  "without clean session keeps its session over connections",
  async (script) => {
    const { client, peer, packet } = await script.connect({ clientId: "mine", cleanStart: false });
    assertEquals([packet.clientId, packet.cleanStart], ["mine", false]);
    const subscription = client.subscribe("a", { qos: 1 });
    await grant(peer);
    await subscription.ready;
    const published = [client.publish("b", "1", { qos: 1 }), client.publish("b", "2", { qos: 2 })];
    published.forEach(ignoreFailure);
    const [one, two] = (await peer.expectMany("publish", 2)).map(({ packetId = 0 }) => packetId);
    await peer.send({ type: "pubrec", packetId: two ?? 0, reasonCode: 0 });
    await peer.expect("pubrel");

    const again = await script.reconnect(peer, { sessionPresent: true });
    assertEquals([again.packet.clientId, again.packet.cleanStart], ["mine", false]);
    await again.peer.expect("publish", { dup: true, packetId: one, payload: "1" });
    await again.peer.expect("pubrel", { packetId: two });
    await again.peer.send({ type: "puback", packetId: one ?? 0, reasonCode: 0 });
    await again.peer.send({ type: "pubcomp", packetId: two ?? 0, reasonCode: 0 });
    assertEquals((await Promise.all(published)).map(({ ok }) => ok), [true, true]);
    await again.peer.expectNothing();
  },
);

clientTest(
  { "3.1": "", "3.1.1": "3.1.2-6" },
  "with clean session begins an empty session with each connection",
  async (script) => {
    const { client, peer } = await script.connect();
    const subscription = client.subscribe("a", { qos: 2 });
    await grant(peer);
    await subscription.ready;
    const one = client.publish("b", "1", { qos: 1 });
    ignoreFailure(one);
    const two = client.publish("b", "2", { qos: 2 });
    const done = client.publish("b", "3", { qos: 2 });
    const refused = assertRejects(() => two, MqttError, "server must keep the session, but lost it");
    const last = (await peer.expectMany("publish", 3))[2]?.packetId ?? 0;
    await peer.send({ type: "pubrec", packetId: last, reasonCode: 0 });
    await peer.expect("pubrel");
    // A QoS 2 message that is begun, but not released.
    await deliver(peer, "a", "before", { qos: 2, packetId: 9 });
    await subscription.next();

    const again = await script.reconnect(peer);
    assertEquals(again.packet.cleanStart, true);
    await refused;
    assertEquals((await done).ok, true);
    // Subscribed afresh; QoS 1 is published anew, as a message of its own.
    await grant(again.peer);
    const { packetId = 0 } = await again.peer.expect("publish", { dup: false, payload: "1" });
    await again.peer.send({ type: "puback", packetId, reasonCode: 0 });
    assertEquals((await one).ok, true);
    await again.peer.expectNothing();
    // The same identifier stands for another message now.
    await deliver(again.peer, "a", "after", { qos: 2, packetId: 9 });
    assertEquals((await subscription.next()).value?.text(), "after");
  },
);

clientTest(
  { "5.0": "3.2.2-5" },
  "discards its session when the server has none",
  async (script) => {
    const { client, peer } = await script.connect();
    const subscription = client.subscribe("a", { qos: 2 });
    await grant(peer);
    await subscription.ready;
    const two = client.publish("b", "2", { qos: 2 });
    const refused = assertRejects(() => two, MqttError, "server must keep the session, but lost it");
    await peer.expect("publish");
    await deliver(peer, "a", "before", { qos: 2, packetId: 9 });
    await subscription.next();

    const again = await script.reconnect(peer, { sessionPresent: false });
    assertEquals(again.packet.cleanStart, false);
    await refused;
    await grant(again.peer);
    await again.peer.expectNothing();
    await deliver(again.peer, "a", "after", { qos: 2, packetId: 9 });
    assertEquals((await subscription.next()).value?.text(), "after");
    // The one before was never acknowledged to this server, which does not know it.
    await again.peer.expectNothing();
    void subscription.next();
    await again.peer.expect("pubrec", { packetId: 9 });
  },
);

clientTest(
  { "5.0": "3.1.3-2" },
  "takes the session up by the client identifier that was assigned",
  async (script) => {
    const { client, peer } = await script.connect({ clientId: "" }, {
      properties: { assignedClientIdentifier: "auto-1" },
    });
    assertEquals(client.clientId, "auto-1");
    const { packet } = await script.reconnect(peer, { sessionPresent: true });
    assertEquals(packet.clientId, "auto-1");
  },
);

clientTest({ "5.0": "3.1.2-4" }, "goes on from a session that its owner claims", async (script) => {
  const { client, peer, packet } = await script.connect({ cleanStart: false, clientId: "mine" }, {
    sessionPresent: true,
  });
  assertEquals(packet.cleanStart, false);
  assertEquals(client.state.kind === "connected" && client.state.sessionPresent, true);
  const subscription = client.subscribe("a");
  await grant(peer);
  await subscription.ready;
});

clientTest(
  { "3.1": "", "3.1.1": "3.1.2-23", "5.0": "3.1.2-20" },
  "lets no gap between two packets pass the keep alive",
  async ({ connect, clock }) => {
    const { client, peer } = await connect({ keepAlive: 10 });
    for (let round = 0; round < 3; round++) {
      clock.advance(9_999);
      await peer.expect("pingreq");
      await peer.send({ type: "pingresp" });
      await settle();
    }
    // What is sent anyway serves as well.
    const subscription = client.subscribe("a");
    await grant(peer);
    await subscription.ready;
    for (let round = 0; round < 3; round++) {
      clock.advance(5_000);
      await client.publish("a", "");
      await peer.expect("publish");
      await deliver(peer, "a", "");
      await settle();
    }
    await peer.expectNothing();
    clock.advance(9_999);
    await peer.expect("pingreq");
  },
);

clientTest(
  { "3.1": "", "3.1.1": "3.1.2-23", "5.0": "3.1.2-20" },
  "sends no pings with keep alive 0",
  async ({ connect, clock }) => {
    const { peer } = await connect({ keepAlive: 0 });
    clock.advance(100_000_000);
    await peer.expectNothing();
    assertEquals(clock.size, 0);
  },
);

clientTest(
  { "5.0": "3.1.2-21 3.2.2-21" },
  "uses the server's keep alive in place of its own",
  async ({ connect, clock }) => {
    const shorter = await connect({ keepAlive: 60 }, { properties: { serverKeepAlive: 10 } });
    clock.advance(9_999);
    await shorter.peer.expect("pingreq");
    await shorter.client.close({ force: true });
    const longer = await connect({ keepAlive: 10 }, { properties: { serverKeepAlive: 60 } });
    clock.advance(40_000);
    await longer.peer.expectNothing();
    await longer.client.close({ force: true });
    const off = await connect({ keepAlive: 10 }, { properties: { serverKeepAlive: 0 } });
    clock.advance(1_000_000);
    await off.peer.expectNothing();
  },
);

clientTest({ "3.1": "", "3.1.1": "", "5.0": "" }, "gives a server up that does not answer PINGREQ", async (script) => {
  const { client, peer } = await script.connect({ keepAlive: 30, pingTimeout: 5_000 });
  const lost = new Promise<Error | undefined>((resolve) => {
    client.addEventListener("disconnect", ({ error }) => resolve(error));
  });
  script.clock.advance(22_500);
  await peer.expect("pingreq");
  script.clock.advance(5_000);
  const error = await lost;
  assertEquals(error instanceof ConnectionLostError && error.reasonCode, 0x8d);
  await peer.expectClosed();
  const next = script.acceptWith();
  await script.passWait();
  await next;
  await settle();
  assertEquals(client.state.kind, "connected");
});
