/** What our client does in every version, against real servers. @module */

import { assert, assertEquals } from "@std/assert";
import type { Client, Message, Subscription } from "../../client/mod.ts";
import { random } from "../support/random.ts";
import { serverTest } from "./client_servers.ts";

const QOS = [0, 1, 2] as const;
const EVERY = { "3.1": "", "3.1.1": "", "5.0": "" };

/** Takes so many messages out of a subscription. */
async function take(subscription: Subscription, count: number): Promise<Message[]> {
  const messages: Message[] = [];
  while (messages.length < count) {
    const { done, value } = await subscription.next();
    if (done) break;
    messages.push(value);
  }
  return messages;
}

/** Subscribes and waits for the grant. */
async function subscribed(client: Client, filter: string | string[], qos: 0 | 1 | 2 = 2): Promise<Subscription> {
  const subscription = client.subscribe(filter, { qos });
  await subscription.ready;
  return subscription;
}

serverTest(
  "messages arrive at the lower QoS of publication and subscription",
  { "3.1": "", "3.1.1": "7.0.0-2 7.1.2-1", "5.0": "4.2-1" },
  async ({ connect }) => {
    const sender = await connect();
    for (const granted of QOS) {
      const receiver = await connect();
      const subscription = receiver.subscribe("a/+", { qos: granted });
      assertEquals(await subscription.ready, [granted]);
      for (const qos of QOS) assert((await sender.publish("a/b", `qos ${qos}`, { qos })).ok);
      const messages = await take(subscription, QOS.length);
      assertEquals(
        messages.map((message) => [message.topic, message.text(), message.qos, message.retain]),
        QOS.map((qos) => ["a/b", `qos ${qos}`, Math.min(qos, granted), false]),
      );
    }
  },
  ["aedes"], // delivers QoS 2 to a subscription with QoS 1
);

serverTest("many messages arrive in order, at every QoS", EVERY, async ({ connect }) => {
  const count = 3_000;
  const [sender, receiver] = [await connect(), await connect()];
  for (const qos of QOS) {
    const subscription = await subscribed(receiver, `order/${qos}`, qos);
    const sent: Promise<unknown>[] = [];
    for (let i = 0; i < count; i++) {
      await sender.ready;
      sent.push(sender.publish(`order/${qos}`, `${i}`, { qos }));
      // A server may drop QoS 0 that comes too fast, and Mosquitto does.
      if (qos === 0 && i % 50 === 49) await sender.publish("pace", "", { qos: 1 });
    }
    await Promise.all(sent);
    const messages = await take(subscription, count);
    assertEquals(messages.map((message) => message.text()), Array.from({ length: count }, (_, i) => `${i}`));
    await subscription.unsubscribe();
  }
});

serverTest("a payload of 1 MiB arrives whole, at every QoS and out of every source", EVERY, async ({ connect }) => {
  const [sender, receiver] = [await connect(), await connect()];
  const subscription = await subscribed(receiver, "big");
  const payload = Uint8Array.from({ length: 1 << 20 }, (_, i) => (i * 31 + (i >> 8) * 7) & 0xff);
  for (const qos of QOS) {
    const sources = [payload, payload.buffer, new Blob([payload]), new Blob([payload]).stream()];
    for (const source of sources) {
      await sender.publish("big", source, { qos });
      const [message] = await take(subscription, 1);
      assert(message !== undefined && sameBytes(message.bytes(), payload));
    }
  }
}, ["aedes"]); // on Deno it stands still after 160 KB of a packet, whoever sends it

function sameBytes(one: Uint8Array, other: Uint8Array): boolean {
  return one.length === other.length && one.every((byte, i) => byte === other[i]);
}

serverTest("retained messages are kept, replaced and cleared", EVERY, async ({ connect }) => {
  const sender = await connect();
  for (const payload of ["old", "on"]) await sender.publish("state/a", payload, { qos: 1, retain: true });
  const first = await connect();
  const [kept] = await take(await subscribed(first, "state/#"), 1);
  assertEquals([kept?.text(), kept?.retain], ["on", true]);
  await sender.publish("state/a", "", { qos: 1, retain: true });
  const second = await connect();
  const subscription = await subscribed(second, "state/#");
  await sender.publish("state/b", "live", { qos: 1, retain: true });
  const [live] = await take(subscription, 1);
  assertEquals([live?.topic, live?.text(), live?.retain], ["state/b", "live", false]);
});

