/**
 * The argument of `-F`: how to print a message.
 *
 * @module
 */

import { field } from "../../engine/strftime.ts";
import { UsageError } from "./exit.ts";
import { messageJson } from "./message_json.ts";
import type { Received } from "./received.ts";

/** What a template may need besides the message. */
export interface PrintContext {
  readonly pretty: boolean;
  /** Tells about a message that cannot be printed. */
  onError(line: string): void;
}

/** Prints one message. */
export type MessageTemplate = (message: Received, context: PrintContext) => Uint8Array[];

/** Width, alignment and padding, as in `%-010.5t`. */
interface Layout {
  readonly left: boolean;
  readonly zero: boolean;
  readonly width: number;
  readonly precision: number | undefined;
}

type Piece = (message: Received, context: PrintContext) => Uint8Array;
type Conversion = (layout: Layout, message: Received, context: PrintContext) => Uint8Array;

const encoder = new TextEncoder();
const NOTHING = new Uint8Array(0);
const SPACE = 0x20, ZERO = 0x30;

const ESCAPES: Readonly<Record<string, string>> = {
  "\\": "\\",
  "0": "\0",
  a: "\x07",
  e: "\x1b",
  n: "\n",
  r: "\r",
  t: "\t",
  v: "\v",
};

const CONVERSIONS: Readonly<Record<string, Conversion>> = {
  "%": () => encoder.encode("%"),
  A: (layout, { properties }) => number(layout, properties.topicAlias),
  C: (layout, { properties }) => text(layout, properties.contentType) ?? blank(layout.width, SPACE),
  D: (_, { properties }) => properties.correlationData ?? NOTHING,
  E: (layout, { properties }) => number(layout, properties.messageExpiryInterval),
  F: (layout, { properties }) => number(layout, properties.payloadFormatIndicator),
  I: (layout, { time }) => text(layout, iso8601(time)) ?? NOTHING,
  j: (_, message, { pretty }) => encoder.encode(messageJson(message, { pretty, quoted: true })),
  J: (_, message, context) => jsonPayload(message, context),
  l: (layout, { payload }) => number(layout, payload.length),
  m: (layout, { packetId }) => number(layout, packetId),
  p: (layout, { payload }) => bytes(layout, payload, 1, (part) => part),
  P: (_, { properties }) =>
    encoder.encode((properties.userProperties ?? []).map(([name, value]) => `${name}:${value}`).join(" ")),
  q: (_, { qos }) => encoder.encode(String(qos)),
  r: (_, { retain }) => encoder.encode(retain ? "1" : "0"),
  R: (layout, { properties }) => text(layout, properties.responseTopic) ?? NOTHING,
  S: (layout, { properties }) => number(layout, properties.subscriptionIdentifiers?.[0]),
  t: (layout, { topic }) => text(layout, topic) ?? NOTHING,
  U: (_, { time }) => encoder.encode(`${Math.floor(time / 1_000)}.${nanoseconds(time)}`),
  x: (layout, { payload }) => bytes(layout, payload, 2, (part) => encoder.encode(part.toHex())),
  X: (layout, { payload }) => bytes(layout, payload, 2, (part) => encoder.encode(part.toHex().toUpperCase())),
};

/**
 * Makes a template of a format.
 *
 * @throws {UsageError} For a format with something unknown or unfinished in it.
 */
export function compileTemplate(format: string): MessageTemplate {
  const pieces: Piece[] = [];
  for (const [sequence] of format.matchAll(/%-?0?\d*(?:\.\d*)?(?:.|$)|[@\\](?:.|$)|[^%@\\]+/gsu)) {
    pieces.push(pieceOf(sequence));
  }
  return (message, context) => pieces.map((piece) => piece(message, context));
}

function pieceOf(sequence: string): Piece {
  switch (sequence[0]) {
    case "%":
      return conversion(sequence);
    case "@":
      return time([...sequence][1]);
    case "\\":
      return literal(escape([...sequence][1]));
    default:
      return literal(sequence);
  }
}

function literal(characters: string): Piece {
  const encoded = encoder.encode(characters);
  return () => encoded;
}

function escape(character: string | undefined): string {
  if (character === undefined) throw new UsageError("Error: Incomplete escape specifier.");
  const meant = ESCAPES[character];
  if (meant === undefined) throw new UsageError(`Error: Invalid escape specifier '${character}'.`);
  return meant;
}

function time(letter: string | undefined): Piece {
  if (letter === undefined) throw new UsageError("Error: Incomplete format specifier.");
  if (letter === "@") return literal("@");
  if (letter === "N") return (message) => encoder.encode(nanoseconds(message.time));
  return (message) => encoder.encode(field(new Date(message.time), letter));
}

function conversion(sequence: string): Piece {
  const [, left = "", zero = "", width = "", precision, letter = ""] =
    sequence.match(/^%(-?)(0?)(\d*)(?:\.(\d*))?(.?)$/su) ?? [];
  if (letter === "") throw new UsageError("Error: Incomplete format specifier.");
  const convert = CONVERSIONS[letter];
  if (convert === undefined) throw new UsageError(`Error: Invalid format specifier '${letter}'.`);
  const layout: Layout = {
    left: left !== "",
    zero: zero !== "",
    width: Number(width),
    precision: precision === undefined ? undefined : Number(precision),
  };
  return (message, context) => convert(layout, message, context);
}

function blank(width: number, byte: number): Uint8Array {
  return new Uint8Array(width).fill(byte);
}

function pad(content: Uint8Array, width: number, left: boolean, byte: number): Uint8Array {
  if (content.length >= width) return content;
  const padded = blank(width, byte);
  padded.set(content, left ? 0 : width - content.length);
  return padded;
}

function number({ left, zero, width }: Layout, value: number | undefined): Uint8Array {
  const byte = zero && !left ? ZERO : SPACE;
  if (value === undefined) return blank(width, zero ? ZERO : SPACE);
  return pad(encoder.encode(String(value)), width, left, byte);
}

/** Width and precision count bytes, as `printf` does. */
function text({ left, width, precision }: Layout, value: string | undefined): Uint8Array | undefined {
  return value === undefined ? undefined : pad(encoder.encode(value).subarray(0, precision), width, left, SPACE);
}

/** The payload; no more of it than fits into the width. */
function bytes(
  { left, zero, width }: Layout,
  payload: Uint8Array,
  columns: number,
  print: (part: Uint8Array) => Uint8Array,
): Uint8Array {
  const part = width === 0 ? payload : payload.subarray(0, Math.floor(width / columns));
  return pad(print(part), width, left, zero && !left ? ZERO : SPACE);
}

function jsonPayload(message: Received, { pretty, onError }: PrintContext): Uint8Array {
  try {
    return encoder.encode(messageJson(message, { pretty, quoted: false }));
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
    onError(`Error: Message payload is not valid JSON on topic ${message.topic}.`);
    return NOTHING;
  }
}

function iso8601(milliseconds: number): string {
  const date = new Date(milliseconds);
  return `${field(date, "F")}T${field(date, "T")}${field(date, "z")}`;
}

/** Of the current second. */
function nanoseconds(milliseconds: number): string {
  return String(Math.floor(milliseconds % 1_000 * 1_000) * 1_000).padStart(9, "0");
}
