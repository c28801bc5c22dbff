/** Bridges that a Mosquitto starts towards our broker. */

import { assertEquals } from "@std/assert";
import { bounded, startBroker, until } from "../support/broker.ts";
import { hasMosquitto, startMosquitto } from "../support/mosquitto.ts";
import { RawClient } from "../support/raw_client.ts";
import { listenTo, publishTo } from "./support.ts";

for (const version of ["mqttv31", "mqttv311", "mqttv50"]) {
  Deno.test({
    name: `broker: takes a bridge of Mosquitto that speaks ${version}, without loops, retained messages included`,
    ignore: !hasMosquitto,
    fn: () =>
      bounded(async () => {
        await using ours = await startBroker();
        await using here = await listenTo(ours.port, ["b/#", "$SYS/broker/connection/#"]);
        await publishTo(ours.port, "b/kept", "0", { qos: 1, retain: true });
        await using mosquitto = await startMosquitto([
          "connection up",
          `address 127.0.0.1:${ours.port}`,
          "remote_clientid theirs",
          `bridge_protocol_version ${version}`,
          "topic b/# both 2",
        ]);
        await using there = await listenTo(mosquitto.port, "b/#");
        await there.count(1);
        await publishTo(mosquitto.port, "b/theirs", "1", { qos: 2, retain: true });
        await publishTo(ours.port, "b/ours", "2", { qos: 2, retain: true });
        await until(() => here.lines.includes("b/theirs=1 q2 r"), `a message of theirs, not ${here.lines}`);
        await there.count(3);
        // A second look would show what had come back.
        await publishTo(mosquitto.port, "b/end", "3", { qos: 2 });
        await until(() => here.lines.includes("b/end=3 q2"), "the last message");
        // Two publishers, so in any order.
        const all = ["b/end=3 q2", "b/kept=0 q1 r", "b/ours=2 q2 r", "b/theirs=1 q2 r"];
        assertEquals([...there.lines].sort(), all);
        assertEquals(here.lines.filter((line) => line.startsWith("b/")).sort(), all);
        const state = "$SYS/broker/connection/theirs/state";
        assertEquals(here.lines.filter((line) => line.startsWith("$SYS")), [`${state}=1 q1 r`]);
        await mosquitto.stop();
        await until(() => here.lines.at(-1) === `${state}=0 q1 r`, `its will, not ${here.lines.at(-1)}`);
      }, 30_000),
  });
}

Deno.test("mqtt 3.1.1 broker: a bridge gets the retain flag, and not what it has published itself", () =>
  bounded(async () => {
    await using ours = await startBroker();
    await using bridge = await RawClient.open(ours.port, 4);
    await bridge.send({
      type: "connect",
      protocolVersion: 4,
      isBridge: true,
      clientId: "b",
      cleanStart: true,
      keepAlive: 0,
    });
    await bridge.expect("connack");
    await bridge.subscribe(["a/#", "$share/g/s"]);
    await bridge.publish("a/own", "1", { qos: 1 });
    await bridge.publish("s", "2", { qos: 1 });
    await publishTo(ours.port, "a/other", "3", { retain: true });
    const first = await bridge.expect("publish");
    const second = await bridge.expect("publish");
    assertEquals([first.topic, second.topic, second.retain], ["s", "a/other", true]);
    await bridge.expectNothing();
  }));

Deno.test("mqtt broker: a client may tell the state of its own connection below $SYS, and nothing else", () =>
  bounded(async () => {
    await using ours = await startBroker();
    await using here = await listenTo(ours.port, "$SYS/broker/connection/#");
    await using client = await RawClient.connect(ours.port, { clientId: "c" });
    for (const topic of ["$SYS/broker/connection/d/state", "$SYS/broker/connection/c/other", "$SYS/broker/version"]) {
      await client.send({
        type: "publish",
        topic,
        payload: new Uint8Array(1),
        qos: 1,
        retain: true,
        dup: false,
        packetId: 9,
      });
      assertEquals((await client.expect("puback")).reasonCode, 0x87);
    }
    await client.publish("$SYS/broker/connection/c/state", "1", { qos: 1, retain: true });
    await here.count(1);
    assertEquals(here.lines, ["$SYS/broker/connection/c/state=1 q1 r"]);
  }));
