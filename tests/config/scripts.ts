/**
 * What clients do in comparisons with Mosquitto.
 *
 * @module
 */

import type { PublishProperties } from "../../codec/properties.ts";
import { connectPacket } from "../support/raw_packets.ts";
import type { Script } from "./both.ts";
import { publish, subscribe } from "./packets.ts";

/** CONNECT in all versions, accepted and refused. */
export const connecting: Script = async (conversation) => {
  for (const version of [3, 4, 5] as const) {
    await (await conversation.connect(`plain${version}`, version)).leaves();
    await (await conversation.connect(`named${version}`, version, { username: "ann", password: "secret" })).leaves();
    await (await conversation.connect(`kept${version}`, version, { cleanStart: false })).leaves();
    await (await conversation.connect("empty", version, { clientId: "" })).leaves();
    await (await conversation.connect("empty", version, { clientId: "", cleanStart: false })).leaves();
  }
  const twice = await conversation.connect("twice");
  await twice.sends(connectPacket({ version: 4, clientId: "twice" }));
};

/** Publications of all QoS in both versions, with everything that 5.0 adds. */
export const messages: Script = async (conversation) => {
  for (const version of [4, 5] as const) {
    const sender = await conversation.connect(`sender${version}`, version);
    const receiver = await conversation.connect(`receiver${version}`, version);
    const old = await conversation.connect(`old${version}`, 3);
    await receiver.sends(subscribe(7, ["a/+", 2], ["b/#", 1], ["c", 0]));
    await old.sends(subscribe(1, ["#", 2]));
    for (const qos of [0, 1, 2] as const) {
      const packetId = qos === 0 ? undefined : 10 + qos;
      await sender.sends(publish(`a/${qos}`, "one", { qos, packetId }));
      if (qos === 2) await sender.sends({ type: "pubrel", packetId: 12, reasonCode: 0 });
      await sender.sends(publish("b", "two", { qos, packetId: packetId && packetId + 10 }));
      if (qos === 2) await sender.sends({ type: "pubrel", packetId: 22, reasonCode: 0 });
      await receiver.hears();
      await old.hears();
    }
    await receiver.sends(
      { type: "puback", packetId: 1, reasonCode: 0 },
      { type: "puback", packetId: 2, reasonCode: 0 },
      { type: "pubrec", packetId: 3, reasonCode: 0 },
    );
    await receiver.sends({ type: "pubcomp", packetId: 3, reasonCode: 0 }, {
      type: "puback",
      packetId: 4,
      reasonCode: 0,
    });
    await sender.sends(publish("nobody/is/there", "x", { qos: 1, packetId: 33 }));
    await receiver.sends({ type: "unsubscribe", packetId: 8, filters: ["a/+", "not/there"] });
    await sender.sends(publish("a/1", "gone", { qos: 1, packetId: 34 }));
    for (const client of [receiver, old, sender]) await client.leaves();
  }
};

/** Retained messages: kept, replaced, deleted, with all options of 5.0. */
export const retained: Script = async (conversation) => {
  const sender = await conversation.connect("sender", 5);
  await sender.sends(
    publish("r/a", "first", { retain: true, qos: 1, packetId: 1 }),
    publish("r/b", "second", { retain: true }),
    publish("r/a", "third", { retain: true, properties: { contentType: "text", userProperties: [["k", "v"]] } }),
    publish("r/b", "", { retain: true }),
    publish("r/c", "expires", { retain: true, properties: { messageExpiryInterval: 100 } }),
  );
  const old = await conversation.connect("old", 4);
  await old.sends(subscribe(1, ["r/a", 1]));
  await old.sends(subscribe(2, ["r/a", 0]));
  const reader = await conversation.connect("reader", 5);
  for (const retainHandling of [0, 1, 2] as const) {
    await reader.sends({
      type: "subscribe",
      packetId: 10 + retainHandling,
      subscriptions: [{ filter: "r/a", qos: 2, retainHandling, retainAsPublished: true }],
      properties: { subscriptionIdentifiers: [5] },
    });
  }
  await sender.sends(publish("r/a", "live", { retain: true, qos: 1, packetId: 2 }));
  await reader.hears();
  await old.hears();
  await sender.sends(publish("r/a", "", { retain: true }), publish("r/c", "", { retain: true }));
  await reader.hears();
  await old.hears();
};

