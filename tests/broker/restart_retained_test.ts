/** Retained messages for a new subscription come also when the broker crashes while it sends them. */

import { assertEquals } from "@std/assert";
import { until } from "../support/broker.ts";
import type { RawClient } from "../support/raw_client.ts";
import { LASTING, type Lives, testLives } from "./lives.ts";

const COUNT = 20;
const WINDOW = 5;
const TOPICS = Array.from({ length: COUNT }, (_, at) => `r/${at}`).sort();
const READER = { clientId: "c", ...LASTING };

async function retain(lives: Lives, qos: 1 | 2): Promise<void> {
  const publisher = await lives.connect();
  for (const topic of TOPICS) await publisher.publish(topic, "x", { qos, retain: true });
}

/** Takes messages to the end of their exchange until all topics have come; returns these. */
async function takeAll(client: RawClient): Promise<string[]> {
  const topics = new Set<string>();
  while (topics.size < COUNT) {
    const { topic, packetId = 0, qos } = await client.take("publish");
    topics.add(topic);
    await client.send({ type: qos === 1 ? "puback" : "pubrec", packetId, reasonCode: 0 });
    if (qos === 1) continue;
    await client.take("pubrel", (packet) => packet.packetId === packetId);
    await client.send({ type: "pubcomp", packetId, reasonCode: 0 });
  }
  return [...topics].sort();
}

/** Whether the store knows that nothing is left to be sent. */
function isSaid({ store }: Lives): boolean {
  const last = store.writes.findLast(({ kind }) => kind === "putSubscription");
  return last?.kind === "putSubscription" && !last.subscription.retainedPending;
}

for (const qos of [1, 2] as const) {
  testLives(
    `retained messages of QoS ${qos} that were being sent come after a crash, until all are sent`,
    async (lives) => {
      await retain(lives, qos);
      const before = await lives.connect(READER);
      await before.subscribe("r/#", { qos, properties: { subscriptionIdentifiers: [3] } });
      await before.expectMany("publish", WINDOW);
      await lives.crash();
      const after = await lives.connect(READER);
      assertEquals(await takeAll(after), TOPICS);
      await after.barrier();
      await until(() => isSaid(lives), "the end of the retained messages in the store");
      await lives.crash();
      const third = await lives.connect(READER);
      const again = await third.barrier();
      // What was in flight is finished, as any such message.
      assertEquals(again.filter((packet) => packet.type === "publish" && !packet.dup), []);
    },
    { maxInflightMessages: WINDOW },
  );
}

testLives("a subscription that is gone brings no retained messages after a crash", async (lives) => {
  await retain(lives, 1);
  const before = await lives.connect(READER);
  await before.subscribe("r/#", { qos: 1 });
  await before.expectMany("publish", WINDOW);
  await before.unsubscribe("r/#");
  await lives.crash();
  const after = await lives.connect(READER);
  for (const packet of await after.barrier()) {
    assertEquals(packet.type === "publish" && packet.dup, true);
  }
}, { maxInflightMessages: WINDOW });

testLives("retained messages that leave with QoS 0 end with the connection", async (lives) => {
  await retain(lives, 1);
  const before = await lives.connect(READER);
  await before.subscribe("r/#", { qos: 0 });
  await lives.crash();
  const after = await lives.connect(READER);
  assertEquals(await after.barrier(), []);
});