serverTest(
  "overlapping subscriptions of one client each get what matches, at least once",
  EVERY,
  async ({ connect }) => {
    const client = await connect();
    const subscriptions = [
      await subscribed(client, "a/#"),
      await subscribed(client, ["a/b", "c"]),
      await subscribed(client, "+/b"),
    ];
    await client.publish("a/b", "1", { qos: 2 });
    await client.publish("c", "2", { qos: 2 });
    await client.publish("a", "3", { qos: 2 });
    const firsts = [];
    for (const subscription of subscriptions) firsts.push((await take(subscription, 1))[0]?.text());
    assertEquals(firsts, ["1", "1", "1"]);
  },
);

serverTest("ending a loop gives the filter back", EVERY, async ({ connect }) => {
  const [sender, receiver] = [await connect(), await connect()];
  const seen: string[] = [];
  receiver.addEventListener("message", ({ message }) => seen.push(message.text()));
  for await (const message of await loop(receiver, sender)) {
    assertEquals(message.text(), "first");
    break;
  }
  const other = await subscribed(receiver, "b");
  await sender.publish("a", "second", { qos: 1 });
  await sender.publish("b", "last", { qos: 1 });
  await take(other, 1);
  assertEquals(seen, ["first", "last"]);
});

async function loop(receiver: Client, sender: Client): Promise<Subscription> {
  const subscription = await subscribed(receiver, "a");
  await sender.publish("a", "first", { qos: 1 });
  return subscription;
}

serverTest("the will is published when the connection breaks, not after close()", EVERY, async (scene) => {
  const watcher = await scene.connect();
  const wills = await subscribed(watcher, "wills/#");
  const init = { reconnect: false } as const;
  const leaving = await scene.connect({ ...init, will: { topic: "wills/leaving", payload: "lost", qos: 1 } });
  await leaving.close();
  const breaking = await scene.connect({
    ...init,
    will: { topic: "wills/breaking", payload: "lost", qos: 2, retain: true },
  });
  scene.breakConnection(breaking);
  const [will] = await take(wills, 1);
  assertEquals([will?.topic, will?.text(), will?.qos], ["wills/breaking", "lost", 2]);
  await breaking.closed;
});

serverTest(
  "a session goes on in another client with its identifier",
  { "3.1": "", "3.1.1": "", "5.0": "" },
  async (scene) => {
    const persistent = { clientId: "persistent", sessionExpiryInterval: 600 };
    const first = await scene.connect({ ...persistent, cleanStart: !scene.isVersion5 ? false : true });
    await subscribed(first, "a", 1);
    await first.close();
    const sender = await scene.connect();
    for (const qos of [1, 2] as const) await sender.publish("a", `qos ${qos}`, { qos });
    const second = await scene.connect({ ...persistent, cleanStart: false });
    // At once: what the session has in store comes before anything is awaited.
    const subscription = second.subscribe("a", { qos: 1 });
    const messages = await take(subscription, 2);
    assertEquals(messages.map((message) => message.text()), ["qos 1", "qos 2"]);
    await subscription.unsubscribe();
  },
);

for (const qos of [1, 2] as const) {
  const what = qos === 1 ? "at QoS 1 nothing is lost" : "at QoS 2 nothing is lost and nothing doubled";
  serverTest(`${what} over connections that break`, { "3.1.1": "", "5.0": "" }, async (scene) => {
    const next = random(qos);
    const count = 400;
    // Before MQTT 5.0 a session lasts only if it does not begin clean.
    const init = { cleanStart: scene.isVersion5, sessionExpiryInterval: 600, keepAlive: 5 };
    const sender = await scene.connect({ ...init, clientId: "sender" });
    const receiver = await scene.connect({ ...init, clientId: "receiver" });
    const subscription = await subscribed(receiver, "a", qos);
    const sent: Promise<unknown>[] = [];
    const received: number[] = [];
    const receiving = (async () => {
      while (new Set(received).size < count) {
        const [message] = await take(subscription, 1);
        received.push(Number(message?.text()));
      }
    })();
    for (let i = 0; i < count; i++) {
      sent.push(sender.publish("a", `${i}`, { qos }));
      if (i % 40 === 39) await new Promise((resolve) => setTimeout(resolve, next() * 20));
      if (i % 100 === 50) scene.breakConnection(next() < 0.5 ? sender : receiver);
    }
    await Promise.all(sent);
    await receiving;
    assertEquals([...new Set(received)].sort((a, b) => a - b), Array.from({ length: count }, (_, i) => i));
    if (qos === 2) assertEquals(received, Array.from({ length: count }, (_, i) => i));
  }, qos === 2 ? ["aedes"] : []); // it keeps no session without subscriptions
}
