/** QoS 1 and 2 of the client, as sender and as receiver, and their order. */

import { assertEquals } from "@std/assert";
import { clientTest, deliver, grant, ignoreFailure, type Peer, settle } from "../client/scripted.ts";

/** The identifier of the next PUBLISH. */
async function packetIdOf(peer: Peer): Promise<number> {
  return (await peer.expect("publish")).packetId ?? 0;
}

clientTest(
  { "3.1": "", "3.1.1": "4.3.2-1", "5.0": "4.3.2-1 4.3.2-2 4.3.2-3" },
  "QoS 1, sending: new identifier, DUP 0, open until PUBACK",
  async (script) => {
    const { client, peer } = await script.connect({ cleanStart: script.version === 5 });
    let isDone = false;
    const one = client.publish("a", "1", { qos: 1 }).then((result) => {
      isDone = true;
      return result;
    });
    const other = client.publish("a", "2", { qos: 1 });
    const [first, second] = await peer.expectMany("publish", 2);
    assertEquals([first?.dup, second?.dup, first?.qos, second?.qos], [false, false, 1, 1]);
    assertEquals(first?.packetId === second?.packetId, false);
    await peer.send({ type: "puback", packetId: second?.packetId ?? 0, reasonCode: 0 });
    assertEquals((await other).reasonCode, 0);
    assertEquals([isDone, client.pending.messages], [false, 1]);
    const again = await script.reconnect(peer, { sessionPresent: script.version > 3 });
    await again.peer.expect("publish", { dup: true, packetId: first?.packetId, payload: "1" });
    await again.peer.send({ type: "puback", packetId: first?.packetId ?? 0, reasonCode: 0 });
    assertEquals((await one).reasonCode, 0);
    assertEquals(client.pending, { messages: 0, bytes: 0 });
  },
);

clientTest(
  { "3.1": "", "3.1.1": "4.3.2-2 3.3.4-1", "5.0": "4.3.2-4 4.3.2-5 3.3.4-1" },
  "QoS 1, receiving: PUBACK; after it the identifier stands for a new message, whatever its DUP",
  async ({ connect }) => {
    const { client, peer } = await connect();
    const subscription = client.subscribe("a", { qos: 1 });
    await grant(peer);
    for (const dup of [false, true, true]) {
      await deliver(peer, "a", "", { qos: 1, packetId: 5, dup });
      assertEquals((await subscription.next()).value?.dup, dup);
      void subscription.next();
      await peer.expect("puback", { packetId: 5, reasonCode: 0 });
      // The call above has taken the next message's place.
      await deliver(peer, "a", "", { qos: 1, packetId: 6 });
      void subscription.next();
      await peer.expect("puback", { packetId: 6 });
      await deliver(peer, "a", "");
    }
    await deliver(peer, "a", "", { qos: 0 });
    await peer.expectNothing();
  },
);

clientTest(
  { "3.1": "", "3.1.1": "4.3.3-1", "5.0": "4.3.3-1 4.3.3-2 4.3.3-3 4.3.3-4 4.3.3-5 4.3.3-6" },
  "QoS 2, sending: PUBLISH until PUBREC, PUBREL until PUBCOMP, and never that PUBLISH again",
  async (script) => {
    const { client, peer } = await script.connect({ cleanStart: script.version === 5 });
    const sessionPresent = script.version > 3;
    const published = client.publish("a", "1", { qos: 2 });
    const { packetId = 0 } = await peer.expect("publish", { qos: 2, dup: false });
    const second = await script.reconnect(peer, { sessionPresent });
    await second.peer.expect("publish", { qos: 2, dup: true, packetId, payload: "1" });
    await second.peer.send({ type: "pubrec", packetId, reasonCode: 0 });
    await second.peer.expect("pubrel", { packetId, reasonCode: 0 });
    const third = await script.reconnect(second.peer, { sessionPresent });
    await third.peer.expect("pubrel", { packetId, reasonCode: 0 });
    // A server that did not get it may repeat PUBREC: the answer is PUBREL again.
    await third.peer.send({ type: "pubrec", packetId, reasonCode: 0 });
    await third.peer.expect("pubrel", { packetId, reasonCode: 0 });
    await third.peer.send({ type: "pubcomp", packetId, reasonCode: 0 });
    assertEquals((await published).ok, true);
    const fourth = await script.reconnect(third.peer, { sessionPresent });
    await fourth.peer.expectNothing();
  },
);