/** What only 5.0 has. */
export const modern: Script = async (conversation) => {
  const sender = await conversation.connect("sender", 5);
  const reader = await conversation.connect("reader", 5, { properties: { receiveMaximum: 2 } });
  await reader.sends({
    type: "subscribe",
    packetId: 1,
    subscriptions: [{ filter: "m/#", qos: 1, noLocal: true }, { filter: "$share/g/s", qos: 1 }],
    properties: { subscriptionIdentifiers: [300] },
  });
  const properties: PublishProperties = {
    payloadFormatIndicator: 1,
    contentType: "text/plain",
    responseTopic: "answer/here",
    correlationData: new Uint8Array([1, 2, 3]),
    userProperties: [["a", "1"], ["a", "2"]],
  };
  await sender.sends(publish("m/1", "with properties", { qos: 1, packetId: 1, properties }));
  await sender.sends(publish("m/2", "alias", { properties: { topicAlias: 3 } }));
  await sender.sends(publish("", "alias again", { properties: { topicAlias: 3 } }));
  await sender.sends(publish("s", "shared", { qos: 1, packetId: 2 }));
  await reader.hears();
  await reader.sends(publish("m/own", "not to me", { qos: 1, packetId: 5 }));
  await reader.sends({ type: "puback", packetId: 1, reasonCode: 0 });
  for (let packetId = 10; packetId < 15; packetId++) {
    await sender.sends(publish("m/many", `${packetId}`, { qos: 1, packetId }));
  }
  await reader.hears();
  await reader.sends({ type: "puback", packetId: 2, reasonCode: 0 });
  await sender.sends({ type: "disconnect", reasonCode: 0 });
};

/** A session that is left and taken up again. */
export const sessions: Script = async (conversation) => {
  for (const version of [4, 5] as const) {
    const name = `keeper${version}`;
    const options = { cleanStart: false, properties: version === 5 ? { sessionExpiryInterval: 3600 } : undefined };
    const first = await conversation.connect(name, version, options);
    await first.sends(subscribe(1, [`k${version}/#`, 2]));
    const sender = await conversation.connect(`sender${version}`, version);
    await sender.sends(publish(`k${version}/1`, "in flight", { qos: 1, packetId: 1 }));
    await sender.sends(publish(`k${version}/2`, "half done", { qos: 2, packetId: 2 }));
    await sender.sends({ type: "pubrel", packetId: 2, reasonCode: 0 });
    await first.hears();
    await first.sends({ type: "pubrec", packetId: 2, reasonCode: 0 });
    await first.leaves();
    await sender.sends(publish(`k${version}/3`, "waits", { qos: 1, packetId: 3 }));
    await sender.sends(publish(`k${version}/4`, "does not", { qos: 0 }));
    const second = await conversation.connect(name, version, options);
    await second.sends({ type: "puback", packetId: 1, reasonCode: 0 }, { type: "pubcomp", packetId: 2, reasonCode: 0 });
    await second.sends({ type: "puback", packetId: 3, reasonCode: 0 });
    await second.leaves();
    const third = await conversation.connect(name, version, { ...options, cleanStart: true });
    await sender.sends(publish(`k${version}/5`, "to nobody", { qos: 1, packetId: 4 }));
    await third.leaves();
  }
};

/** Wills, and connections that take over. */
export const wills: Script = async (conversation) => {
  const reader = await conversation.connect("reader", 5);
  await reader.sends(subscribe(1, ["w/#", 2]));
  for (const version of [4, 5] as const) {
    const will = { topic: `w/${version}`, payload: "gone", qos: 1 as const };
    const dying = await conversation.connect("dying", version, { will });
    await conversation.connect("dying", version);
    await dying.hears();
    await reader.hears();
    const polite = await conversation.connect("polite", version, { will });
    await polite.leaves();
    await reader.hears();
  }
};

