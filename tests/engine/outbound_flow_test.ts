import { assertEquals, assertThrows } from "@std/assert";
import { type OutboundExchange, OutboundFlow } from "../../engine/outbound_flow.ts";

/** Sends all again that can be sent now, as short texts. */
function resendAll(flow: OutboundFlow<string>): string[] {
  const sent: string[] = [];
  for (let exchange = flow.nextResend(); exchange !== undefined; exchange = flow.nextResend()) {
    sent.push(`${exchange.phase} ${exchange.packetId} ${exchange.message}`);
  }
  return sent;
}

function ids<M>(flow: Iterable<OutboundExchange<M>>): number[] {
  return [...flow].map(({ packetId }) => packetId);
}

/** Both sections number this statement differently; the rules are the same. */
const PACKET_ID_STATEMENTS = [
  ["3.1.1", "[MQTT-2.3.1-2] [MQTT-2.3.1-4]"],
  ["5.0", "[MQTT-2.2.1-3] [MQTT-2.2.1-4]"],
];

for (const [version, statements] of PACKET_ID_STATEMENTS) {
  Deno.test(`mqtt ${version} broker client: identifiers rise, wrap after 65535, are never 0 or in use ${statements}`, () => {
    const flow = new OutboundFlow<number>();
    const stuck = [flow.begin(-1, 1), flow.begin(-2, 2), flow.reserve()];
    assertEquals(stuck, [1, 2, 3]);
    let last = 3;
    for (let i = 0; i < 200_000; i++) {
      const packetId = flow.begin(i, 1);
      assertEquals(packetId, last === 65_535 ? 4 : last + 1);
      assertEquals(flow.puback(packetId), i);
      last = packetId;
    }
    assertEquals(flow.size, 2);
    flow.release(3);
    assertEquals([flow.puback(1), flow.pubrec(2, 0), flow.pubcomp(2)], [-1, "release", -2]);
    for (let i = last; i < 65_535; i++) flow.puback(flow.begin(i, 1));
    assertEquals([flow.begin(0, 2), flow.begin(0, 2), flow.reserve()], [1, 2, 3]);
  });
}

Deno.test("all 65535 identifiers can be in use, and not one more", () => {
  const flow = new OutboundFlow<number>();
  for (let i = 1; i < 65_535; i++) flow.begin(i, 1);
  assertEquals(flow.reserve(), 65_535);
  assertEquals(flow.quota, 1);
  assertThrows(() => flow.begin(0, 1), RangeError, "must be in use, received 65535");
  assertThrows(() => flow.reserve(), RangeError, "must be in use, received 65535");
  assertEquals([flow.quota, flow.size], [1, 65_534]);
  flow.puback(40_000);
  assertEquals(flow.begin(0, 1), 40_000);
});

Deno.test("an identifier that is reserved is no publication's", () => {
  const flow = new OutboundFlow<string>();
  const packetId = flow.reserve();
  assertEquals([flow.size, flow.get(packetId), ids(flow)], [0, undefined, []]);
  assertEquals([flow.puback(packetId), flow.pubrec(packetId, 0), flow.pubcomp(packetId)], [
    undefined,
    "unknown",
    undefined,
  ]);
  assertEquals(flow.begin("a", 1), 2);
  flow.release(packetId);
  flow.release(2);
  assertEquals(flow.get(2), "a");
});

Deno.test("a packet identifier may be wanted if it is free, and others are counted on from where they were", () => {
  const flow = new OutboundFlow<string>();
  flow.countFrom(0x8000);
  assertEquals([flow.begin("a", 1, 7), flow.begin("b", 2), flow.reserve()], [7, 0x8001, 0x8002]);
  assertEquals([7, 8, 0x8001, 0x8002].map((packetId) => flow.isFree(packetId)), [false, true, false, false]);
  flow.puback(7);
  flow.release(0x8002);
  assertEquals([flow.isFree(7), flow.isFree(0x8002)], [true, true]);
});

Deno.test("mqtt 5.0 broker client: what is taken over while connected does not raise quota [MQTT-4.9.0-2]", () => {
  const flow = new OutboundFlow<string>(2);
  flow.restore({ packetId: 7, qos: 2, phase: "pubrel", message: "a" });
  assertEquals([flow.pubcomp(7), flow.quota], ["a", 2]);
});

Deno.test("mqtt 5.0 broker client: quota is taken by PUBLISH and given back by PUBACK and PUBCOMP [MQTT-4.9.0-1] [MQTT-4.9.0-2]", () => {
  const flow = new OutboundFlow<string>(3);
  assertEquals(flow.quota, 3);
  const [first, second, third] = [flow.begin("a", 1), flow.begin("b", 2), flow.begin("c", 2)];
  assertEquals(flow.quota, 0);
  assertThrows(() => flow.begin("d", 1), RangeError, "quota must be 1 or more, received 0");
  flow.pubrec(second, 0x00);
  assertEquals(flow.quota, 0);
  flow.puback(first);
  assertEquals(flow.quota, 1);
  flow.pubcomp(second);
  assertEquals(flow.quota, 2);
  flow.pubrec(third, 0x97);
  assertEquals(flow.quota, 3);
});

