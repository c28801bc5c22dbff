/**
 * The few packets that the load generator sends, as bytes. It has its own small writer, so that a fault in our codec
 * cannot hide itself from the benchmark.
 *
 * @module
 */

/** Protocol versions that the generator speaks: 4 is MQTT 3.1.1, 5 is MQTT 5.0. */
export type Version = 4 | 5;

/** Packet types, the upper half of the first byte. */
export const CONNACK = 2, PUBLISH = 3, PUBACK = 4, PUBREC = 5, PUBREL = 6, PUBCOMP = 7, SUBACK = 9, PINGRESP = 13;

const encoder = new TextEncoder();

/** A length-prefixed UTF-8 string. */
export function string(text: string): number[] {
  const bytes = encoder.encode(text);
  return [bytes.length >> 8, bytes.length & 0xff, ...bytes];
}

function packet(first: number, body: number[]): Uint8Array<ArrayBuffer> {
  return new Uint8Array([first, ...variableByteInteger(body.length), ...body]);
}

function variableByteInteger(value: number): number[] {
  const bytes: number[] = [];
  do {
    bytes.push((value & 0x7f) | (value > 0x7f ? 0x80 : 0));
    value >>= 7;
  } while (value > 0);
  return bytes;
}

/** CONNECT with `keepAlive` seconds; with a clean start, or (MQTT 3.1.1) for a session that outlives its connection. */
export function connect(
  clientId: string,
  version: Version,
  keepAlive = 0,
  cleanStart = true,
): Uint8Array<ArrayBuffer> {
  const properties = version === 5 ? [0] : [];
  const body = [
    ...string("MQTT"),
    version,
    cleanStart ? 0x02 : 0,
    keepAlive >> 8,
    keepAlive & 0xff,
    ...properties,
    ...string(clientId),
  ];
  return packet(0x10, body);
}

/** SUBSCRIBE with one or more filters, all at the same QoS. */
export function subscribe(packetId: number, filters: string[], qos: number, version: Version): Uint8Array<ArrayBuffer> {
  const body = [packetId >> 8, packetId & 0xff, ...(version === 5 ? [0] : [])];
  for (const filter of filters) {
    body.push(...string(filter));
    body.push(qos);
  }
  return packet(0x82, body);
}

/** What a PUBLISH is made of. */
export interface Publication {
  readonly topic: string;
  readonly payload: Uint8Array;
  readonly qos: number;
  readonly retain?: boolean;
  readonly version: Version;
  /** Bytes of the properties without their length; MQTT 5.0 only. */
  readonly properties?: readonly number[];
}

/** PUBLISH, with packet id 0 where there is one: `packetIdOffset` says where to write it. */
export function publish(publication: Publication): Uint8Array<ArrayBuffer> {
  const { topic, payload, qos, retain = false, version, properties = [] } = publication;
  const head = [...string(topic), ...(qos > 0 ? [0, 0] : [])];
  if (version === 5) head.push(...variableByteInteger(properties.length), ...properties);
  const fixed = [0x30 | (qos << 1) | (retain ? 1 : 0), ...variableByteInteger(head.length + payload.length)];
  const bytes = new Uint8Array(fixed.length + head.length + payload.length);
  bytes.set(fixed);
  bytes.set(head, fixed.length);
  bytes.set(payload, fixed.length + head.length);
  return bytes;
}

/** Where the packet id of a PUBLISH with QoS 1 or 2 stands. */
export function packetIdOffset(publish: Uint8Array): number {
  let at = 1;
  while (((publish[at] ?? 0) & 0x80) !== 0) at++;
  at++;
  return at + 2 + (((publish[at] ?? 0) << 8) | (publish[at + 1] ?? 0));
}

/** The properties of the MQTT 5.0 row: a content type and a user property. */
export const SAMPLE_PROPERTIES: readonly number[] = [
  0x03,
  ...string("application/json"),
  0x26,
  ...string("site"),
  ...string("north"),
];

/** Bytes at the end of each payload that say whose message it is, and which: publisher (2), sequence number (4). */
export const STAMP_SIZE = 6;

/** Writes the stamp that ends at `end`. */
export function writeStamp(bytes: Uint8Array, end: number, publisher: number, sequence: number): void {
  bytes[end - 6] = publisher >> 8;
  bytes[end - 5] = publisher;
  bytes[end - 4] = sequence >>> 24;
  bytes[end - 3] = sequence >>> 16;
  bytes[end - 2] = sequence >>> 8;
  bytes[end - 1] = sequence;
}
