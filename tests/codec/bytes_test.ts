/** Variable byte integers and UTF-8 strings (MQTT 5.0 section 1.5). */

import { assert, assertEquals, assertThrows } from "@std/assert";
import {
  decodeUtf8,
  encodeUtf8,
  isUtf8,
  utf8Length,
  variableByteIntegerLength,
  writeUtf8,
  writeVariableByteInteger,
} from "../../codec/bytes.ts";
import { MqttError } from "../../codec/errors.ts";
import { RandomPackets } from "./random_packets.ts";

Deno.test("mqtt 5.0 broker client: writes variable byte integers in their shortest form [MQTT-1.5.5-1]", () => {
  const cases: readonly [number, number[]][] = [
    [0, [0]],
    [127, [0x7f]],
    [128, [0x80, 0x01]],
    [16_383, [0xff, 0x7f]],
    [16_384, [0x80, 0x80, 0x01]],
    [2_097_151, [0xff, 0xff, 0x7f]],
    [2_097_152, [0x80, 0x80, 0x80, 0x01]],
    [268_435_455, [0xff, 0xff, 0xff, 0x7f]],
  ];
  for (const [value, expected] of cases) {
    const bytes = new Uint8Array(6);
    assertEquals(writeVariableByteInteger(bytes, 1, value), 1 + expected.length);
    assertEquals(Array.from(bytes.subarray(1, 1 + expected.length)), expected);
    assertEquals(variableByteIntegerLength(value), expected.length);
  }
  for (const value of [-1, 268_435_456, NaN, Infinity]) {
    assertThrows(() => variableByteIntegerLength(value), RangeError, "0 to 268435455");
  }
});

const texts = [
  "",
  "a",
  "MQTT",
  "x".repeat(96),
  "x".repeat(97),
  "x".repeat(65_535),
  "ü",
  "€",
  "😀",
  "\uFEFFa",
  "\x7f\x80",
];

Deno.test("mqtt 5.0 broker client: strings survive encoding and decoding, a BOM too [MQTT-1.5.4-1] [MQTT-1.5.4-3]", () => {
  const random = new RandomPackets(11);
  const more = Array.from({ length: 5000 }, () => random.text(120));
  for (const text of [...texts, ...more]) {
    const bytes = encodeUtf8(text);
    assertEquals(bytes, new TextEncoder().encode(text));
    assertEquals(utf8Length(text), bytes.length);
    assertEquals(decodeUtf8(bytes, 0, bytes.length), text);
    assert(isUtf8(bytes, 0, bytes.length));
  }
});

Deno.test("decodeUtf8 reads from start to end, and no further", () => {
  const bytes = new TextEncoder().encode("€€abc€€");
  assertEquals(decodeUtf8(bytes, 6, 9), "abc");
  assertEquals(decodeUtf8(bytes, 3, 12), "€abc€");
  assertEquals(decodeUtf8(bytes, 5, 5), "");
  assertThrows(() => decodeUtf8(bytes, 1, 9), MqttError);
  assertThrows(() => decodeUtf8(bytes, 0, 5), MqttError);
});

Deno.test("writeUtf8 writes where it is told, whatever the text", () => {
  for (const text of texts) {
    const expected = new TextEncoder().encode(text);
    const bytes = new Uint8Array(expected.length + 5);
    assertEquals(writeUtf8(bytes, 3, text), 3 + expected.length);
    assertEquals(bytes.subarray(3, 3 + expected.length), expected);
    assertEquals([bytes[0], bytes[2], bytes.at(-1)], [0, 0, 0]);
  }
});

Deno.test("mqtt 5.0 broker client: never writes a surrogate or U+0000 [MQTT-1.5.4-1] [MQTT-1.5.4-2]", refusesToWrite);
Deno.test("mqtt 3.1.1 broker client: never writes a surrogate or U+0000 [MQTT-1.5.3-1] [MQTT-1.5.3-2]", refusesToWrite);

function refusesToWrite(): void {
  for (const text of ["\0", "a\0", `${"x".repeat(200)}\0`]) {
    assertThrows(() => encodeUtf8(text), TypeError, "U+0000");
  }
  for (const text of ["\ud800", "\udc00", "a\ud83d", "\ud83da", "\ude00\ud83d", "\ud83d\ud83d\ude00", "\udfffa"]) {
    assertThrows(() => encodeUtf8(text), TypeError, "lone surrogate");
  }
  assertThrows(() => encodeUtf8("x".repeat(65_536)), RangeError, "65535");
  assertThrows(() => encodeUtf8("€".repeat(21_846)), RangeError, "65535");
}

Deno.test("mqtt 5.0 broker client: UTF-8 is valid exactly when Unicode says so [MQTT-1.5.4-1]", () => {
  const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
  const random = new RandomPackets(12);
  const interesting = [0x00, 0x41, 0x7f, 0x80, 0x8f, 0x90, 0x9f, 0xa0, 0xbf, 0xc0, 0xc1, 0xc2, 0xdf, 0xe0, 0xe1];
  interesting.push(0xec, 0xed, 0xee, 0xef, 0xf0, 0xf1, 0xf3, 0xf4, 0xf5, 0xff);
  let valid = 0;
  for (let i = 0; i < 50_000; i++) {
    const bytes = Uint8Array.from({ length: random.integer(1, 5) }, () => random.pick(interesting));
    let expected = true;
    try {
      decoder.decode(bytes);
    } catch {
      expected = false;
    }
    if (expected) valid++;
    assertEquals(isUtf8(bytes, 0, bytes.length, true), expected);
    const strict = expected && !bytes.includes(0);
    assertEquals(isUtf8(bytes, 0, bytes.length), strict);
    if (strict) assertEquals(decodeUtf8(bytes, 0, bytes.length), decoder.decode(bytes));
    else assertEquals(assertThrows(() => decodeUtf8(bytes, 0, bytes.length), MqttError).reasonCode, 0x81);
  }
  assert(valid > 500);
});
