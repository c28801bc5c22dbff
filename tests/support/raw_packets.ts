/**
 * Packets with defaults, bytes as text and a comparison for what a test expects: what {@linkcode RawClient} and its
 * tests write and read.
 *
 * @module
 */

import { assertEquals } from "@std/assert";
import type {
  ConnectPacket,
  Packet,
  PacketType,
  ProtocolVersion,
  PublishPacket,
  QoS,
  Will,
} from "../../codec/packets.ts";
import type { ConnectProperties, PublishProperties } from "../../codec/properties.ts";

/** The packet of a kind: `PacketOf<"puback">` is `PubackPacket`. */
export type PacketOf<T extends PacketType> = Extract<Packet, { type: T }>;

/**
 * What a packet must hold: every field that is given must be equal, nested objects field by field; `undefined` asks
 * for absence. A payload may be given as text.
 */
export type Expected<P> = {
  [K in keyof P]?: K extends "payload" ? string | Uint8Array
    : NonNullable<P[K]> extends Uint8Array | readonly unknown[] ? P[K]
    : NonNullable<P[K]> extends object ? Expected<NonNullable<P[K]>>
    : P[K];
};

/** What CONNECT says; see {@linkcode connectPacket} for the defaults. */
export interface RawConnectOptions {
  /** Default 5. */
  version?: ProtocolVersion;
  /** Default: a new name for each call. */
  clientId?: string;
  /** Default true. */
  cleanStart?: boolean;
  /** Seconds, default 0 (off). */
  keepAlive?: number;
  /** `qos` and `retain` default to 0 and false, `payload` may be text and is empty by default. */
  will?: Omit<Partial<Will>, "payload"> & { topic: string; payload?: string | Uint8Array };
  username?: string;
  password?: string | Uint8Array;
  properties?: ConnectProperties;
  /** Acknowledge publications of QoS 1 and 2 as they come. Default false. */
  autoAck?: boolean;
}

/** Fields of a PUBLISH beside topic and payload. */
export interface RawPublishOptions {
  qos?: QoS;
  retain?: boolean;
  dup?: boolean;
  /** Default: the next free one, counted up from 1. */
  packetId?: number;
  properties?: PublishProperties;
}

const encoder = new TextEncoder();
const decoder = new TextDecoder();
let clients = 0;

/** The bytes of a payload given as text or bytes. */
export function toBytes(payload: string | Uint8Array): Uint8Array {
  return typeof payload === "string" ? encoder.encode(payload) : payload;
}

/** The text of a payload. */
export function toText(payload: Uint8Array): string {
  return decoder.decode(payload);
}

/** Reads hexadecimal digits, white space ignored: `fromHex("c0 00")`. */
export function fromHex(text: string): Uint8Array {
  const digits = text.replace(/\s+/g, "");
  if (!/^([0-9a-fA-F]{2})*$/.test(digits)) throw new TypeError(`Cannot read hex: ${JSON.stringify(text)} is none`);
  return Uint8Array.from(digits.match(/../g) ?? [], (pair) => parseInt(pair, 16));
}

/** Writes bytes as hexadecimal digits with a blank between bytes. */
export function toHex(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join(" ");
}

/** One array out of several. */
export function concatBytes(...parts: Uint8Array[]): Uint8Array {
  const whole = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}

/** A two byte integer. */
export function uint16(value: number): Uint8Array {
  return Uint8Array.of(value >> 8, value & 0xff);
}

/** A string or binary field: two bytes of length and then the bytes. */
export function field(content: string | Uint8Array): Uint8Array {
  const bytes = toBytes(content);
  return concatBytes(uint16(bytes.length), bytes);
}

/** A property section: its length (below 128) and then the bytes. */
export function propertySection(...parts: Uint8Array[]): Uint8Array {
  const bytes = concatBytes(...parts);
  if (bytes.length > 127) throw new RangeError(`Cannot write properties: at most 127 bytes, received ${bytes.length}`);
  return concatBytes(Uint8Array.of(bytes.length), bytes);
}

/** A whole packet out of its first byte and its body, right or wrong: the remaining length is the body's. */
export function rawPacket(firstByte: number, ...parts: Uint8Array[]): Uint8Array {
  const body = concatBytes(...parts);
  const header = [firstByte];
  let rest = body.length;
  do {
    header.push(rest > 127 ? (rest & 127) | 128 : rest);
    rest >>= 7;
  } while (rest > 0);
  return concatBytes(Uint8Array.from(header), body);
}

/** A CONNECT of MQTT 5.0 without properties out of its flags and the fields of its payload, right or wrong. */
export function rawConnect(flags: number, ...payload: Uint8Array[]): Uint8Array {
  return rawPacket(0x10, field("MQTT"), Uint8Array.of(5, flags, 0, 0, 0), ...payload);
}

/** A CONNECT with defaults filled in. */
export function connectPacket(options: RawConnectOptions = {}): ConnectPacket {
  const packet: ConnectPacket = {
    type: "connect",
    protocolVersion: options.version ?? 5,
    clientId: options.clientId ?? `raw${++clients}`,
    cleanStart: options.cleanStart ?? true,
    keepAlive: options.keepAlive ?? 0,
  };
  if (options.will !== undefined) {
    packet.will = { qos: 0, retain: false, ...options.will, payload: toBytes(options.will.payload ?? "") };
  }
  if (options.username !== undefined) packet.username = options.username;
  if (options.password !== undefined) packet.password = toBytes(options.password);
  if (options.properties !== undefined) packet.properties = options.properties;
  return packet;
}

/** A PUBLISH with defaults filled in; QoS 1 and 2 need a `packetId`. */
export function publishPacket(
  topic: string,
  payload: string | Uint8Array,
  options: RawPublishOptions = {},
): PublishPacket {
  const packet: PublishPacket = {
    type: "publish",
    topic,
    payload: toBytes(payload),
    qos: options.qos ?? 0,
    retain: options.retain ?? false,
    dup: options.dup ?? false,
  };
  if (options.packetId !== undefined) packet.packetId = options.packetId;
  if (options.properties !== undefined) packet.properties = options.properties;
  return packet;
}

/** A packet on one line, for messages of failed tests. */
export function describePacket(packet: Packet): string {
  const text = Deno.inspect(packet, { compact: true, breakLength: Infinity, strAbbreviateSize: 80, iterableLimit: 24 });
  return text.replace(/\s*\n\s*/g, " ");
}

/** Whether a packet is of this kind. */
export function isOfType<T extends PacketType>(packet: Packet, type: T): packet is PacketOf<T> {
  return packet.type === type;
}

function isPlainObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value) && !(value instanceof Uint8Array);
}

/** Compares what is expected with what is there, field by field; an absent object counts as an empty one. */
export function assertMatches(actual: unknown, expected: unknown, message: string): void {
  if (isPlainObject(expected) && (isPlainObject(actual) || actual === undefined)) {
    for (const [key, value] of Object.entries(expected)) assertMatches(actual?.[key], value, message);
    return;
  }
  if (typeof expected === "string" && actual instanceof Uint8Array) {
    return assertEquals(toText(actual), expected, message);
  }
  assertEquals(actual, expected, message);
}
