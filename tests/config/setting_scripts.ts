/**
 * What clients do in comparisons with Mosquitto where the configuration file says something particular.
 *
 * @module
 */

import type { Script } from "./both.ts";
import { publish, subscribe } from "./packets.ts";

/** `subjects.conf`: clients are called as their certificates' subjects say. */
export const subjects: Script = async (conversation) => {
  const { ann, lost } = conversation.certificates;
  for (const version of [4, 5] as const) {
    await conversation.connect(`lost${version}`, version, {}, 0, lost);
    const client = await conversation.connect(`ann${version}`, version, { username: "eve" }, 0, ann);
    await client.sends(subscribe(1, ["devices/#", 1]));
    for (const user of ["CN=ann,O=Acme", "ann", "eve"]) {
      await client.sends(publish(`devices/${user}/1`, "x", { qos: 1, packetId: 1 }));
    }
  }
};

/** `include.conf`: the listeners of the main file and of an included one. */
export const included: Script = async (conversation) => {
  for (const listener of [0, 1]) {
    for (const version of [3, 4, 5] as const) {
      const client = await conversation.connect(`${version}at${listener}`, version, { keepAlive: 101 }, listener);
      await client.sends(publish("r", "x", { retain: true, qos: 1, packetId: 1 }));
    }
  }
};

/** `listeners.conf`: each kind of listener, and messages between them. */
export const listeners: Script = async (conversation) => {
  for (const version of [4, 5] as const) {
    const clients = [];
    for (const listener of [0, 1, 2, 3]) {
      const client = await conversation.connect(`${version}at${listener}`, version, {}, listener);
      await client.sends(subscribe(1, ["a/#", 1]));
      clients.push(client);
    }
    for (const [index, client] of clients.entries()) {
      await client.sends(publish(`a/${index}`, "to all", { qos: 1, packetId: 5 }));
      for (const other of clients) await other.hears();
    }
  }
};

/** `prefixes.conf`: clients without an identifier. */
export const prefixes: Script = async (conversation) => {
  for (const version of [4, 5] as const) {
    for (const cleanStart of [true, false]) {
      const client = await conversation.connect("nameless", version, { clientId: "", cleanStart });
      await client.leaves();
    }
  }
};

/** `per_listener_users.conf`: who may come in where, and do what there. */
export const usersOfListeners: Script = async (conversation) => {
  for (const version of [4, 5] as const) {
    const ann = { username: "ann", password: "secret" };
    await conversation.connect(`nobody${version}`, version, {}, 0);
    await conversation.connect(`wrong${version}`, version, { username: "ann", password: "no" }, 0);
    await conversation.connect(`stranger${version}`, version, {}, 1);
    const reader = await conversation.connect(`reader${version}`, version, ann, 0);
    const machine = await conversation.connect(`machine${version}`, version, {}, 1);
    // There are no passwords there: user names are taken as they come.
    const named = await conversation.connect(`machine-named${version}`, version, { username: "bob", password: "" }, 1);
    for (const client of [reader, machine, named]) await client.sends(subscribe(1, ["home/#", 1], ["news/#", 1]));
    for (const client of [reader, machine, named]) {
      for (const topic of ["home/x", `home/machine${version}`, "news/local"]) {
        await client.sends(publish(topic, "x", { qos: 1, packetId: 9 }));
        for (const other of [reader, machine, named]) await other.hears();
      }
    }
    for (const client of [reader, machine, named]) await client.leaves();
  }
};

