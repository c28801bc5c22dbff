/** Topics of 65,000 bytes: what the broker remembers about topics stays small, however long they are. */

import { assertLess } from "@std/assert";
import { accessControl } from "../../broker/mod.ts";
import { AccessWatch, SessionAccess } from "../../broker/session_access.ts";
import { NamedTopic, TopicCache } from "../../broker/topic_cache.ts";
import { withBroker } from "../support/broker.ts";
import { memoryInUse } from "./memory.ts";

const LIMITS = { maxTopicLevels: 128, maxTopicLength: 65_535 };
const MEGABYTE = 1_048_576;
const TAIL = "x".repeat(65_000);

/** Bytes of heap that `work` leaves behind as long as what it returns is in use. */
async function left(work: () => unknown): Promise<number> {
  const before = await memoryInUse();
  const kept = work();
  const after = await memoryInUse();
  return kept === undefined ? 0 : after.heap - before.heap;
}

Deno.test("broker topics: names that come again and again are remembered up to a size, not only up to a number", async () => {
  const bytes = await left(() => {
    const cache = new TopicCache(LIMITS);
    for (let i = 0; i < 1_000; i++) for (let again = 0; again < 2; again++) cache.of(`${i}/${TAIL}`);
    return cache;
  });
  assertLess(bytes, 32 * MEGABYTE);
});

Deno.test(
  "broker topics: who gets what is remembered up to a size, not only up to a number",
  withBroker(async ({ broker, connect }) => {
    const client = await connect({ clientId: "away", properties: { sessionExpiryInterval: 600 } });
    await client.subscribe("#");
    await client.disconnect();
    const bytes = await left(() => {
      for (let i = 0; i < 1_900; i++) broker.publish({ topic: `${i}/${TAIL}`, payload: "" });
      return broker;
    });
    assertLess(bytes, 96 * MEGABYTE);
  }),
);

Deno.test("broker topics: answers of access rules are remembered up to a size, not only up to a number", async () => {
  const source = accessControl("topic readwrite #\n");
  const watch = new AccessWatch(() => {}, { spend() {} }, () => {});
  const bytes = await left(() => {
    const access = new SessionAccess(watch, { clientId: "a", username: undefined }, source, undefined);
    for (let i = 0; i < 250; i++) access.mayPublish(new NamedTopic(`${i}/${TAIL}`));
    return access;
  });
  watch.close();
  assertLess(bytes, 4 * MEGABYTE);
});
