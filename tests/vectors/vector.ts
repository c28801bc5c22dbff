/**
 * Test vectors: packets as bytes, and what they mean or why they are refused.
 *
 * The bytes are written in hexadecimal, in groups as one likes, with three abbreviations: `"text"` is a UTF-8 string
 * with its two length bytes, `'text'` is text without them, `( ... )` is a property section with its length. `*` is the
 * remaining length of what follows.
 *
 * @module
 */

import type { Packet, ProtocolVersion } from "../../codec/packets.ts";

/** Statements that a vector shows, by version, as `[MQTT-1.5.4-1] [MQTT-1.5.4-2]`. */
export type Statements = { readonly [Version in ProtocolVersion]?: string };

/** A packet that stands in the standard's form. */
export interface ValidVector {
  readonly name: string;
  readonly versions: readonly ProtocolVersion[];
  readonly bytes: string;
  readonly packet: Packet;
  /** False where the bytes are allowed but longer than what `encodePacket` writes. */
  readonly shortest?: boolean;
  readonly statements?: Statements;
}

/** A packet that has to be refused. */
export interface MalformedVector {
  readonly name: string;
  readonly versions: readonly ProtocolVersion[];
  readonly bytes: string;
  readonly reasonCode: number;
  readonly statements?: Statements;
}

/** The bytes that `notation` stands for. */
export function bytesOf(notation: string): Uint8Array {
  const tokens: string[] = notation.match(/"[^"]*"|'[^']*'|\(|\)|\*|[0-9a-f]{2}/g) ?? [];
  const star = tokens.indexOf("*");
  if (star < 0) return Uint8Array.from(read(tokens));
  const rest = read(tokens.slice(star + 1));
  return Uint8Array.from([...read(tokens.slice(0, star)), ...variableByteInteger(rest.length), ...rest]);
}

function read(tokens: string[]): number[] {
  const result: number[] = [];
  // One list for each property section that is open.
  const outer: number[][] = [];
  let bytes = result;
  for (const token of tokens) {
    if (token === "(") {
      outer.push(bytes);
      bytes = [];
    } else if (token === ")") {
      const section = bytes;
      bytes = outer.pop() ?? result;
      bytes.push(...variableByteInteger(section.length), ...section);
    } else if (token.startsWith('"')) {
      const text = new TextEncoder().encode(token.slice(1, -1));
      bytes.push(text.length >> 8, text.length & 0xff, ...text);
    } else if (token.startsWith("'")) {
      bytes.push(...new TextEncoder().encode(token.slice(1, -1)));
    } else {
      bytes.push(parseInt(token, 16));
    }
  }
  return result;
}

function variableByteInteger(value: number): number[] {
  const bytes: number[] = [];
  do {
    bytes.push(value > 0x7f ? value & 0x7f | 0x80 : value);
    value >>= 7;
  } while (value > 0);
  return bytes;
}
