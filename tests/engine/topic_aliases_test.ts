import { assert, assertEquals, assertGreater, assertThrows } from "@std/assert";
import { MqttError } from "../../codec/errors.ts";
import { InboundTopicAliases, OutboundTopicAliases } from "../../engine/topic_aliases.ts";
import { random } from "../support/random.ts";

/** Sends a message, as an owner does whose packets all go out. */
function send(aliases: OutboundTopicAliases, topic: string): string {
  const assignment = aliases.assign(topic);
  if (assignment === undefined) return topic;
  aliases.commit(assignment);
  return assignment.isNew ? `${topic}=${assignment.alias}` : `=${assignment.alias}`;
}

function reasonCodeOf(run: () => unknown): number {
  return assertThrows(run, MqttError).reasonCode;
}

Deno.test("a topic comes with its alias first, then the alias stands for it", () => {
  const aliases = new OutboundTopicAliases(2);
  assertEquals(["a", "a", "b", "b", "a"].map((topic) => send(aliases, topic)), ["a=1", "=1", "b=2", "=2", "=1"]);
});

Deno.test("mqtt 5.0 broker client: aliases rise from 1 and stay at or below the peer's maximum [MQTT-3.3.2-8] [MQTT-3.3.2-9] [MQTT-3.3.2-11]", () => {
  for (const maximum of [1, 3, 65_535]) {
    const aliases = new OutboundTopicAliases(maximum);
    const next = random(maximum);
    for (let i = 0; i < 200_000; i++) {
      const assignment = aliases.assign(`topic ${Math.floor(next() * maximum * 2)}`);
      if (assignment === undefined) continue;
      assert(assignment.alias >= 1 && assignment.alias <= maximum);
      aliases.commit(assignment);
    }
  }
  const none = new OutboundTopicAliases(0);
  for (const topic of ["a", "b", "a"]) assertEquals(none.assign(topic), undefined);
});

Deno.test("an alias that was not committed does not hold", () => {
  const aliases = new OutboundTopicAliases(2);
  const dropped = aliases.assign("a");
  assertEquals([dropped?.alias, dropped?.isNew], [1, true]);
  // The packet was too large for the peer, say: the next one must bring the topic again.
  assertEquals(aliases.assign("a")?.isNew, true);
  assertEquals([send(aliases, "b"), send(aliases, "a"), send(aliases, "b")], ["b=1", "a=2", "=1"]);
});

Deno.test("committing twice, or a known alias, changes nothing", () => {
  const aliases = new OutboundTopicAliases(2);
  const assignment = aliases.assign("a");
  assert(assignment !== undefined);
  aliases.commit(assignment);
  aliases.commit(assignment);
  const known = aliases.assign("a");
  assert(known !== undefined);
  aliases.commit(known);
  assertEquals([send(aliases, "a"), send(aliases, "b"), send(aliases, "b")], ["=1", "b=2", "=2"]);
});

Deno.test("of two assignments that were made at once, the later commit of an alias holds", () => {
  const aliases = new OutboundTopicAliases(2);
  const [first, second] = [aliases.assign("a"), aliases.assign("b")];
  assert(first !== undefined && second !== undefined);
  assertEquals([first.alias, second.alias], [1, 1]);
  aliases.commit(first);
  aliases.commit(second);
  assertEquals([send(aliases, "b"), send(aliases, "a")], ["=1", "a=2"]);
});

Deno.test("when all aliases are taken, a topic that is sent often keeps its own", () => {
  const aliases = new OutboundTopicAliases(2);
  for (const topic of ["a", "b"]) send(aliases, topic);
  const sent = ["c", "a", "b", "d", "a", "b", "e", "a", "b", "f", "a", "b"].map((topic) => send(aliases, topic));
  assertEquals(sent.filter((it) => it === "=1" || it === "=2").length, 8);
});

Deno.test("when all aliases are taken, a topic that is no longer sent loses its own", () => {
  const aliases = new OutboundTopicAliases(3);
  for (const topic of ["old", "older", "used"]) send(aliases, topic);
  const sent: string[] = [];
  for (let i = 0; i < 6; i++) for (const topic of ["new", "used"]) sent.push(send(aliases, topic));
  assertEquals(sent.slice(-2), ["=1", "=3"]);
  assertEquals(send(aliases, "old"), "old=2");
});

Deno.test("the peer resolves each alias to the topic that was meant", () => {
  for (let seed = 1; seed <= 500; seed++) {
    const next = random(seed);
    const maximum = Math.floor(next() * 6);
    const outbound = new OutboundTopicAliases(maximum);
    const inbound = new InboundTopicAliases<string>(maximum);
    let short = 0;
    for (let i = 0; i < 300; i++) {
      const topic = `topic ${Math.floor(next() * next() * 20)}`;
      const assignment = outbound.assign(topic);
      // Some packets do not go out.
      if (next() < 0.2 || assignment === undefined) continue;
      if (assignment.isNew) {
        inbound.set(assignment.alias, topic);
        outbound.commit(assignment);
      } else {
        short++;
        assertEquals(inbound.resolve(assignment.alias), topic);
      }
    }
    if (maximum > 0) assertGreater(short, 0);
  }
});

Deno.test("mqtt 5.0 broker client: alias 0 and aliases above the own maximum are refused with 0x94 [MQTT-3.3.2-8] [MQTT-3.3.2-9] [MQTT-3.3.2-11]", () => {
  const aliases = new InboundTopicAliases<string>(5);
  for (const alias of [0, 6, 65_535, -1, NaN]) {
    assertEquals(reasonCodeOf(() => aliases.set(alias, "a")), 0x94);
    assertEquals(reasonCodeOf(() => aliases.resolve(alias)), 0x94);
  }
  const none = new InboundTopicAliases<string>(0);
  assertEquals(reasonCodeOf(() => none.set(1, "a")), 0x94);
});

Deno.test("mqtt 5.0 broker client: each alias from 1 to the own maximum is taken [MQTT-3.3.2-10] [MQTT-3.3.2-12]", () => {
  const aliases = new InboundTopicAliases<string>(65_535);
  for (let alias = 1; alias <= 65_535; alias++) aliases.set(alias, `topic ${alias}`);
  for (let alias = 1; alias <= 65_535; alias++) assertEquals(aliases.resolve(alias), `topic ${alias}`);
  aliases.set(7, "another");
  assertEquals([aliases.resolve(7), aliases.resolve(8)], ["another", "topic 8"]);
});

Deno.test("mqtt 5.0 broker client: an alias that was not set on this connection is a protocol error [MQTT-3.3.2-7]", () => {
  const former = new InboundTopicAliases<string>(5);
  former.set(1, "a");
  assertEquals(reasonCodeOf(() => new InboundTopicAliases<string>(5).resolve(1)), 0x82);
  assertEquals(new OutboundTopicAliases(5).assign("a")?.isNew, true);
});

Deno.test("a topic alias maximum must be in its range", () => {
  for (const wrong of [-1, 65_536, 1.5, NaN]) {
    assertThrows(() => new OutboundTopicAliases(wrong), RangeError, `from 0 to 65535, received ${wrong}`);
    assertThrows(() => new InboundTopicAliases(wrong), RangeError, `from 0 to 65535, received ${wrong}`);
  }
});
