/**
 * What may be published, and its bytes.
 *
 * @module
 */

import { MqttError } from "../codec/errors.ts";
import { ReasonCode } from "../codec/reason_codes.ts";

/**
 * What a message may be made of. Text is sent as UTF-8; bytes are copied at once, so that their owner may change them
 * afterwards; a `Blob` and a `ReadableStream` are read to their end first, and then sent whole. For other values see
 * {@linkcode json}.
 *
 * @example
 * ```ts
 * import { connect, json, type Payload } from "@x/mqtt/client";
 *
 * await using client = await connect("mqtt://127.0.0.1:1883");
 * const payloads: Payload[] = ["text", new Uint8Array([1, 2]), json({ celsius: 21.5 }), new Blob(["large"])];
 * for (const payload of payloads) await client.publish("anything", payload);
 * ```
 */
export type Payload = string | ArrayBufferLike | ArrayBufferView | Blob | ReadableStream<Uint8Array>;

/**
 * The JSON text of a value, to be published.
 *
 * @example
 * ```ts
 * import { connect, json } from "@x/mqtt/client";
 *
 * await using client = await connect("mqtt://127.0.0.1:1883");
 * await client.publish("sensors/7", json({ celsius: 21.5 }));
 * ```
 *
 * @throws {TypeError} If the value has no JSON text: `undefined`, a function, a symbol, a cycle, a `BigInt`.
 */
export function json(value: unknown): string {
  const text: string | undefined = JSON.stringify(value);
  if (text !== undefined) return text;
  throw new TypeError(`Cannot make JSON: value must have a JSON text, received ${typeof value}`);
}

const encoder = new TextEncoder();

/** The bytes of a payload that is at hand, which may still belong to the caller; undefined if it must be read first. */
export function payloadAtHand(payload: Payload): string | Uint8Array | undefined {
  if (typeof payload === "string" || payload instanceof Uint8Array) return payload;
  if (ArrayBuffer.isView(payload)) return new Uint8Array(payload.buffer, payload.byteOffset, payload.byteLength);
  if (payload instanceof Blob || payload instanceof ReadableStream) return undefined;
  if (payload instanceof ArrayBuffer) return new Uint8Array(payload);
  if (typeof SharedArrayBuffer !== "undefined" && payload instanceof SharedArrayBuffer) return new Uint8Array(payload);
  throw noPayload(payload);
}

/** The bytes of a payload that is at hand, as a copy that nobody else can change. */
export function ownedBytes(payload: string | Uint8Array): Uint8Array {
  return typeof payload === "string" ? encoder.encode(payload) : payload.slice();
}

/** The bytes of a payload that must be read first. Rejects with {@linkcode MqttError} 0x95 above `maximum` bytes. */
export async function readPayload(
  payload: Payload,
  maximum: number,
  signal: AbortSignal | undefined,
): Promise<Uint8Array> {
  if (payload instanceof Blob) {
    if (payload.size > maximum) throw tooLarge(payload.size, maximum);
    return new Uint8Array(await payload.arrayBuffer());
  }
  if (!(payload instanceof ReadableStream)) throw noPayload(payload);
  const chunks: Uint8Array[] = [];
  let size = 0;
  const sink = new WritableStream<Uint8Array>({
    write(chunk) {
      if (!(chunk instanceof Uint8Array)) throw noPayload(chunk, "chunks of a stream must be Uint8Array");
      size += chunk.length;
      if (size > maximum) throw tooLarge(size, maximum);
      chunks.push(chunk.slice());
    },
  });
  await payload.pipeTo(sink, { signal });
  const bytes = new Uint8Array(size);
  let at = 0;
  for (const chunk of chunks) {
    bytes.set(chunk, at);
    at += chunk.length;
  }
  return bytes;
}

function noPayload(
  value: unknown,
  rule = "payload must be a string, bytes, a Blob or a ReadableStream",
): TypeError {
  return new TypeError(`Cannot publish: ${rule}, received ${value === null ? "null" : typeof value}`);
}

function tooLarge(size: number, maximum: number): MqttError {
  return new MqttError(
    `Cannot publish: payload must have at most ${maximum} bytes, received ${size} or more`,
    ReasonCode.PacketTooLarge,
  );
}