Deno.test("mqtt 5.0 broker client: surplus answers never raise quota above its first value [MQTT-4.9.0-2]", () => {
  const flow = new OutboundFlow<string>(2);
  const packetId = flow.begin("a", 2);
  flow.pubrec(packetId, 0);
  flow.pubcomp(packetId);
  for (let i = 0; i < 5; i++) {
    assertEquals([flow.pubcomp(packetId), flow.puback(packetId), flow.pubrec(packetId, 0x80)], [
      undefined,
      undefined,
      "unknown",
    ]);
  }
  assertEquals(flow.quota, 2);
});

Deno.test("mqtt 5.0 broker client: PUBCOMP for what an earlier connection sent does not raise quota [MQTT-4.9.0-2]", () => {
  const flow = new OutboundFlow<string>(3);
  for (const message of ["a", "b", "c"]) flow.pubrec(flow.begin(message, 2), 0);
  flow.resume(1);
  assertEquals(resendAll(flow), ["pubrel 1 a", "pubrel 2 b", "pubrel 3 c"]);
  assertEquals(flow.quota, 1);
  const packetId = flow.begin("d", 1);
  flow.pubcomp(1);
  flow.pubcomp(2);
  // Were these counted, two more PUBLISHes would be open than the peer takes.
  assertEquals(flow.quota, 0);
  flow.puback(packetId);
  assertEquals(flow.quota, 1);
});

Deno.test("answers of the wrong kind change nothing", () => {
  const flow = new OutboundFlow<string>();
  const one = flow.begin("one", 1);
  const two = flow.begin("two", 2);
  assertEquals([flow.pubrec(one, 0), flow.pubcomp(one)], ["unknown", undefined]);
  assertEquals([flow.puback(two), flow.pubcomp(two)], [undefined, undefined]);
  assertEquals([flow.puback(0), flow.pubrec(0, 0), flow.pubcomp(99)], [undefined, "unknown", undefined]);
  assertEquals([flow.size, flow.quota], [2, 65_533]);
});

Deno.test("mqtt 5.0 broker client: PUBREC is answered with PUBREL, also again, until PUBCOMP [MQTT-4.3.3-4] [MQTT-4.3.3-5]", () => {
  const flow = new OutboundFlow<string>();
  const packetId = flow.begin("a", 2);
  assertEquals([flow.pubrec(packetId, 0x10), flow.pubrec(packetId, 0x00)], ["release", "release"]);
  assertEquals(flow.size, 1);
  assertEquals(flow.pubcomp(packetId), "a");
  assertEquals([flow.pubcomp(packetId), flow.pubrec(packetId, 0), flow.size], [undefined, "unknown", 0]);
});

Deno.test("mqtt 5.0 broker client: PUBREC of 0x80 or above frees the identifier, nothing is sent again [MQTT-4.3.3-4] [MQTT-4.4.0-2]", () => {
  const flow = new OutboundFlow<string>();
  const [refused, open] = [flow.begin("a", 2), flow.begin("b", 2)];
  assertEquals(flow.pubrec(refused, 0x80), "ended");
  assertEquals(flow.pubrec(open, 0x7f), "release");
  assertEquals([flow.get(refused), flow.get(open)], [undefined, "b"]);
  flow.resume(10);
  assertEquals(resendAll(flow), ["pubrel 2 b"]);
  // A peer that refuses although it has accepted holds nothing more.
  assertEquals(flow.pubrec(open, 0x97), "ended");
  assertEquals([flow.size, flow.quota], [0, 10]);
});

for (const version of ["3.1.1", "5.0"]) {
  Deno.test(`mqtt ${version} broker client: open PUBLISHes and PUBRELs are sent again, with their identifiers, in order [MQTT-4.4.0-1] [MQTT-4.6.0-1]`, () => {
    const flow = new OutboundFlow<string>();
    for (const [message, qos] of [["a", 1], ["b", 2], ["c", 1], ["d", 2], ["e", 2]] as const) flow.begin(message, qos);
    flow.pubrec(4, 0);
    flow.puback(3);
    assertEquals(flow.resending, false);
    flow.resume(65_535);
    assertEquals(flow.resending, true);
    assertEquals(resendAll(flow), ["publish 1 a", "publish 2 b", "pubrel 4 d", "publish 5 e"]);
    assertEquals([flow.resending, flow.nextResend()], [false, undefined]);
    // The next connection is lost as well: the order is still the first one, behind it what is new.
    flow.begin("f", 1);
    flow.pubrec(2, 0);
    flow.resume(65_535);
    assertEquals(resendAll(flow), ["publish 1 a", "pubrel 2 b", "pubrel 4 d", "publish 5 e", "publish 6 f"]);
  });
}

