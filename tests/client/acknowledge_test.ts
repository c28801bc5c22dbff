/** Messages that their readers acknowledge by a call. */

import { assertEquals, assertThrows } from "@std/assert";
import { type Message, ReasonCode, type Subscription } from "../../client/mod.ts";
import { clientTest, deliver, grant, settle } from "./scripted.ts";

async function nextOf(subscription: Subscription): Promise<Message> {
  const { value } = await subscription.next();
  if (value === undefined) throw new Error("Cannot go on: there must be a message, received the end");
  return value;
}

clientTest(
  { "3.1": "", "3.1.1": "", "5.0": "4.6.0-2 4.6.0-3" },
  "manual: acknowledgements leave when they are asked for, in the order of the messages, once each",
  async ({ connect }) => {
    const { client, peer } = await connect();
    const subscription = client.subscribe("a/#", { qos: 2, acknowledge: "manual" });
    await grant(peer);
    await deliver(peer, "a", "1", { qos: 1, packetId: 1 });
    await deliver(peer, "a", "2", { qos: 2, packetId: 2 });
    await deliver(peer, "a", "3", { qos: 1, packetId: 3 });
    await deliver(peer, "a", "4");
    const [first, second, third, fourth] = [
      await nextOf(subscription),
      await nextOf(subscription),
      await nextOf(subscription),
      await nextOf(subscription),
    ];
    void subscription.next();
    await settle();
    await peer.expectNothing();
    fourth.acknowledge();
    third.acknowledge();
    second.acknowledge();
    await settle();
    await peer.expectNothing(); // the first holds the others up
    first.acknowledge();
    await peer.expect("puback", { packetId: 1, reasonCode: 0 });
    await peer.expect("pubrec", { packetId: 2, reasonCode: 0 });
    await peer.expect("puback", { packetId: 3, reasonCode: 0 });
    await peer.send({ type: "pubrel", packetId: 2, reasonCode: 0 });
    await peer.expect("pubcomp", { packetId: 2 });
    for (const message of [first, second, third, fourth]) message.acknowledge();
    await settle();
    await peer.expectNothing();
  },
);

clientTest(
  { "3.1": "", "3.1.1": "", "5.0": "4.3.3-9" },
  "manual: a refusal is told where the version can say it, and frees the identifier",
  async ({ connect, version }) => {
    const { client, peer } = await connect();
    const subscription = client.subscribe("a", { qos: 2, acknowledge: "manual" });
    await grant(peer);
    await deliver(peer, "a", "1", { qos: 1, packetId: 1 });
    await deliver(peer, "a", "2", { qos: 2, packetId: 2 });
    (await nextOf(subscription)).acknowledge(ReasonCode.QuotaExceeded);
    await peer.expect("puback", { packetId: 1, reasonCode: version === 5 ? 0x97 : 0 });
    const second = await nextOf(subscription);
    for (const code of [0x10, 0x92, 1, 256, -1, NaN]) assertThrows(() => second.acknowledge(code), RangeError);
    second.acknowledge(ReasonCode.PayloadFormatInvalid);
    await peer.expect("pubrec", { packetId: 2, reasonCode: version === 5 ? 0x99 : 0 });
    await deliver(peer, "a", "3", { qos: 2, packetId: 2 });
    if (version < 5) return await peer.expect("pubrec", { packetId: 2, reasonCode: 0 }).then(() => {});
    assertEquals((await nextOf(subscription)).text(), "3"); // a new message, since the exchange was over
  },
);

clientTest(
  { "5.0": "" },
  "manual: all subscriptions that have a message acknowledge it, and one that refuses it is enough",
  async ({ connect }) => {
    const { client, peer } = await connect();
    const one = client.subscribe("a/#", { qos: 1, acknowledge: "manual" });
    await grant(peer);
    const two = client.subscribe("a/+", { qos: 1, acknowledge: "manual" });
    await grant(peer);
    const automatic = client.subscribe("a/b", { qos: 1 });
    await grant(peer);
    const events: Message[] = [];
    client.addEventListener("message", ({ message }) => events.push(message));
    await deliver(peer, "a/b", "", { qos: 1, packetId: 9 });
    (await nextOf(one)).acknowledge(ReasonCode.QuotaExceeded);
    const read = await nextOf(automatic);
    await automatic.return();
    await settle();
    await peer.expect("unsubscribe");
    await peer.expectNothing();
    for (const message of [read, ...events]) assertThrows(() => message.acknowledge(), TypeError, '"manual"');
    (await nextOf(two)).acknowledge();
    await peer.expect("puback", { packetId: 9, reasonCode: 0x97 });
    assertEquals(events.length, 1);
  },
);

