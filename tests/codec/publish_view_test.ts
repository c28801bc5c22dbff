/** PUBLISH as offsets: the view of a broker. What it refuses is tested by the vectors and the fuzz test. */

import { assertEquals, assertThrows } from "@std/assert";
import { decodeUtf8 } from "../../codec/bytes.ts";
import { MqttError } from "../../codec/errors.ts";
import { frameOf } from "../../codec/framer.ts";
import type { ProtocolVersion } from "../../codec/packets.ts";
import { PublishPropertiesView, PublishView } from "../../codec/publish_view.ts";
import { malformed } from "../vectors/mod.ts";
import { bytesOf } from "../vectors/vector.ts";

function view(bytes: string, version: ProtocolVersion) {
  const frame = frameOf(bytesOf(bytes));
  const publish = new PublishView();
  publish.read(frame, version);
  const { topicStart, topicEnd, propertiesStart, propertiesEnd, payloadStart, end } = publish;
  return {
    topic: decodeUtf8(frame.bytes, topicStart, topicEnd),
    flags: [publish.qos, publish.retain, publish.dup],
    packetId: publish.packetId,
    properties: Array.from(frame.bytes.subarray(propertiesStart, propertiesEnd)),
    payload: decodeUtf8(frame.bytes, payloadStart, end),
  };
}

Deno.test("PublishView finds the parts of a PUBLISH", () => {
  assertEquals(view(`30 * "a/b" 'hello'`, 4), {
    topic: "a/b",
    flags: [0, false, false],
    packetId: 0,
    properties: [],
    payload: "hello",
  });
  assertEquals(view(`3d * "" ff01`, 3), {
    topic: "",
    flags: [2, true, true],
    packetId: 0xff01,
    properties: [],
    payload: "",
  });
  assertEquals(view(`32 * "a" 0001 (23 0002) 'x'`, 5), {
    topic: "a",
    flags: [1, false, false],
    packetId: 1,
    properties: [0x23, 0, 2],
    payload: "x",
  });
});

Deno.test("PublishView finds properties whose length takes two bytes", () => {
  const text = "x".repeat(200);
  assertEquals(view(`30 * "a" (03 "${text}") 'y'`, 5).payload, "y");
  assertEquals(view(`30 * "a" (03 "${text}") 'y'`, 5).properties.length, 203);
});

Deno.test("PublishView is used again for the next packet", () => {
  const publish = new PublishView();
  publish.read(frameOf(bytesOf(`3b * "a" 0001 (23 0002)`)), 5);
  publish.read(frameOf(bytesOf(`30 * "abc" 'x'`)), 4);
  const { qos, retain, dup, packetId, topicStart, topicEnd, propertiesStart, propertiesEnd, payloadStart, end } =
    publish;
  assertEquals([qos, retain, dup, packetId], [0, false, false, 0]);
  assertEquals([topicStart, topicEnd, propertiesStart, propertiesEnd, payloadStart, end], [4, 7, 7, 7, 7, 8]);
});

Deno.test("PublishPropertiesView finds what a broker has to know, and forgets the packet before", () => {
  const properties = new PublishPropertiesView();
  const all = bytesOf(`01 01 02 ffffffff 0b 01 23 ffff 26 "a" "b" 0b 8001`);
  properties.scan(all, 0, all.length);
  assertEquals(properties.topicAlias, 0xffff);
  assertEquals(properties.topicAliasAt, 9);
  assertEquals(properties.messageExpiryInterval, 0xffffffff);
  assertEquals(properties.messageExpiryAt, 2);
  assertEquals(properties.hasSubscriptionIdentifiers, true);
  const few = bytesOf(`ff 02 00000000 ff`);
  properties.scan(few, 1, 6);
  assertEquals(properties.topicAlias, 0);
  assertEquals(properties.topicAliasAt, -1);
  assertEquals(properties.messageExpiryInterval, 0);
  assertEquals(properties.messageExpiryAt, 1);
  assertEquals(properties.hasSubscriptionIdentifiers, false);
  properties.scan(few, 3, 3);
  assertEquals(properties.messageExpiryInterval, -1);
});

Deno.test("the views refuse the malformed PUBLISHes of the vectors with the same reason code", () => {
  let count = 0;
  for (const { name, versions, bytes, reasonCode } of malformed) {
    // What the topic name says is left to the one who decodes it.
    if (!name.startsWith("PUBLISH") || / topic name|nothing/.test(name)) continue;
    for (const version of versions) {
      const error = assertThrows(
        () => {
          const frame = frameOf(bytesOf(bytes));
          const publish = new PublishView();
          publish.read(frame, version);
          new PublishPropertiesView().scan(frame.bytes, publish.propertiesStart, publish.propertiesEnd);
        },
        MqttError,
        "Cannot decode PUBLISH",
        name,
      );
      assertEquals(error.reasonCode, reasonCode, name);
      count++;
    }
  }
  assertEquals(count > 40, true);
});
