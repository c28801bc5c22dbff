/** QoS 2 that goes out over a bridge, packet by packet: each step on the one side follows that on the other. */

import { assertEquals } from "@std/assert";
import type { Broker } from "../../broker/mod.ts";
import { until } from "../support/broker.ts";
import type { RawClient } from "../support/raw_client.ts";
import { type Scene, testBridge } from "./scene.ts";

function test(name: string, body: (scene: Scene) => Promise<void>, versions?: readonly (4 | 5)[]): void {
  testBridge(name, { topics: [{ pattern: "out/#", qos: 2 }] }, body, versions);
}

/** Publishes one message after the other. */
function publish(broker: Broker, ...payloads: string[]): void {
  for (const payload of payloads) broker.publish({ topic: "out/x", payload, qos: 2 });
}

/** Waits for a message; returns its packet identifier. */
async function expectPublish(there: RawClient, payload: string, dup: boolean): Promise<number> {
  const packet = await there.expect("publish", { qos: 2, dup });
  assertEquals(new TextDecoder().decode(packet.payload), payload);
  return packet.packetId ?? 0;
}

/** Takes a message to the end. */
async function finish(there: RawClient, packetId: number): Promise<void> {
  await there.send({ type: "pubrec", packetId, reasonCode: 0 });
  await there.expect("pubrel", { packetId });
  await there.send({ type: "pubcomp", packetId, reasonCode: 0 });
}

/** Waits until nothing is left in the session of the bridge. */
async function untilDone(broker: Broker): Promise<void> {
  await until(() => {
    const session = broker.inspection.session("local.gateway");
    return session?.queued === 0 && session.inflight === 0;
  }, "an end of all exchanges");
}

test("exchanges of QoS 2 go on with another bridge of the same session, from where they stood", async (scene) => {
  const { broker } = scene;
  {
    await using _bridge = scene.start();
    const there = await scene.take(false);
    publish(broker, "complete", "released", "sent");
    assertEquals(await expectPublish(there, "complete", false), 1);
    assertEquals(await expectPublish(there, "released", false), 2);
    assertEquals(await expectPublish(there, "sent", false), 3);
    await finish(there, 1);
    await there.send({ type: "pubrec", packetId: 2, reasonCode: 0 });
    await there.expect("pubrel", { packetId: 2 });
  }
  publish(broker, "new");
  await using _bridge = scene.start();
  const there = await scene.take(true);
  await there.expect("pubrel", { packetId: 2 });
  assertEquals(await expectPublish(there, "sent", true), 3);
  assertEquals(await expectPublish(there, "new", false), 4);
  await there.send({ type: "pubcomp", packetId: 2, reasonCode: 0 });
  await finish(there, 3);
  await finish(there, 4);
  await untilDone(broker);
});

test("what breaks with a connection goes on with the next one", async (scene) => {
  const { broker } = scene;
  await using _bridge = scene.start();
  const first = await scene.take(false);
  publish(broker, "released", "sent");
  assertEquals(await expectPublish(first, "released", false), 1);
  assertEquals(await expectPublish(first, "sent", false), 2);
  await first.send({ type: "pubrec", packetId: 1, reasonCode: 0 });
  await first.expect("pubrel", { packetId: 1 });
  await first.close();
  const second = await scene.take(true);
  await second.expect("pubrel", { packetId: 1 });
  assertEquals(await expectPublish(second, "sent", true), 2);
  await second.send({ type: "pubcomp", packetId: 1, reasonCode: 0 });
  await finish(second, 2);
  await untilDone(broker);
});

test("a server that has lost the session gets what it had not answered anew", async (scene) => {
  const { broker } = scene;
  await using _bridge = scene.start();
  const first = await scene.take(false);
  publish(broker, "released", "sent");
  await expectPublish(first, "released", false);
  await expectPublish(first, "sent", false);
  await first.send({ type: "pubrec", packetId: 1, reasonCode: 0 });
  await first.expect("pubrel", { packetId: 1 });
  await first.close();
  const second = await scene.take(false);
  assertEquals(await expectPublish(second, "sent", false), 2);
  await finish(second, 2);
  await untilDone(broker);
});

test("a message that is to be tried again holds up no exchange behind it", async (scene) => {
  const { broker } = scene;
  await using _bridge = scene.start();
  const there = await scene.take(false, 2);
  publish(broker, "refused", "second", "third");
  assertEquals(await expectPublish(there, "refused", false), 1);
  assertEquals(await expectPublish(there, "second", false), 2);
  await there.send({ type: "pubrec", packetId: 1, reasonCode: 0x97 });
  assertEquals(await expectPublish(there, "third", false), 3);
  await finish(there, 2);
  await finish(there, 3);
  assertEquals(await expectPublish(there, "refused", false), 1);
  await finish(there, 1);
  await untilDone(broker);
}, [5]);

test("the exchange of a message goes on that has expired meanwhile", async (scene) => {
  const { broker } = scene;
  {
    await using _bridge = scene.start();
    const there = await scene.take(false);
    broker.publish({ topic: "out/x", payload: "late", qos: 2, properties: { messageExpiryInterval: 1 } });
    assertEquals(await expectPublish(there, "late", false), 1);
  }
  scene.pass(5_000);
  await using _bridge = scene.start();
  const there = await scene.take(true);
  assertEquals(await expectPublish(there, "late", true), 1);
  await finish(there, 1);
  await untilDone(broker);
}, [5]);

test("exchanges of a session that is gone come to their end, and their identifiers are free", async (scene) => {
  const { broker } = scene;
  await using _bridge = scene.start();
  const there = await scene.take(false);
  publish(broker, "old");
  assertEquals(await expectPublish(there, "old", false), 1);
  broker.endSession("local.gateway");
  await until(() => broker.inspection.session("local.gateway")?.subscriptions === 1, "another session");
  publish(broker, "new");
  await finish(there, 1);
  assertEquals(await expectPublish(there, "new", false), 1);
  await finish(there, 1);
  await untilDone(broker);
});
