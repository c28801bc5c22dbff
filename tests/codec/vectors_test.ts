/** The test vectors in ../vectors: each is read as it says, or refused with the reason code that it says. */

import { assertEquals, assertInstanceOf } from "@std/assert";
import { decodePacket } from "../../codec/decode.ts";
import { encodePacket } from "../../codec/encode.ts";
import { MqttError } from "../../codec/errors.ts";
import { frameOf } from "../../codec/framer.ts";
import type { ProtocolVersion } from "../../codec/packets.ts";
import { malformed, valid } from "../vectors/mod.ts";
import { bytesOf, type Statements } from "../vectors/vector.ts";

const standards = { 3: "mqtt 3.1", 4: "mqtt 3.1.1", 5: "mqtt 5.0" };

/** The codec serves both ends, so what it reads and writes holds for both. */
function title(version: ProtocolVersion, what: string, statements: Statements | undefined): string {
  const ids = statements?.[version];
  return `${standards[version]} broker client: ${what}${ids === undefined ? "" : ` ${ids}`}`;
}

for (const { name, versions, bytes, packet, shortest, statements } of valid) {
  for (const version of versions) {
    Deno.test(title(version, `reads and writes ${name}`, statements), () => {
      const expected = bytesOf(bytes);
      assertEquals(decodePacket(frameOf(expected), version), packet);
      const written = encodePacket(packet, version);
      if (shortest ?? true) assertEquals(written, expected);
      assertEquals(decodePacket(frameOf(written), version), packet);
    });
  }
}

for (const { name, versions, bytes, reasonCode, statements } of malformed) {
  for (const version of versions) {
    Deno.test(title(version, `refuses ${name} with 0x${reasonCode.toString(16)}`, statements), () => {
      const error = failureOf(() => decodePacket(frameOf(bytesOf(bytes)), version));
      assertInstanceOf(error, MqttError);
      assertEquals(error.reasonCode, reasonCode, error.message);
    });
  }
}

function failureOf(run: () => unknown): unknown {
  try {
    return run();
  } catch (error) {
    return error;
  }
}