/** `queues.conf`: what waits for whom is away, and with which QoS it comes. */
export const queues: Script = async (conversation) => {
  for (const version of [4, 5] as const) {
    const options = { cleanStart: false, properties: version === 5 ? { sessionExpiryInterval: 3600 } : undefined };
    const away = await conversation.connect(`away${version}`, version, options);
    await away.sends(subscribe(1, ["q/#", 2], ["one/#", 1], ["zero/#", 0]));
    const sender = await conversation.connect(`sender${version}`, version);
    // While it is there: the QoS of the subscription holds.
    await sender.sends(publish("q/0", "upgraded"), publish("one/0", "upgraded"), publish("zero/0", "as it is"));
    await away.hears();
    await away.sends({ type: "pubrec", packetId: 1, reasonCode: 0 });
    await away.sends({ type: "pubcomp", packetId: 1, reasonCode: 0 }, { type: "puback", packetId: 2, reasonCode: 0 });
    await away.leaves();
    await sender.sends(publish("zero/1", "QoS 0 waits"), publish("one/1", "waits", { qos: 1, packetId: 1 }));
    for (let index = 2; index <= 12; index++) {
      await sender.sends(publish(`one/${index}`, `${index}`, { qos: 1, packetId: index }));
    }
    const back = await conversation.connect(`away${version}`, version, options);
    for (let packetId = 3; packetId <= 12; packetId++) {
      await back.sends({ type: "puback", packetId, reasonCode: 0 });
    }
    await back.leaves();
  }
};

/** `bytes.conf`: so many bytes and not more. */
export const bytes: Script = async (conversation) => {
  const reader = await conversation.connect("reader", 4, { cleanStart: false });
  await reader.sends(subscribe(1, ["b/#", 1]));
  const sender = await conversation.connect("sender", 5);
  for (let packetId = 1; packetId <= 12; packetId++) {
    await sender.sends(publish(`b/${packetId}`, "x".repeat(50), { qos: 1, packetId }));
    await reader.hears();
  }
  for (let packetId = 1; packetId <= 12; packetId++) await reader.sends({ type: "puback", packetId, reasonCode: 0 });
};

/** `limits.conf`: topic aliases within and beyond the maximum. */
export const aliases: Script = async (conversation) => {
  const reader = await conversation.connect("reader", 5, { properties: { topicAliasMaximum: 2 } });
  await reader.sends(subscribe(1, ["a/#", 1]));
  const sender = await conversation.connect("sender", 5);
  await sender.sends(
    publish("a/1", "named", { qos: 1, packetId: 1, properties: { topicAlias: 4 } }),
    publish("", "by its alias", { qos: 1, packetId: 2, properties: { topicAlias: 4 } }),
    publish("a/2", "renamed", { properties: { topicAlias: 4 } }),
    publish("", "by its alias", { properties: { topicAlias: 4 } }),
  );
  await reader.hears();
  await sender.sends(publish("a/5", "beyond", { properties: { topicAlias: 5 } }));
  const unknown = await conversation.connect("unknown", 5);
  await unknown.sends(publish("", "nothing before", { properties: { topicAlias: 1 } }));
  const zero = await conversation.connect("zero", 5);
  await zero.sendsBytes("30 09 0003 612f31 03 230000");
};

/** `logs.conf`: what clients do all day, and one that may not come in. */
export const logged: Script = async (conversation) => {
  await conversation.connect("wrong", 4, { username: "ann", password: "guessed" });
  for (const version of [3, 4, 5] as const) {
    const will = { topic: "w", payload: "gone", qos: 1 as const, retain: true };
    const ann = await conversation.connect(`ann${version}`, version, { username: "ann", password: "secret", will });
    const guest = await conversation.connect(`guest${version}`, version);
    await guest.sends(subscribe(1, ["a/#", 2], ["b", 0]));
    await ann.sends(publish("a/1", "one", { qos: 1, packetId: 7, retain: true }), publish("b", "zero"));
    await guest.hears();
    await guest.sends({ type: "puback", packetId: 1, reasonCode: 0 });
    await ann.sends(publish("nobody", "two", { qos: 2, packetId: 8 }));
    await ann.sends({ type: "pubrel", packetId: 8, reasonCode: 0 });
    await guest.sends({ type: "unsubscribe", packetId: 2, filters: ["b"] });
    for (const client of [guest, ann]) await client.leaves();
  }
};
