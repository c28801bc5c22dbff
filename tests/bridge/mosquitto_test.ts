/** Our bridge towards a Mosquitto, in the versions of the protocol. */

import { assert, assertEquals } from "@std/assert";
import { bounded, startBroker, until } from "../support/broker.ts";
import { hasMosquitto, startMosquitto } from "../support/mosquitto.ts";
import { Proxy } from "../support/proxy.ts";
import { bridgeTo, listenTo, publishTo, settled } from "./support.ts";

const VERSIONS = [[3, "3.1"], [4, "3.1.1"], [5, "5.0"]] as const;

/** A test that needs Mosquitto. */
function test(name: string, body: () => Promise<void>): void {
  Deno.test({ name, ignore: !hasMosquitto, fn: () => bounded(body, 30_000) });
}

function startingWith(lines: readonly string[], start: string): string[] {
  return lines.filter((line) => line.startsWith(start));
}

for (const [protocolVersion, name] of VERSIONS) {
  test(`mqtt ${name} bridge: messages go out, come in, and go both ways over Mosquitto, under other names`, async () => {
    await using mosquitto = await startMosquitto();
    await using ours = await startBroker();
    await using there = await listenTo(mosquitto.port, "#");
    await using here = await listenTo(ours.port, "#");
    await using bridge = bridgeTo(ours.broker, mosquitto.port, {
      protocolVersion,
      topics: [
        { pattern: "out/#", qos: 2, localPrefix: "L/", remotePrefix: "R/" },
        { pattern: "in/#", direction: "in", qos: 2, localPrefix: "L/", remotePrefix: "R/" },
        { pattern: "both/+", direction: "both", qos: 1 },
        { pattern: "zero", direction: "both" },
      ],
    });
    await settled(bridge);
    await subscribed(mosquitto.port, ours.port, "both/ready");
    for (const qos of [0, 1, 2] as const) {
      await publishTo(ours.port, "L/out/a", `${qos}`, { qos });
      await publishTo(ours.port, "L/in/a", "stays", { qos });
      await publishTo(ours.port, "both/x", `${qos}`, { qos });
      await publishTo(mosquitto.port, "R/in/b", `${qos}`, { qos });
      await publishTo(mosquitto.port, "both/y", `${qos}`, { qos });
    }
    await publishTo(ours.port, "zero", "z", { qos: 2 });
    await until(() => startingWith(there.lines, "zero").length === 1, "the last message there");
    await until(() => startingWith(here.lines, "both/y").length === 3, "the last message here");
    assertEquals(startingWith(there.lines, "R/out"), ["R/out/a=0 q0", "R/out/a=1 q1", "R/out/a=2 q2"]);
    assertEquals(startingWith(here.lines, "L/in/b"), ["L/in/b=0 q0", "L/in/b=1 q1", "L/in/b=2 q2"]);
    // What came over a bridge with QoS 1 was published with it.
    assertEquals(startingWith(there.lines, "both/x"), ["both/x=0 q0", "both/x=1 q1", "both/x=2 q1"]);
    assertEquals(startingWith(here.lines, "both/y"), ["both/y=0 q0", "both/y=1 q1", "both/y=2 q1"]);
    // Nothing comes back.
    assertEquals(startingWith(here.lines, "both/x").length, 3);
    assertEquals(startingWith(there.lines, "both/y").length, 3);
    assertEquals(startingWith(there.lines, "zero"), ["zero=z q0"]);
    assertEquals(startingWith(there.lines, "L/in"), []);
    await until(() => bridge.status.queuedMessages === 0, "everything to be acknowledged");
    assertEquals(bridge.status.dropped, 0);
  });

  test(`mqtt ${name} bridge: retained messages stay retained, and go over again with each connection`, async () => {
    await using mosquitto = await startMosquitto();
    await using ours = await startBroker();
    await publishTo(ours.port, "kept/here", "1", { qos: 1, retain: true });
    await publishTo(mosquitto.port, "kept/there", "2", { qos: 1, retain: true });
    const topics = [{ pattern: "kept/#", direction: "both", qos: 1 }] as const;
    {
      await using bridge = bridgeTo(ours.broker, mosquitto.port, { protocolVersion, topics });
      await settled(bridge);
      await publishTo(ours.port, "kept/live", "3", { qos: 1, retain: true });
      const wanted = ["kept/here=1 q1 r", "kept/live=3 q1 r", "kept/there=2 q1 r"];
      await untilRetained(ours.port, wanted);
      await untilRetained(mosquitto.port, wanted);
    }
    await using there = await listenTo(mosquitto.port, "kept/here", { retainHandling: 2 });
    await using bridge = bridgeTo(ours.broker, mosquitto.port, { protocolVersion, topics });
    await there.count(1);
    assertEquals(there.lines[0], "kept/here=1 q1 r");
    assertEquals(bridge.status.connects, 1);
  });
}

/** Waits until a message comes from the other side, and so the bridge has subscribed. */
async function subscribed(from: number, to: number, topic: string): Promise<void> {
  await using listener = await listenTo(to, topic);
  for (let attempt = 0; attempt < 100 && listener.messages.length === 0; attempt++) {
    await publishTo(from, topic, "ready", { qos: 1 });
  }
  assert(listener.messages.length > 0, "the bridge must have subscribed");
}