Deno.test("the order of sending outlives the wrapping of identifiers", () => {
  const flow = new OutboundFlow<number>();
  for (let i = 1; i <= 65_533; i++) flow.puback(flow.begin(i, 1));
  const sent = [1, 2, 3, 4, 5].map((message) => flow.begin(message, 1));
  assertEquals(sent, [65_534, 65_535, 1, 2, 3]);
  flow.resume(65_535);
  assertEquals(ids(flow), sent);
  for (const packetId of sent) assertEquals(flow.nextResend()?.packetId, packetId);
});

Deno.test("mqtt 5.0 broker client: PUBLISHes that are sent again take quota, and wait for it [MQTT-4.9.0-2]", () => {
  const flow = new OutboundFlow<string>();
  for (const message of ["a", "b", "c", "d"]) flow.begin(message, 1);
  flow.resume(2);
  assertEquals(resendAll(flow), ["publish 1 a", "publish 2 b"]);
  assertEquals([flow.quota, flow.resending], [0, true]);
  flow.puback(1);
  // There is quota now, but older messages come first.
  assertThrows(() => flow.begin("e", 1), RangeError, "must be resent first");
  assertEquals(resendAll(flow), ["publish 3 c"]);
  flow.puback(2);
  assertEquals(resendAll(flow), ["publish 4 d"]);
  assertEquals(flow.resending, false);
  flow.puback(3);
  assertEquals(flow.begin("e", 1), 5);
});

Deno.test("mqtt 5.0 broker client: without quota, PUBREL still goes out at once [MQTT-4.9.0-3] [MQTT-3.3.4-8] [MQTT-3.3.4-10]", () => {
  const flow = new OutboundFlow<string>();
  for (const message of ["a", "b", "c", "d", "e", "f"]) flow.begin(message, 2);
  flow.pubrec(3, 0);
  flow.pubrec(5, 0);
  flow.resume(1);
  assertEquals(resendAll(flow), ["publish 1 a", "pubrel 3 c", "pubrel 5 e"]);
  assertEquals([flow.pubrec(1, 0), resendAll(flow)], ["release", []]);
  flow.pubcomp(1);
  assertEquals(resendAll(flow), ["publish 2 b"]);
  flow.pubrec(2, 0x80);
  assertEquals(resendAll(flow), ["publish 4 d"]);
  assertEquals(flow.resending, true);
});

Deno.test("what is answered before it was sent again is not sent again", () => {
  const flow = new OutboundFlow<string>();
  for (const message of ["a", "b", "c"]) flow.begin(message, 2);
  flow.begin("d", 1);
  flow.resume(1);
  assertEquals(flow.pubrec(1, 0), "release");
  assertEquals(flow.pubrec(2, 0x80), "ended");
  assertEquals(flow.puback(4), "d");
  assertEquals(flow.quota, 1);
  assertEquals(resendAll(flow), ["publish 3 c"]);
  assertEquals(flow.resending, false);
});

Deno.test("an identifier that was ended and taken anew is not mistaken for the old exchange", () => {
  const flow = new OutboundFlow<string>(1);
  for (let i = 1; i < 65_535; i++) flow.puback(flow.begin("filler", 1));
  assertEquals(flow.begin("old", 1), 65_535);
  flow.resume(1);
  flow.puback(65_535);
  for (let i = 1; i < 65_535; i++) flow.puback(flow.begin("filler", 1));
  assertEquals(flow.begin("new", 1), 65_535);
  assertEquals([flow.resending, flow.nextResend()], [false, undefined]);
  flow.resume(1);
  assertEquals(resendAll(flow), ["publish 65535 new"]);
});

Deno.test("receive maximum is afresh with each connection", () => {
  const flow = new OutboundFlow<string>(2);
  flow.begin("a", 1);
  flow.resume(7);
  assertEquals(flow.quota, 7);
  resendAll(flow);
  flow.puback(1);
  assertEquals(flow.quota, 7);
  for (const wrong of [0, -1, 65_536, 1.5, NaN, Infinity]) {
    assertThrows(() => flow.resume(wrong), RangeError, `from 1 to 65535, received ${wrong}`);
    assertThrows(() => new OutboundFlow(wrong), RangeError, `from 1 to 65535, received ${wrong}`);
  }
  assertEquals(flow.quota, 7);
});

Deno.test("clear gives all messages back in order and frees the identifiers", () => {
  const flow = new OutboundFlow<string>(5);
  for (const message of ["a", "b", "c"]) flow.begin(message, 2);
  flow.pubrec(2, 0);
  flow.resume(5);
  assertEquals(flow.clear(), ["a", "b", "c"]);
  assertEquals([flow.size, flow.resending, flow.nextResend(), [...flow]], [0, false, undefined, []]);
  assertEquals([flow.pubrec(1, 0), flow.pubcomp(2), flow.quota], ["unknown", undefined, 5]);
});
