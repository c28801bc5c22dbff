/** What waits for the other broker: through deaths of either side, within bounds, and slowly if wanted. */

import { assert, assertEquals } from "@std/assert";
import { connect } from "../../client/mod.ts";
import { startConfigured } from "../config/program.ts";
import { bounded, startBroker, until } from "../support/broker.ts";
import { hasMosquitto, startMosquitto } from "../support/mosquitto.ts";
import { quietPort } from "../faults/broker_killer.ts";
import type { RunningProcess } from "../support/process.ts";
import { bridgeTo, listenTo, publishTo, settled, startBrokerOn } from "./support.ts";

const RUNNING = /version \S+ running/;
const ROUNDS = Number(Deno.env.get("FAULT_ROUNDS") ?? 1);
const PER_ROUND = 60;

for (const [version, qos] of [["mqttv311", 1], ["mqttv50", 2]] as const) {
  Deno.test({
    name: `bridge: nothing acknowledged at QoS ${qos} is lost when either side dies, and the order stays, ${version}`,
    ignore: !hasMosquitto,
    fn: () =>
      bounded(async () => {
        const folder = await Deno.makeTempDir({ prefix: "bridge-" });
        await using cleanup = new AsyncDisposableStack();
        cleanup.defer(() => Deno.remove(folder, { recursive: true }));
        const there = quietPort();
        const startThere = () => {
          const location = `persistence_location ${folder}/`;
          return startMosquitto([`listener ${there} 127.0.0.1`, "persistence true", location, "max_queued_messages 0"]);
        };
        let mosquitto = await startThere();
        cleanup.defer(() => mosquitto.stop());
        await using ours = await startConfigured([
          "listener {port} 127.0.0.1",
          "allow_anonymous true",
          "persistence true",
          "persistence_location {folder}",
          "connection up",
          `address 127.0.0.1:${there}`,
          "remote_clientid gateway",
          `bridge_protocol_version ${version}`,
          "restart_timeout 1",
          `topic out/# out ${qos}`,
        ]);
        let process: RunningProcess = ours.process;
        cleanup.defer(async () => void await process.stop());
        const arrived: number[] = [];
        await using listener = await connect(`mqtt://127.0.0.1:${there}`, {
          clientId: "listener",
          // Mosquitto writes no session down that began clean.
          cleanStart: false,
          sessionExpiryInterval: 3_600,
          reconnect: { minimumDelay: 20, maximumDelay: 100 },
        });
        const subscription = listener.subscribe("out/#", { qos: 2 });
        await subscription.ready;
        const taken = (async () => {
          for await (const message of subscription) arrived.push(Number(message.text()));
        })();
        await using publisher = await connect(`mqtt://127.0.0.1:${ours.port}`, {
          sessionExpiryInterval: 3_600,
          reconnect: { minimumDelay: 20, maximumDelay: 100 },
        });
        let published = 0;
        const publish = async (count: number) => {
          for (let i = 0; i < count; i++) await publisher.publish("out/x", String(published++), { qos });
        };
        const killOurs = async () => {
          await process.stop("SIGKILL");
          process = ours.restart();
          await process.waitForLine(RUNNING);
        };
        for (let round = 0; round < ROUNDS; round++) {
          // Killed in the middle of it.
          const half = publish(PER_ROUND);
          await until(() => published > round * 3 * PER_ROUND + PER_ROUND / 2, "half of the messages", 20_000);
          await killOurs();
          await half;
          // The other side is away, and ours dies meanwhile.
          await mosquitto.stop();
          await publish(PER_ROUND);
          await killOurs();
          await publish(PER_ROUND);
          mosquitto = await startThere();
        }
        const all = Array.from({ length: published }, (_, index) => index);
        await until(() => new Set(arrived).size === published, `all messages, not ${arrived.length}`, 20_000);
        assertEquals([...new Set(arrived)], all);
        await listener.close();
        await taken;
      }, 120_000),
  });
}