clientTest(
  { "5.0": "4.3.3-4 4.4.0-2" },
  "a PUBACK or PUBREC of 0x80 or above ends the exchange for good",
  async (script) => {
    const { client, peer } = await script.connect();
    const results = [client.publish("a", "1", { qos: 1 }), client.publish("a", "2", { qos: 2 })];
    const [one, two] = await peer.expectMany("publish", 2);
    await peer.send({ type: "puback", packetId: one?.packetId ?? 0, reasonCode: 0x97 });
    await peer.send({ type: "pubrec", packetId: two?.packetId ?? 0, reasonCode: 0x87 });
    assertEquals((await Promise.all(results)).map(({ reasonCode }) => reasonCode), [0x97, 0x87]);
    await peer.expectNothing();
    const again = await script.reconnect(peer, { sessionPresent: true });
    await again.peer.expectNothing();
  },
);

clientTest(
  { "5.0": "4.3.3-7" },
  "message expiry ends the wait before the first sending, and nothing after it",
  async (script) => {
    const { client, peer } = await script.connect();
    const properties = { messageExpiryInterval: 10 };
    const sent = client.publish("a", "sent", { qos: 2, properties });
    ignoreFailure(sent);
    const { packetId = 0 } = await peer.expect("publish", { properties });
    await peer.close();
    await settle(); // the client has noticed
    const results = [client.publish("a", "expires", { qos: 1, properties })];
    results.push(client.publish("a", "lasts", { qos: 1, properties: { messageExpiryInterval: 100_000 } }));
    const next = script.acceptWith({ sessionPresent: true });
    await script.passWait();
    const again = (await next).peer;
    await again.expect("publish", { packetId, dup: true, payload: "sent" });
    const last = await again.expect("publish", { payload: "lasts" });
    assertEquals((last.properties?.messageExpiryInterval ?? 0) < 100_000, true);
    assertEquals((await results[0])?.ok, false);
    await again.send({ type: "pubrec", packetId, reasonCode: 0 });
    await again.expect("pubrel");
    await again.send({ type: "pubcomp", packetId, reasonCode: 0 });
    assertEquals((await sent).ok, true);
    results.forEach(ignoreFailure);
  },
);

clientTest(
  { "3.1": "", "3.1.1": "4.3.3-2 3.3.4-1", "5.0": "4.3.3-8 4.3.3-10 4.3.3-11 4.3.3-12 3.3.4-1" },
  "QoS 2, receiving: each PUBLISH gets PUBREC, and until PUBREL all with its identifier are one message",
  async ({ connect, version }) => {
    const { client, peer } = await connect();
    const seen: string[] = [];
    client.addEventListener("message", ({ message }) => seen.push(message.text()));
    const publish = (payload: string, dup: boolean) => deliver(peer, "a", payload, { qos: 2, packetId: 7, dup });
    await publish("one", false);
    await peer.expect("pubrec", { packetId: 7, reasonCode: 0 });
    // By the identifier, not by DUP.
    for (const dup of [true, false]) {
      await publish("one", dup);
      await peer.expect("pubrec", { packetId: 7, reasonCode: 0 });
    }
    assertEquals(seen, ["one"]);
    await peer.send({ type: "pubrel", packetId: 7, reasonCode: 0 });
    await peer.expect("pubcomp", { packetId: 7, reasonCode: 0 });
    await publish("two", true);
    await peer.expect("pubrec", { packetId: 7 });
    assertEquals(seen, ["one", "two"]);
    await peer.send({ type: "pubrel", packetId: 7, reasonCode: 0 });
    await peer.expect("pubcomp", { packetId: 7, reasonCode: 0 });
    await peer.send({ type: "pubrel", packetId: 7, reasonCode: 0 });
    await peer.expect("pubcomp", { packetId: 7, reasonCode: version === 5 ? 0x92 : 0 });
  },
);

clientTest(
  { "3.1": "", "3.1.1": "4.3.3-2", "5.0": "4.3.3-10" },
  "QoS 2, receiving: a message is one over connections, whether its reader had it yet or not",
  async (script) => {
    const sessionPresent = script.version > 3;
    const { client, peer } = await script.connect({ cleanStart: script.version === 5 });
    const subscription = client.subscribe("a", { qos: 2 });
    await grant(peer);
    await subscription.ready;
    for (const packetId of [1, 2, 3]) await deliver(peer, "a", `${packetId}`, { qos: 2, packetId });
    assertEquals((await subscription.next()).value?.text(), "1");
    assertEquals((await subscription.next()).value?.text(), "2");
    await peer.expect("pubrec", { packetId: 1 });
    await peer.expectNothing();

    const again = (await script.reconnect(peer, { sessionPresent })).peer;
    if (script.version === 3) await grant(again);
    // 1 has its PUBREC, which may be lost; 2 is with the reader; 3 waits for it.
    for (const packetId of [1, 2, 3]) await deliver(again, "a", `${packetId}`, { qos: 2, packetId, dup: true });
    await again.expect("pubrec", { packetId: 1 });
    await again.expectNothing();
    assertEquals((await subscription.next()).value?.text(), "3");
    await again.expect("pubrec", { packetId: 2 });
    void subscription.next();
    await again.expect("pubrec", { packetId: 3 });
    await again.expectNothing();
    assertEquals(subscription.size, 0);
  },
);