/** Packets that are wrong, or not allowed. */
export const mistakes: Script = async (conversation) => {
  for (const version of [4, 5] as const) {
    const wildcard = await conversation.connect(`wildcard${version}`, version);
    await wildcard.sendsBytes(version === 5 ? "30 06 0003 612f23 00" : "30 05 0003 612f23");
    const reserved = await conversation.connect(`reserved${version}`, version);
    await reserved.sendsBytes("00 00");
    const flags = await conversation.connect(`flags${version}`, version);
    await flags.sendsBytes("80 06 0001 0001 61 00");
    const system = await conversation.connect(`system${version}`, version);
    await system.sends(publish("$SYS/broker/uptime", "mine", { qos: 1, packetId: 1 }));
  }
};

/** What the limits of `limits.conf` do. */
export const limits: Script = async (conversation) => {
  const reader = await conversation.connect("reader", 4, { cleanStart: false });
  await reader.sends(subscribe(1, ["q/#", 1]));
  const sender = await conversation.connect("sender", 5, { keepAlive: 300 });
  for (let packetId = 1; packetId <= 8; packetId++) {
    await sender.sends(publish(`q/${packetId}`, `${packetId}`, { qos: 1, packetId }));
  }
  await reader.hears();
  for (let packetId = 1; packetId <= 5; packetId++) await reader.sends({ type: "puback", packetId, reasonCode: 0 });
  await sender.sends(publish("q/long", "x".repeat(51), { qos: 1, packetId: 20 }));
  await sender.sends(publish("q/fits", "x".repeat(50), { qos: 1, packetId: 21 }));
  await reader.hears();
  for (const name of ["third", "fourth", "fifth", "sixth"]) await conversation.connect(name);
  await (await conversation.open("seventh")).hears();
  await sender.sends(publish("q/qos", "2", { qos: 2, packetId: 22 }));
};

/** What ends the connection of whoever does it with `limits.conf`. */
export const overLimits: Script = async (conversation) => {
  for (const version of [4, 5] as const) {
    const retaining = await conversation.connect(`retaining${version}`, version);
    await retaining.sends(publish("r", "x", { retain: true, qos: 1, packetId: 1 }));
    const qos = await conversation.connect(`qos${version}`, version);
    await qos.sends(publish("r", "x", { qos: 2, packetId: 1 }));
    const large = await conversation.connect(`large${version}`, version);
    await large.sends(publish("r", "x".repeat(300)));
  }
};

/** Clients on a listener with a mount point, and on one without. */
export const mountPoints: Script = async (conversation) => {
  const inside = await conversation.connect("inside", 4, { will: { topic: "last", payload: "bye" } }, 0);
  const modern = await conversation.connect("modern", 5, {}, 0);
  const outside = await conversation.connect("outside", 4, {}, 1);
  await inside.sends(subscribe(1, ["t/#", 1], ["last", 0], ["#", 0]));
  await modern.sends(subscribe(1, ["t/+", 2]));
  await outside.sends(subscribe(1, ["#", 0]));
  await inside.sends(publish("t/a", "from inside", { qos: 1, packetId: 1, retain: true }));
  await outside.sends(publish("one/t/b", "from outside", { qos: 1, packetId: 1 }));
  await outside.sends(publish("t/c", "not for them"));
  for (const client of [inside, modern, outside]) await client.hears();
  const late = await conversation.connect("late", 4, {}, 0);
  await late.sends(subscribe(2, ["t/a", 1]));
  await late.sends({ type: "unsubscribe", packetId: 3, filters: ["t/a", "t/b"] });
  await outside.sends(publish("one/t/a", "", { retain: true }));
  await late.hears();
  await modern.hears();
};

/** `per_listener.conf`. */
export const perListener: Script = async (conversation) => {
  for (const version of [3, 4, 5] as const) {
    for (const listener of [0, 1]) {
      const name = `${version}at${listener}`;
      await (await conversation.connect(name, version, {}, listener)).hears();
      await (await conversation.connect(`${name}user`, version, { username: "ann", password: "x" }, listener)).hears();
      await (await conversation.connect(`${name}empty`, version, { clientId: "" }, listener)).hears();
    }
  }
};

