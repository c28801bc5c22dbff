/**
 * What the broker's tests for MQTT 3.1 and 3.1.1 share: a broker whose clients speak the older version by default,
 * and packets written byte by byte, so that they can be wrong in exactly one place.
 *
 * @module
 */

import type { ProtocolVersion } from "../../codec/packets.ts";
import type { BrokerOptions } from "../../broker/mod.ts";
import { type BrokerTest, withBroker } from "../support/broker.ts";
import type { RawClient } from "../support/raw_client.ts";
import { field, rawPacket, uint16 } from "../support/raw_packets.ts";

type Body = (test: BrokerTest) => Promise<void>;

/** Like `withBroker`, for clients of one version unless they say otherwise. */
export interface WithVersionedBroker {
  (body: Body): () => Promise<void>;
  (options: BrokerOptions, body: Body): () => Promise<void>;
}

/** `withBroker` for clients that speak `version`. */
export function withBrokerFor(version: ProtocolVersion): WithVersionedBroker {
  return (first: BrokerOptions | Body, second?: Body) => {
    const [options, body] = typeof first === "function" ? [{}, first] : [first, second];
    if (body === undefined) throw new TypeError("Cannot make a test: the body must be a function, received undefined");
    return withBroker(options, (test) =>
      body({
        ...test,
        connect: (connectOptions) => test.connect({ version, ...connectOptions }),
        open: (openVersion) => test.open(openVersion ?? version),
      }));
  };
}

/** Bits of the connect flags. */
export const ConnectFlag = {
  Reserved: 0x01,
  CleanSession: 0x02,
  Will: 0x04,
  WillQoS1: 0x08,
  WillQoS2: 0x10,
  WillRetain: 0x20,
  Password: 0x40,
  UserName: 0x80,
} as const;

/** The fields of {@linkcode connectBytes}; nothing is checked. */
export interface ConnectFields {
  /** Default "MQTT". */
  name?: string;
  /** Default 4. */
  level?: number;
  /** Default: clean session. */
  flags?: number;
  /** Default 0. */
  keepAlive?: number;
  /** The fields of the payload, each with its length in front. Default: the client identifier "a". */
  payload?: (string | Uint8Array)[];
  /** First byte, default 0x10. */
  firstByte?: number;
}

/** A CONNECT as it is asked for, right or wrong. */
export function connectBytes(fields: ConnectFields = {}): Uint8Array {
  return rawPacket(
    fields.firstByte ?? 0x10,
    field(fields.name ?? "MQTT"),
    Uint8Array.of(fields.level ?? 4, fields.flags ?? ConnectFlag.CleanSession),
    uint16(fields.keepAlive ?? 0),
    ...(fields.payload ?? ["a"]).map(field),
  );
}

/** Byte sequences that are no UTF-8, and why. */
export const ILL_FORMED_UTF8: readonly (readonly [why: string, bytes: Uint8Array])[] = [
  ["a surrogate", Uint8Array.of(0x61, 0xed, 0xa0, 0x80)],
  ["the last surrogate", Uint8Array.of(0xed, 0xbf, 0xbf)],
  ["an overlong slash", Uint8Array.of(0xc0, 0xaf)],
  ["an overlong three-byte form", Uint8Array.of(0xe0, 0x80, 0xaf)],
  ["a continuation byte on its own", Uint8Array.of(0x80)],
  ["a sequence cut short", Uint8Array.of(0x61, 0xe2, 0x82)],
  ["a code point above U+10FFFF", Uint8Array.of(0xf4, 0x90, 0x80, 0x80)],
  ["the byte 0xFF", Uint8Array.of(0x61, 0xff)],
];

/** A string with U+0000 inside. */
export const NUL_STRING: Uint8Array = Uint8Array.of(0x61, 0x00, 0x62);

/** Each sequence of bytes, sent on a connection of its own that `start` opens, makes the broker close it silently. */
export async function expectEachCloses(
  start: () => Promise<RawClient>,
  cases: Iterable<readonly [what: string, bytes: Uint8Array]>,
): Promise<void> {
  for (const [what, bytes] of cases) {
    const client = await start();
    await client.sendBytes(bytes);
    try {
      await client.expectClosed();
    } catch (error) {
      throw new Error(`Expected the connection to end because of ${what}`, { cause: error });
    }
  }
}