/** Waits until these messages have come over, and looks whether they are retained. */
async function untilRetained(port: number, wanted: readonly string[]): Promise<void> {
  await using live = await listenTo(port, "kept/#");
  await until(() => wanted.every((line) => live.lines.includes(line)), `${wanted}, not ${live.lines}`);
  await using late = await listenTo(port, "kept/#");
  await late.count(wanted.length);
  assertEquals([...late.lines].sort(), wanted);
}

test("mqtt 5.0 bridge: properties go along, both ways", async () => {
  await using mosquitto = await startMosquitto();
  await using ours = await startBroker();
  await using there = await listenTo(mosquitto.port, "a/#");
  await using here = await listenTo(ours.port, "b/#");
  await using bridge = bridgeTo(ours.broker, mosquitto.port, {
    protocolVersion: 5,
    topics: [{ pattern: "a/#", qos: 2 }, { pattern: "b/#", direction: "in", qos: 2 }],
  });
  await settled(bridge);
  const properties = {
    payloadFormatIndicator: 1,
    contentType: "text/plain",
    responseTopic: "answers",
    correlationData: new Uint8Array([1, 2, 3]),
    userProperties: [["a", "b"], ["a", "c"]],
  } as const;
  const options = { qos: 2, properties: { ...properties, messageExpiryInterval: 3_600 } } as const;
  await publishTo(ours.port, "a/x", "1", options);
  await subscribed(mosquitto.port, ours.port, "b/ready");
  await publishTo(mosquitto.port, "b/x", "2", options);
  await there.count(1);
  await until(() => here.messages.some(({ topic }) => topic === "b/x"), "a message with properties");
  for (const message of [there.messages[0], here.messages.find(({ topic }) => topic === "b/x")]) {
    const { messageExpiryInterval = 0, ...others } = message?.properties ?? {};
    assertEquals<unknown>(others, properties);
    assert(messageExpiryInterval > 3_500 && messageExpiryInterval <= 3_600);
  }
});

test("mqtt bridge: the state is told on both sides, and the counts here", async () => {
  await using mosquitto = await startMosquitto();
  await using ours = await startBroker();
  const state = "$SYS/broker/connection/gateway/state";
  await using here = await listenTo(ours.port, "$SYS/broker/connection/#");
  await using there = await listenTo(mosquitto.port, "$SYS/broker/connection/#");
  await using bridge = bridgeTo(ours.broker, mosquitto.port, { topics: [{ pattern: "a" }] });
  await settled(bridge);
  await there.count(1);
  assertEquals(there.lines, [`${state}=1 q1 r`]);
  await until(() => here.lines.some((line) => line.includes("/messages/forwarded=0")), "the counts");
  await bridge[Symbol.asyncDispose]();
  await there.count(2);
  assertEquals(there.lines[1], `${state}=0 q1 r`);
  await until(() => startingWith(here.lines, state).at(-1) === `${state}=0 q1 r`, "the end here");
  assertEquals(ours.broker.bridges, []);
});

test("mqtt bridge: the will tells of an end that nobody could tell of", async () => {
  await using mosquitto = await startMosquitto();
  await using ours = await startBroker();
  await using there = await listenTo(mosquitto.port, "state/of/bridge");
  await using proxy = new Proxy(mosquitto.port);
  await using bridge = bridgeTo(ours.broker, proxy.port, {
    topics: [{ pattern: "a" }],
    notificationTopic: "state/of/bridge",
    startType: "once",
  });
  await settled(bridge);
  await there.count(1);
  proxy.cut();
  await there.count(2);
  assertEquals(there.lines, ["state/of/bridge=1 q1 r", "state/of/bridge=0 q1 r"]);
  await until(() => bridge.status.state === "stopped", "an end, as the bridge is to connect once");
});

test("mqtt bridge: notifications_local_only, and notifications false", async () => {
  await using mosquitto = await startMosquitto();
  await using ours = await startBroker();
  await using there = await listenTo(mosquitto.port, ["$SYS/broker/connection/#", "a"]);
  await using here = await listenTo(ours.port, "$SYS/broker/connection/+/state");
  await using local = bridgeTo(ours.broker, mosquitto.port, {
    remoteClientId: "one",
    notificationsLocalOnly: true,
    topics: [{ pattern: "a", qos: 1 }],
  });
  await using silent = bridgeTo(ours.broker, mosquitto.port, {
    name: "silent",
    remoteClientId: "two",
    notifications: false,
    topics: [{ pattern: "a", qos: 1 }],
  });
  await settled(local);
  await settled(silent);
  await publishTo(ours.port, "a", "x", { qos: 1 });
  await there.count(2);
  assertEquals(there.lines, ["a=x q1", "a=x q1"]);
  await until(() => here.lines.at(-1) === "$SYS/broker/connection/one/state=1 q1 r", "the state of the one bridge");
  assertEquals(startingWith(here.lines, "$SYS/broker/connection/two"), []);
});
