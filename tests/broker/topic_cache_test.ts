/** Topics by their bytes: never the one of other bytes. */

import { assertEquals, assertThrows } from "@std/assert";
import { isTopic, NamedTopic, TopicCache } from "../../broker/topic_cache.ts";
import { MqttError } from "../../codec/errors.ts";
import { random } from "../support/random.ts";

const LIMITS = { maxTopicLevels: 128, maxTopicLength: 65_535 };
const encoder = new TextEncoder();

Deno.test("topic cache: names of one to four bytes a character are told apart", () => {
  const cache = new TopicCache(LIMITS);
  const next = random(3);
  const characters = ["a", "b", "/", "é", "ÿ", "日", "本", "𝄞", "\u007f", "\u0080"];
  for (let round = 0; round < 20_000; round++) {
    const name = Array.from({ length: 1 + next() * 4 }, () => characters[Math.floor(next() * characters.length)]).join(
      "",
    );
    const bytes = encoder.encode(`x${name}y`);
    const topic = cache.get(bytes, 1, bytes.length - 1);
    assertEquals(topic.name, name);
    assertEquals(topic.bytes, encoder.encode(name));
  }
});

Deno.test("topic cache: bytes that are no UTF-8 are no topic, although they are the codes of a known one", () => {
  const known = new NamedTopic("é");
  const wrong = Uint8Array.of(0xe9);
  assertEquals(isTopic(known, wrong, 0, 1), false);
  assertEquals(isTopic(known, encoder.encode("é"), 0, 2), true);
  const cache = new TopicCache(LIMITS);
  for (let i = 0; i < 3; i++) assertEquals(cache.of("é").name, "é");
  assertThrows(() => cache.get(wrong, 0, 1), MqttError);
});
