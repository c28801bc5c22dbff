import { assertEquals, assertThrows } from "@std/assert";
import { MqttError } from "../../codec/errors.ts";
import { InboundFlow } from "../../engine/inbound_flow.ts";
import { OutboundFlow } from "../../engine/outbound_flow.ts";

function assertExceeded(run: () => void): void {
  const error = assertThrows(run, MqttError, "must be at most");
  assertEquals(error.reasonCode, 0x93);
}

for (const [version, statements] of [["3.1.1", "[MQTT-4.3.3-2]"], ["5.0", "[MQTT-4.3.3-10] [MQTT-4.3.3-12]"]]) {
  Deno.test(`mqtt ${version} broker client: a QoS 2 message is taken once until PUBREL, then the identifier is free ${statements}`, () => {
    const flow = new InboundFlow();
    assertEquals([flow.publish(7, 2), flow.publish(7, 2), flow.publish(7, 2)], ["new", "duplicate", "duplicate"]);
    assertEquals(flow.size, 1);
    assertEquals([flow.pubrel(7), flow.size], [true, 0]);
    assertEquals(flow.publish(7, 2), "new");
  });
}

for (const [version, statements] of [["3.1.1", "[MQTT-4.3.2-2]"], ["5.0", "[MQTT-4.3.2-5]"]]) {
  Deno.test(`mqtt ${version} broker client: a QoS 1 PUBLISH is new whenever it comes ${statements}`, () => {
    const flow = new InboundFlow();
    assertEquals(flow.publish(7, 1), "new");
    flow.acknowledged(7, 1);
    assertEquals(flow.publish(7, 1), "new");
    assertEquals([flow.size, [...flow]], [0, []]);
  });
}

Deno.test("mqtt 5.0 broker client: after PUBREC of 0x80 or above the identifier is free [MQTT-4.3.3-9]", () => {
  const flow = new InboundFlow(1);
  assertEquals(flow.publish(7, 2), "new");
  flow.acknowledged(7, 2);
  assertEquals(flow.publish(7, 2), "new");
});

Deno.test("mqtt 5.0 broker client: an unknown PUBREL is told apart, a second one too [MQTT-4.3.3-11]", () => {
  const flow = new InboundFlow();
  assertEquals(flow.pubrel(7), false);
  flow.publish(7, 2);
  assertEquals([flow.pubrel(7), flow.pubrel(7)], [true, false]);
});

Deno.test("mqtt 5.0 broker client: more than receive maximum is refused with 0x93 [MQTT-3.3.4-7] [MQTT-3.3.4-9]", () => {
  const flow = new InboundFlow(2);
  flow.publish(1, 1);
  flow.publish(2, 2);
  assertExceeded(() => flow.publish(3, 1));
  assertExceeded(() => flow.publish(3, 2));
  // A repeat on the same connection is one message still.
  assertEquals(flow.publish(2, 2), "duplicate");
  flow.pubrel(2);
  assertEquals(flow.publish(3, 2), "new");
  flow.acknowledged(1, 1);
  flow.acknowledged(3, 2);
  assertEquals([flow.publish(4, 1), flow.publish(5, 1)], ["new", "new"]);
  assertExceeded(() => flow.publish(6, 1));
});

Deno.test("answers that belong to nothing free no room", () => {
  const flow = new InboundFlow(1);
  flow.acknowledged(9, 1);
  flow.acknowledged(9, 2);
  flow.pubrel(9);
  flow.publish(1, 2);
  flow.acknowledged(9, 2);
  flow.pubrel(9);
  assertExceeded(() => flow.publish(2, 1));
});

Deno.test("a new connection counts afresh and knows the QoS 2 identifiers of the old one", () => {
  const flow = new InboundFlow(2);
  flow.publish(1, 2);
  flow.publish(2, 2);
  flow.resume(2);
  assertEquals([...flow], [1, 2]);
  // What the peer sends again counts, although it is no new message.
  assertEquals([flow.publish(1, 2), flow.publish(1, 2)], ["duplicate", "duplicate"]);
  assertEquals(flow.publish(3, 1), "new");
  assertExceeded(() => flow.publish(2, 2));
  // The end of what did not count frees no room.
  assertEquals(flow.pubrel(2), true);
  assertExceeded(() => flow.publish(4, 1));
  assertEquals(flow.pubrel(1), true);
  assertEquals(flow.publish(4, 1), "new");
  flow.resume(1);
  assertEquals(flow.publish(5, 1), "new");
  assertExceeded(() => flow.publish(6, 1));
});

Deno.test("a refused QoS 2 PUBLISH leaves no trace", () => {
  const flow = new InboundFlow(1);
  flow.publish(1, 1);
  assertExceeded(() => flow.publish(2, 2));
  assertEquals(flow.size, 0);
  flow.acknowledged(1, 1);
  assertEquals(flow.publish(2, 2), "new");
});

Deno.test("receive maximum must be in its range", () => {
  for (const wrong of [0, -1, 65_536, 0.5, NaN]) {
    assertThrows(() => new InboundFlow(wrong), RangeError, `from 1 to 65535, received ${wrong}`);
    assertThrows(() => new InboundFlow().resume(wrong), RangeError, `from 1 to 65535, received ${wrong}`);
  }
});

Deno.test("the default receive maximum is 65535", () => {
  const flow = new InboundFlow();
  for (let packetId = 1; packetId <= 65_535; packetId++) flow.publish(packetId, 2);
  assertExceeded(() => flow.publish(1, 1));
  assertEquals(flow.size, 65_535);
});

Deno.test("clear forgets all", () => {
  const flow = new InboundFlow(1);
  flow.publish(1, 2);
  flow.clear();
  assertEquals([flow.size, flow.pubrel(1), flow.publish(1, 2)], [0, false, "new"]);
});

Deno.test("the same identifier may be in use in both directions", () => {
  const outbound = new OutboundFlow<string>();
  const inbound = new InboundFlow();
  const packetId = outbound.begin("ours", 2);
  assertEquals(inbound.publish(packetId, 2), "new");
  assertEquals(outbound.pubrec(packetId, 0), "release");
  assertEquals(inbound.pubrel(packetId), true);
  assertEquals(outbound.pubcomp(packetId), "ours");
});