Deno.test("bridge: what there is no room for is counted, and the oldest give way", () =>
  bounded(async () => {
    await using ours = await startBroker();
    const port = quietPort();
    await using bridge = bridgeTo(ours.broker, port, {
      maxQueuedMessages: 10,
      topics: [{ pattern: "out/#", qos: 1 }],
    });
    await bridge.ready;
    for (let i = 0; i < 25; i++) await publishTo(ours.port, "out/x", String(i), { qos: 1 });
    assertEquals([bridge.status.queuedMessages, bridge.status.dropped], [10, 15]);
    // QoS 0 does not wait.
    await publishTo(ours.port, "out/x", "zero");
    assertEquals(bridge.status.queuedMessages, 10);
    await using other = startBrokerOn(port);
    await using there = await listenTo(port, "out/#");
    other.open();
    await there.count(10);
    assertEquals(there.messages.map((message) => Number(message.text())), [15, 16, 17, 18, 19, 20, 21, 22, 23, 24]);
    await until(() => bridge.status.forwarded === 10, "the count of what was forwarded");
  }, 30_000));

Deno.test("bridge: bounds in bytes and drop-newest", () =>
  bounded(async () => {
    await using ours = await startBroker();
    await using bytes = bridgeTo(ours.broker, quietPort(), {
      name: "bytes",
      remoteClientId: "bytes",
      maxQueuedBytes: 1_000,
      topics: [{ pattern: "out/#", qos: 1 }],
    });
    await using newest = bridgeTo(ours.broker, quietPort(), {
      name: "newest",
      remoteClientId: "newest",
      maxQueuedMessages: 3,
      queueOverflow: "drop-newest",
      topics: [{ pattern: "out/#", qos: 1 }],
    });
    await bytes.ready;
    await newest.ready;
    for (let i = 0; i < 8; i++) await publishTo(ours.port, "out/x", "x".repeat(300), { qos: 1 });
    assertEquals([bytes.status.queuedMessages, bytes.status.queuedBytes, bytes.status.dropped], [3, 900, 5]);
    assertEquals([newest.status.queuedMessages, newest.status.dropped], [3, 5]);
    // Larger than all that may wait: nothing else gives way for it.
    await publishTo(ours.port, "out/x", "x".repeat(1_001), { qos: 1 });
    assertEquals([bytes.status.queuedMessages, bytes.status.dropped], [3, 6]);
  }));

Deno.test("bridge: with a rate, what has waited comes in order", () =>
  bounded(async () => {
    await using ours = await startBroker();
    const port = quietPort();
    await using bridge = bridgeTo(ours.broker, port, { rate: 200, topics: [{ pattern: "out/#", qos: 1 }] });
    await bridge.ready;
    await using local = await connect(`mqtt://127.0.0.1:${ours.port}`);
    await Promise.all(Array.from({ length: 100 }, (_, i) => local.publish("out/x", String(i), { qos: 1 })));
    await using other = startBrokerOn(port);
    await using there = await listenTo(port, "out/#");
    other.open();
    await there.count(100);
    assertEquals(there.messages.map((message) => Number(message.text())), Array.from({ length: 100 }, (_, i) => i));
    assert(bridge.status.dropped === 0);
  }, 30_000));

Deno.test("bridge: local_cleansession keeps nothing while the other broker is away", () =>
  bounded(async () => {
    await using ours = await startBroker();
    await using other = await startBroker();
    await using there = await listenTo(other.port, "out/#");
    const closed = quietPort();
    await using bridge = bridgeTo(ours.broker, [closed, other.port], {
      localCleanSession: true,
      startType: "lazy",
      threshold: 1,
      topics: [{ pattern: "out/#", qos: 1 }],
    });
    await bridge.ready;
    await publishTo(ours.port, "out/x", "lost", { qos: 1 });
    assertEquals(bridge.status.queuedMessages, 0);
    assertEquals(bridge.status.state, "idle");
    await using eager = bridgeTo(ours.broker, other.port, {
      name: "eager",
      remoteClientId: "eager",
      localCleanSession: true,
      topics: [{ pattern: "out/#", qos: 1 }],
    });
    await settled(eager);
    await until(() => ours.broker.inspection.session("local.eager")?.connection !== undefined, "its session");
    await until(() => ours.broker.inspection.session("local.eager")?.subscriptions === 1, "its subscription");
    await publishTo(ours.port, "out/x", "kept", { qos: 1 });
    await there.count(1);
    assertEquals(there.lines, ["out/x=kept q1"]);
  }));