clientTest(
  { "5.0": "" },
  "manual: what nobody has taken is let go with the subscription, what was taken waits for its call",
  async ({ connect }) => {
    const { client, peer } = await connect();
    const subscription = client.subscribe("a", { qos: 1, acknowledge: "manual" });
    await grant(peer);
    for (const packetId of [1, 2, 3]) await deliver(peer, "a", "", { qos: 1, packetId });
    const message = await nextOf(subscription);
    void subscription.unsubscribe();
    await peer.expect("unsubscribe");
    await peer.expectNothing();
    message.acknowledge();
    for (const packetId of [1, 2, 3]) await peer.expect("puback", { packetId });
  },
);

clientTest(
  { "5.0": "" },
  "manual: the server has no more than the receive maximum open",
  async ({ connect }) => {
    const { client, peer } = await connect({ receiveMaximum: 2 });
    const subscription = client.subscribe("a", { qos: 1, acknowledge: "manual" });
    await grant(peer);
    await deliver(peer, "a", "", { qos: 1, packetId: 1 });
    await deliver(peer, "a", "", { qos: 1, packetId: 2 });
    (await nextOf(subscription)).acknowledge();
    await peer.expect("puback", { packetId: 1 });
    await deliver(peer, "a", "", { qos: 1, packetId: 3 });
    await settle();
    assertEquals(subscription.size, 2);
    await deliver(peer, "a", "", { qos: 1, packetId: 4 });
    await peer.expect("disconnect", { reasonCode: 0x93 });
  },
);

clientTest(
  { "3.1.1": "", "5.0": "" },
  "manual: what comes again after a reconnect is recognized, and its acknowledgement goes to the new connection",
  async (script) => {
    const { client, peer } = await script.connect({ cleanStart: script.version === 5 });
    const subscription = client.subscribe("a", { qos: 2, acknowledge: "manual" });
    await grant(peer);
    await deliver(peer, "a", "1", { qos: 1, packetId: 1 });
    await deliver(peer, "a", "2", { qos: 2, packetId: 2 });
    const [first, second] = [await nextOf(subscription), await nextOf(subscription)];
    const again = await script.reconnect(peer, { sessionPresent: true });
    first.acknowledge(); // while the server has not repeated it
    await settle();
    await again.peer.expectNothing();
    await deliver(again.peer, "a", "1", { qos: 1, packetId: 1, dup: true });
    await again.peer.expect("puback", { packetId: 1 });
    await deliver(again.peer, "a", "2", { qos: 2, packetId: 2, dup: true });
    await settle();
    assertEquals(subscription.size, 0);
    await again.peer.expectNothing();
    second.acknowledge();
    await again.peer.expect("pubrec", { packetId: 2, reasonCode: 0 });
  },
);

clientTest(
  { "5.0": "" },
  "manual: after the server has lost the session, or the client has ended, a call has no effect",
  async (script) => {
    const { client, peer } = await script.connect();
    const subscription = client.subscribe("a", { qos: 2, acknowledge: "manual" });
    await grant(peer);
    await deliver(peer, "a", "old", { qos: 2, packetId: 1 });
    const old = await nextOf(subscription);
    const again = await script.reconnect(peer, { sessionPresent: false });
    await grant(again.peer);
    await deliver(again.peer, "a", "new", { qos: 2, packetId: 1 });
    const fresh = await nextOf(subscription);
    assertEquals(fresh.text(), "new");
    old.acknowledge();
    await settle();
    await again.peer.expectNothing();
    await client.close({ force: true });
    fresh.acknowledge();
    await again.peer.expectDisconnect(0);
  },
);
