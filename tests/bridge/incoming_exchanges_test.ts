/** QoS 2 that comes in over a bridge, packet by packet: each step on the one side follows that on the other. */

import { assertEquals } from "@std/assert";
import type { Broker } from "../../broker/mod.ts";
import { until } from "../support/broker.ts";
import type { RawClient } from "../support/raw_client.ts";
import { listenTo } from "./support.ts";
import { type Scene, testBridge } from "./scene.ts";

const topics = [{ pattern: "in/#", direction: "in", qos: 2 }] as const;

function test(name: string, body: (scene: Scene) => Promise<void>): void {
  testBridge(name, { topics }, body);
}

/** Takes the next connection of the bridge, and its subscription. */
async function connected({ take }: Scene, sessionPresent: boolean): Promise<RawClient> {
  const there = await take(sessionPresent);
  const { packetId } = await there.expect("subscribe");
  await there.send({ type: "suback", packetId, reasonCodes: [2] });
  return there;
}

/** Sends a message, and waits until the bridge has it. */
async function publish(there: RawClient, packetId: number, text: string, dup = false): Promise<void> {
  const payload = new TextEncoder().encode(text);
  await there.send({ type: "publish", topic: "in/x", payload, qos: 2, retain: false, dup, packetId });
  await there.expect("pubrec", { packetId, reasonCode: 0 });
}

async function release(there: RawClient, packetId: number): Promise<void> {
  await there.send({ type: "pubrel", packetId, reasonCode: 0 });
  await there.expect("pubcomp", { packetId });
}

function incoming(broker: Broker): number | undefined {
  return broker.inspection.session("local.gateway")?.incoming;
}

/** Waits for the last of these messages, of which none is to come twice. */
async function assertArrived(listener: Awaited<ReturnType<typeof listenTo>>, ...texts: string[]): Promise<void> {
  await listener.count(texts.length);
  assertEquals(listener.messages.map((message) => message.text()), texts);
}

test("what comes in with QoS 2 goes on with another bridge of the same session, from where it stood", async (scene) => {
  const { broker, port } = scene;
  await using listener = await listenTo(port, "in/#");
  {
    await using _bridge = scene.start();
    const there = await connected(scene, false);
    await publish(there, 1, "complete");
    await publish(there, 2, "to be released");
    await publish(there, 3, "to be sent again");
    await release(there, 1);
    // Here it is open as long as it is there.
    assertEquals(incoming(broker), 2);
  }
  await using _bridge = scene.start();
  const there = await connected(scene, true);
  // What the other broker has not heard of.
  await release(there, 1);
  await release(there, 2);
  await publish(there, 3, "to be sent again", true);
  await release(there, 3);
  assertEquals(incoming(broker), 0);
  await publish(there, 1, "new");
  await release(there, 1);
  assertEquals(incoming(broker), 0);
  await assertArrived(listener, "complete", "to be released", "to be sent again", "new");
});

test("what comes in and breaks with a connection goes on with the next one", async (scene) => {
  const { broker, port } = scene;
  await using listener = await listenTo(port, "in/#");
  await using _bridge = scene.start();
  const first = await connected(scene, false);
  await publish(first, 1, "to be released");
  await publish(first, 2, "to be sent again");
  await first.close();
  const second = await scene.take(true);
  await release(second, 1);
  await publish(second, 2, "to be sent again", true);
  // As older servers do without a break.
  await publish(second, 2, "to be sent again", true);
  await release(second, 2);
  assertEquals(incoming(broker), 0);
  await publish(second, 1, "new");
  await release(second, 1);
  await assertArrived(listener, "to be released", "to be sent again", "new");
});

test("what comes in and breaks with a connection goes on with another client", async (scene) => {
  const { broker, port } = scene;
  await using listener = await listenTo(port, "in/#");
  await using _bridge = scene.start();
  const first = await connected(scene, false);
  await publish(first, 1, "to be released");
  await publish(first, 2, "to be sent again");
  await first.close();
  await scene.refuse();
  const second = await connected(scene, true);
  await release(second, 1);
  await publish(second, 2, "to be sent again", true);
  await release(second, 2);
  assertEquals(incoming(broker), 0);
  // One that does not know any more what it has sent.
  await publish(second, 1, "new");
  await second.close();
  await scene.refuse();
  const third = await connected(scene, true);
  await publish(third, 1, "newer");
  await release(third, 1);
  assertEquals(incoming(broker), 0);
  await assertArrived(listener, "to be released", "to be sent again", "new", "newer");
});

test("a server that has lost the session may use its packet identifiers anew", async (scene) => {
  const { broker, port } = scene;
  await using listener = await listenTo(port, "in/#");
  {
    await using _bridge = scene.start();
    const first = await connected(scene, false);
    await publish(first, 1, "a");
    await publish(first, 2, "b");
    await first.close();
    const second = await connected(scene, false);
    await publish(second, 1, "c");
    await publish(second, 3, "d");
    await release(second, 3);
    // What nobody goes on with is over.
    await until(() => incoming(broker) === 1, "the end of an exchange");
  }
  await using _bridge = scene.start();
  const third = await connected(scene, false);
  await publish(third, 1, "e");
  await release(third, 1);
  assertEquals(incoming(broker), 0);
  await assertArrived(listener, "a", "b", "c", "d", "e");
});

test("what comes in goes on when the session here is gone", async (scene) => {
  const { broker, port } = scene;
  await using listener = await listenTo(port, "in/#");
  await using _bridge = scene.start();
  const there = await connected(scene, false);
  await publish(there, 1, "complete");
  await release(there, 1);
  await publish(there, 2, "open");
  broker.endSession("local.gateway");
  await release(there, 2);
  await publish(there, 1, "new");
  await release(there, 1);
  await until(() => listener.messages.at(-1)?.text() === "new", "the last message");
  assertEquals(new Set(listener.messages.map((message) => message.text())), new Set(["complete", "open", "new"]));
});

test("what another broker sends is not taken for what the first one has begun", async (scene) => {
  const { broker, port } = scene;
  await using listener = await listenTo(port, "in/#");
  {
    await using _bridge = scene.start();
    const there = await connected(scene, false);
    await publish(there, 1, "a");
    await publish(there, 2, "b");
  }
  const addresses = [...scene.addresses, ...scene.addresses];
  await using _bridge = scene.start({ addresses });
  const there = await connected(scene, true);
  await publish(there, 1, "c", true);
  await publish(there, 2, "d");
  await until(() => incoming(broker) === 0, "the end of both");
  await release(there, 1);
  await release(there, 2);
  await assertArrived(listener, "a", "b", "c", "d");
});

testBridge("without a lasting session here, what comes in arrives at least once", {
  topics,
  localCleanSession: true,
}, async (scene) => {
  await using listener = await listenTo(scene.port, "in/#");
  {
    await using _bridge = scene.start();
    const there = await connected(scene, false);
    await publish(there, 1, "a");
    await publish(there, 2, "b");
  }
  await using _bridge = scene.start();
  const there = await connected(scene, true);
  await release(there, 1);
  await publish(there, 2, "b", true);
  await release(there, 2);
  await publish(there, 1, "c");
  await release(there, 1);
  await assertArrived(listener, "a", "b", "b", "c");
});