clientTest(
  { "3.1.1": "", "5.0": "" },
  "QoS 1, receiving: a repetition of what is here already is not delivered twice",
  async (script) => {
    const { client, peer } = await script.connect({ cleanStart: script.version === 5 });
    const subscription = client.subscribe("a", { qos: 1 });
    await grant(peer);
    await subscription.ready;
    for (const packetId of [1, 2]) await deliver(peer, "a", `${packetId}`, { qos: 1, packetId });
    assertEquals((await subscription.next()).value?.text(), "1");
    const again = (await script.reconnect(peer, { sessionPresent: true })).peer;
    for (const packetId of [1, 2]) await deliver(again, "a", `${packetId}`, { qos: 1, packetId, dup: true });
    // Without DUP it is another message, which the server has given a free identifier.
    await deliver(again, "a", "other", { qos: 1, packetId: 3 });
    assertEquals((await subscription.next()).value?.text(), "2");
    await again.expect("puback", { packetId: 1 });
    assertEquals((await subscription.next()).value?.text(), "other");
    await again.expect("puback", { packetId: 2 });
    void subscription.next();
    await again.expect("puback", { packetId: 3 });
  },
);

clientTest(
  { "5.0": "4.3.3-13" },
  "QoS 2, receiving: carries the handshake to its end for an expired message",
  async ({ connect, clock }) => {
    const { client, peer } = await connect({ keepAlive: 0 });
    const subscription = client.subscribe("a", { qos: 2 });
    await grant(peer);
    await deliver(peer, "a", "", { qos: 2, packetId: 7, properties: { messageExpiryInterval: 1 } });
    await subscription.next();
    clock.advance(10_000);
    void subscription.next();
    await peer.expect("pubrec", { packetId: 7, reasonCode: 0 });
    await peer.send({ type: "pubrel", packetId: 7, reasonCode: 0 });
    await peer.expect("pubcomp", { packetId: 7, reasonCode: 0 });
  },
);

clientTest(
  { "3.1": "", "3.1.1": "4.4.0-1", "5.0": "4.4.0-1" },
  "resends nothing while the connection holds, however long",
  async ({ connect, clock }) => {
    const { client, peer } = await connect({ keepAlive: 0 });
    for (const qos of [1, 2] as const) ignoreFailure(client.publish("a", "", { qos }));
    await peer.expectMany("publish", 2);
    clock.advance(1_000_000_000);
    await peer.expectNothing();
  },
);

clientTest(
  { "3.1": "", "3.1.1": "4.5.0-2", "5.0": "4.5.0-2" },
  "acknowledges messages that nobody here wants",
  async ({ connect }) => {
    const { client, peer } = await connect();
    await deliver(peer, "nobody", "", { qos: 1, packetId: 1 });
    await peer.expect("puback", { packetId: 1 });
    await deliver(peer, "nobody", "", { qos: 2, packetId: 2 });
    await peer.expect("pubrec", { packetId: 2 });
    const subscription = client.subscribe("a", { qos: 2 });
    await grant(peer);
    for (const packetId of [3, 4]) await deliver(peer, "a", "", { qos: 1, packetId });
    await peer.expectNothing();
    // What the loop has left behind.
    await subscription.return();
    await peer.take("unsubscribe");
    await peer.expect("puback", { packetId: 3 });
    await peer.expect("puback", { packetId: 4 });
    await deliver(peer, "a", "", { qos: 1, packetId: 5 });
    await peer.expect("puback", { packetId: 5 });
  },
);

