/**
 * A message as JSON: `%j` and `%J`.
 *
 * @module
 */

import { field } from "../../engine/strftime.ts";
import { compactJson, type Json, parseJson, prettyJson } from "./json_text.ts";
import { propertyName } from "./property_argument.ts";
import type { Received } from "./received.ts";

const decoder = new TextDecoder("utf-8", { ignoreBOM: true });
const strictDecoder = new TextDecoder("utf-8", { ignoreBOM: true, fatal: true });

/** How to print. */
export interface JsonStyle {
  readonly pretty: boolean;
  /** The payload as a string, rather than as the JSON value that it is. */
  readonly quoted: boolean;
}

/**
 * The JSON text of a message.
 *
 * @throws {SyntaxError} If the payload is not to be quoted and is no JSON.
 */
export function messageJson(message: Received, { pretty, quoted }: JsonStyle): string {
  const members: [string, Json][] = [
    ["tst", JSON.stringify(timestamp(message.time))],
    ["topic", JSON.stringify(message.topic)],
    ["qos", String(message.qos)],
    ["retain", message.retain ? "1" : "0"],
    ["payloadlen", String(message.payload.length)],
  ];
  if (message.qos > 0) members.push(["mid", String(message.packetId)]);
  const properties = propertyMembers(message);
  if (properties.length > 0) members.push(["properties", { members: properties }]);
  members.push(["payload", payloadJson(message.payload, quoted)]);
  return pretty ? prettyJson({ members }) : compactJson({ members });
}

/** The properties of a message under their names on the command line, in their order on the wire. */
export function propertyMembers({ properties }: Received): [string, Json][] {
  return Object.entries(properties).map(([name, value]) => {
    if (name === "userProperties" && Array.isArray(value)) {
      return ["user-properties", { members: value.map(([key, text]) => [key, JSON.stringify(text)] as const) }];
    }
    // Only names of the table come out of a packet.
    const label = propertyName(name as Parameters<typeof propertyName>[0]);
    if (value instanceof Uint8Array) return [label, JSON.stringify(decoder.decode(value))];
    return [label, JSON.stringify(Array.isArray(value) ? value[0] : value)];
  });
}

function payloadJson(payload: Uint8Array, quoted: boolean): Json {
  if (payload.length === 0) return "null";
  if (quoted) return JSON.stringify(decoder.decode(payload));
  return parseJson(strictText(payload));
}

function strictText(payload: Uint8Array): string {
  try {
    return strictDecoder.decode(payload);
  } catch (cause) {
    throw new SyntaxError("Cannot print payload: it must be JSON, received bytes that are no text", { cause });
  }
}

/** Like 2020-05-06T21:48:00.000000Z+0000. */
function timestamp(time: number): string {
  const date = new Date(time);
  const microseconds = Math.floor(time % 1_000 * 1_000) % 1_000;
  const fraction = String(date.getMilliseconds() * 1_000 + microseconds).padStart(6, "0");
  return `${field(date, "F")}T${field(date, "T")}.${fraction}Z${field(date, "z")}`;
}
