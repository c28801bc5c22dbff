/** QoS 2 that comes in over a bridge, packet by packet: each step on the one side follows that on the other. */

import { assertEquals } from "@std/assert";
import type { Broker } from "../../broker/mod.ts";
import { until } from "../support/broker.ts";
import type { RawClient } from "../support/raw_client.ts";
import { listenTo } from "./support.ts";
import { type Scene, testBridge } from "./scene.ts";

const topics = [{ pattern: "in/#", direction: "in", qos: 2 }] as const;

type Listener = Awaited<ReturnType<typeof listenTo>>;

/** `listener` gets what arrives here. */
function test(
  name: string,
  body: (scene: Scene, listener: Listener) => Promise<void>,
  more: { localCleanSession?: boolean } = {},
): void {
  testBridge(name, { topics, ...more }, async (scene) => {
    await using listener = await listenTo(scene.port, "in/#");
    await body(scene, listener);
  });
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

/** A whole exchange. */
async function pass(there: RawClient, packetId: number, text: string, dup = false): Promise<void> {
  await publish(there, packetId, text, dup);
  await release(there, packetId);
}

function incoming(broker: Broker): number | undefined {
  return broker.inspection.session("local.gateway")?.incoming;
}

/** Waits for the last of these messages, of which none is to come twice. */
async function assertArrived(listener: Listener, ...texts: string[]): Promise<void> {
  await listener.count(texts.length);
  assertEquals(listener.messages.map((message) => message.text()), texts);
}

test(
  "what comes in with QoS 2 goes on with another bridge of the same session, from where it stood",
  async (scene, listener) => {
    const { broker } = scene;
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
    await pass(there, 3, "to be sent again", true);
    assertEquals(incoming(broker), 0);
    await pass(there, 1, "new");
    assertEquals(incoming(broker), 0);
    await assertArrived(listener, "complete", "to be released", "to be sent again", "new");
  },
);

test("what comes in and breaks with a connection goes on with the next one", async (scene, listener) => {
  const { broker } = scene;
  await using _bridge = scene.start();
  const first = await connected(scene, false);
  await publish(first, 1, "to be released");
  await publish(first, 2, "to be sent again");
  await first.close();
  const second = await scene.take(true);
  await release(second, 1);
  await publish(second, 2, "to be sent again", true);
  // As older servers do without a break.
  await pass(second, 2, "to be sent again", true);
  assertEquals(incoming(broker), 0);
  await pass(second, 1, "new");
  await assertArrived(listener, "to be released", "to be sent again", "new");
});

test("what comes in and breaks with a connection goes on with another client", async (scene, listener) => {
  const { broker } = scene;
  await using _bridge = scene.start();
  const first = await connected(scene, false);
  await publish(first, 1, "to be released");
  await publish(first, 2, "to be sent again");
  await first.close();
  await scene.refuse();
  const second = await connected(scene, true);
  await release(second, 1);
  await pass(second, 2, "to be sent again", true);
  assertEquals(incoming(broker), 0);
  // One that does not know any more what it has sent.
  await publish(second, 1, "new");
  await second.close();
  await scene.refuse();
  const third = await connected(scene, true);
  await pass(third, 1, "newer");
  assertEquals(incoming(broker), 0);
  await assertArrived(listener, "to be released", "to be sent again", "new", "newer");
});

test("a server that has lost the session may use its packet identifiers anew", async (scene, listener) => {
  const { broker } = scene;
  {
    await using _bridge = scene.start();
    const first = await connected(scene, false);
    await publish(first, 1, "a");
    await publish(first, 2, "b");
    await first.close();
    const second = await connected(scene, false);
    await publish(second, 1, "c");
    await pass(second, 3, "d");
    // What nobody goes on with is over.
    await until(() => incoming(broker) === 1, "the end of an exchange");
  }
  await using _bridge = scene.start();
  const third = await connected(scene, false);
  await pass(third, 1, "e");
  assertEquals(incoming(broker), 0);
  await assertArrived(listener, "a", "b", "c", "d", "e");
});

test("what comes in goes on when the session here is gone", async (scene, listener) => {
  const { broker } = scene;
  await using _bridge = scene.start();
  const there = await connected(scene, false);
  await pass(there, 1, "complete");
  await publish(there, 2, "open");
  broker.endSession("local.gateway");
  await release(there, 2);
  await pass(there, 1, "new");
  await until(() => listener.messages.at(-1)?.text() === "new", "the last message");
  assertEquals(new Set(listener.messages.map((message) => message.text())), new Set(["complete", "open", "new"]));
});

test("what another broker sends is not taken for what the first one has begun", async (scene, listener) => {
  const { broker } = scene;
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

test("without a lasting session here, what comes in arrives at least once", async (scene, listener) => {
  {
    await using _bridge = scene.start();
    const there = await connected(scene, false);
    await publish(there, 1, "a");
    await publish(there, 2, "b");
  }
  await using _bridge = scene.start();
  const there = await connected(scene, true);
  await release(there, 1);
  await pass(there, 2, "b", true);
  await pass(there, 1, "c");
  await assertArrived(listener, "a", "b", "b", "c");
}, { localCleanSession: true });