clientTest(
  { "3.1": "", "3.1.1": "4.6.0-1", "5.0": "4.6.0-1" },
  "resends in the order of the first sending, before anything new",
  async (script) => {
    const { client, peer } = await script.connect({ cleanStart: script.version === 5 });
    for (let i = 0; i < 6; i++) ignoreFailure(client.publish("a", `${i}`, { qos: i % 2 === 0 ? 1 : 2 }));
    const sent = await peer.expectMany("publish", 6);
    await peer.send({ type: "puback", packetId: sent[2]?.packetId ?? 0, reasonCode: 0 });
    await peer.send({ type: "pubrec", packetId: sent[3]?.packetId ?? 0, reasonCode: 0 });
    await peer.expect("pubrel");
    await peer.close();
    const next = script.acceptWith({ sessionPresent: script.version > 3, properties: {} });
    await script.passWait();
    const again = (await next).peer;
    ignoreFailure(client.publish("a", "new", { qos: 1 }));
    const order: string[] = [];
    for (let i = 0; i < 6; i++) {
      const packet = await again.next();
      if (packet.type === "publish") {
        order.push(`${new TextDecoder().decode(packet.payload)}${packet.dup ? " dup" : ""}`);
      } else order.push(packet.type);
    }
    assertEquals(order, ["0 dup", "1 dup", "pubrel", "4 dup", "5 dup", "new"]);
  },
);

clientTest(
  { "3.1": "", "3.1.1": "4.6.0-2 4.6.0-3", "5.0": "4.6.0-2 4.6.0-3" },
  "sends PUBACK and PUBREC in the order of the messages, whichever reader is faster",
  async ({ connect }) => {
    const { client, peer } = await connect();
    const slow = client.subscribe("slow", { qos: 2 });
    await grant(peer);
    const fast = client.subscribe("fast", { qos: 2 });
    await grant(peer);
    const topics = ["fast", "slow", "fast", "slow", "fast"];
    for (const [i, topic] of topics.entries()) {
      await deliver(peer, topic, "", { qos: i < 2 ? 1 : 2, packetId: i + 1 });
    }
    for (let i = 0; i < 3; i++) await fast.next();
    void fast.next();
    await peer.expect("puback", { packetId: 1 });
    await peer.expectNothing();
    await slow.next();
    await slow.next();
    await peer.expect("puback", { packetId: 2 });
    await peer.expect("pubrec", { packetId: 3 });
    await peer.expectNothing();
    void slow.next();
    await peer.expect("pubrec", { packetId: 4 });
    await peer.expect("pubrec", { packetId: 5 });
  },
);

clientTest(
  { "3.1": "", "3.1.1": "4.6.0-4", "5.0": "4.6.0-4" },
  "sends PUBREL in the order of the PUBRECs",
  async ({ connect }) => {
    const { client, peer } = await connect();
    const ids: number[] = [];
    for (let i = 0; i < 5; i++) {
      ignoreFailure(client.publish("a", "", { qos: 2 }));
      ids.push(await packetIdOf(peer));
    }
    const order = [2, 0, 4, 1, 3].map((i) => ids[i] ?? 0);
    await peer.send(...order.map((packetId) => ({ type: "pubrec", packetId, reasonCode: 0 }) as const));
    assertEquals((await peer.expectMany("pubrel", 5)).map(({ packetId }) => packetId), order);
  },
);

clientTest(
  { "3.1": "", "3.1.1": "" },
  "with 20 exchanges of QoS 2 open, QoS 1 waits too: Mosquitto would acknowledge and drop it",
  async ({ connect }) => {
    const { client, peer } = await connect();
    for (let i = 0; i < 20; i++) ignoreFailure(client.publish("a", "", { qos: 2 }));
    const [first] = await peer.expectMany("publish", 20);
    ignoreFailure(client.publish("b", "", { qos: 1 }));
    await peer.expectNothing();
    const packetId = first?.packetId ?? 0;
    await peer.send({ type: "pubrec", packetId, reasonCode: 0 });
    await peer.expect("pubrel", { packetId });
    await peer.send({ type: "pubcomp", packetId, reasonCode: 0 });
    await peer.expect("publish", { topic: "b", qos: 1 });
  },
);

clientTest(
  { "5.0": "" },
  "a PUBCOMP that does not know the identifier ends an exchange that PUBREC has accepted",
  async ({ connect }) => {
    const { client, peer } = await connect();
    const published = client.publish("a", "", { qos: 2 });
    const { packetId = 0 } = await peer.expect("publish");
    await peer.send({ type: "pubrec", packetId, reasonCode: 0x10 });
    await peer.expect("pubrel", { packetId });
    await peer.send({ type: "pubcomp", packetId, reasonCode: 0x92 });
    assertEquals((await published).ok, true);
  },
);