/** `names.conf`. */
export const names: Script = async (conversation) => {
  for (const version of [4, 5] as const) {
    await conversation.connect("dev-1", version);
    await conversation.connect("other", version);
    await conversation.connect("dev-2", version, {}, 1);
    await conversation.connect("dev-3", version, { username: "ann" }, 1);
    // The one before is called so, too.
    await conversation.connect("dev-4", version, { username: "ann" }, 1);
  }
};

/** No client identifier, where the user name takes its place. */
export const usernames: Script = async (conversation) => {
  for (const version of [4, 5] as const) {
    for (const cleanStart of [true, false]) {
      await conversation.connect(`clean${cleanStart}at${version}`, version, {
        clientId: "",
        username: "ann",
        cleanStart,
      });
    }
    await conversation.connect(`nobody${version}`, version, { clientId: "" });
  }
};

/** Passwords, right and wrong, and none. */
export const passwords: Script = async (conversation) => {
  for (const version of [3, 4, 5] as const) {
    for (const [index, password] of ["secret", "wrong", "", undefined].entries()) {
      await conversation.connect(`ann${index}at${version}`, version, { username: "ann", password });
      await conversation.connect(`stranger${index}at${version}`, version, { username: "stranger", password });
    }
    await conversation.connect(`nobody${version}`, version);
    await conversation.connect(`empty${version}`, version, { username: "", password: "secret" });
  }
};

/** Who may read and write what, with `users.acl`. */
export const accessRules: Script = async (conversation) => {
  for (const version of [4, 5] as const) {
    const ann = await conversation.connect(`ann${version}`, version, { username: "ann", password: "secret" });
    const bob = await conversation.connect(`bob${version}`, version, { username: "bob", password: "hidden" });
    const guest = await conversation.connect(`guest${version}`, version);
    const clients = [ann, bob, guest];
    for (const client of clients) {
      await client.sends(
        subscribe(1, ["home/#", 1]),
        subscribe(2, ["news/#", 0], ["devices/#", 0], ["users/ann", 0]),
      );
    }
    let packetId = 10;
    for (
      const topic of [
        "home/safe",
        "home/x/temperature",
        "news/local",
        "news/world",
        `devices/ann${version}/a`,
        "users/ann",
      ]
    ) {
      for (const client of clients) {
        await client.sends(publish(topic, "1", { qos: 1, packetId: packetId++ }), publish(topic, "0"));
        for (const other of clients) await other.hears();
      }
    }
    await ann.sends(
      publish("home/kept", "retained", { retain: true }),
      publish("home/x/temperature", "20", { retain: true }),
    );
    for (const client of clients) {
      await client.sends({ type: "unsubscribe", packetId: 5, filters: ["home/#", "not/there"] });
      await client.sends(subscribe(6, ["home/#", 0]));
    }
    await ann.sends(publish("home/kept", "", { retain: true }), publish("home/x/temperature", "", { retain: true }));
    for (const client of clients) await client.leaves();
  }
};

/** Clients with certificates, of which some are no longer trusted. */
export const certificates: Script = async (conversation) => {
  const { ann, lost, bob } = conversation.certificates;
  for (const version of [4, 5] as const) {
    await conversation.connect(`none${version}`, version);
    await conversation.connect(`lost${version}`, version, {}, 0, lost);
    const first = await conversation.connect(`first${version}`, version, { username: "eve" }, 0, ann);
    const second = await conversation.connect(`second${version}`, version, {}, 0, bob);
    await first.sends(subscribe(1, ["devices/#", 1]));
    await second.sends(subscribe(1, ["devices/#", 1]));
    for (const topic of ["devices/ann/1", "devices/bob/1", "devices/eve/1"]) {
      await first.sends(publish(topic, "from ann", { qos: 1, packetId: 1 }));
      await second.sends(publish(topic, "from bob", { qos: 1, packetId: 1 }));
      await first.hears();
    }
  }
};
