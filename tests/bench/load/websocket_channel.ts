/**
 * The client's side of a WebSocket, with no more than the benchmark needs: what is handed in at once is one binary frame.
 *
 * @module
 */

import type { Channel } from "./channel.ts";
import { close, connectTo, pause, receive, send } from "./sockets.ts";

/** The largest payload that is sent in one frame, and what is received at once. */
const LARGEST = 256 * 1024;
/** Milliseconds for the handshake. */
const LIMIT = 5_000;
/** A mask like any other; a constant one spares the generator's time, not the broker's. */
const MASK = Uint8Array.of(0x37, 0xfa, 0x21, 0x3d);
const MASK_WORD = new Int32Array(MASK.buffer)[0] ?? 0;
const CLOSE = 8;

/** Connects and asks for MQTT over WebSocket. */
export function webSocketChannel(hostname: string, port: number): Channel {
  const fd = connectTo(hostname, port);
  shakeHands(fd, `${hostname}:${port}`);
  return new WebSocketChannel(fd);
}

function shakeHands(fd: number, host: string): void {
  const request = [
    "GET /mqtt HTTP/1.1",
    `Host: ${host}`,
    "Upgrade: websocket",
    "Connection: Upgrade",
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
    "Sec-WebSocket-Version: 13",
    "Sec-WebSocket-Protocol: mqtt",
    "\r\n",
  ];
  send(fd, new TextEncoder().encode(request.join("\r\n")));
  let response = "";
  const chunk = new Uint8Array(4096);
  for (const end = performance.now() + LIMIT; !response.endsWith("\r\n\r\n");) {
    const count = receive(fd, chunk);
    if (count < 0 || performance.now() > end) throw new Error(`Cannot shake hands with ${host}: ${response}`);
    if (count === 0) pause(1);
    response += new TextDecoder().decode(chunk.subarray(0, Math.max(0, count)));
  }
  if (!response.startsWith("HTTP/1.1 101")) throw new Error(`Cannot shake hands with ${host}: ${response}`);
}

class WebSocketChannel implements Channel {
  readonly #input = new Uint8Array(LARGEST);
  readonly #output = new Uint8Array(LARGEST + 20);
  readonly #words = new Int32Array(this.#output.buffer);
  #filled = 0;
  #unsent: Uint8Array<ArrayBuffer> | undefined;
  /** Payload bytes of the frame that is being received. */
  #left = 0;

  constructor(readonly fd: number) {}

  get isUnsent(): boolean {
    return this.#unsent !== undefined;
  }

  /** What was read is handed over whole, or there was no room for it. */
  get isUnread(): boolean {
    return this.#filled > 0 && this.#left > 0;
  }

  send(bytes: Uint8Array<ArrayBuffer>): number {
    this.flush();
    if (this.#unsent !== undefined) return 0;
    const length = Math.min(bytes.length, LARGEST);
    // The payload begins at a whole word, so that words can be masked.
    const start = 16 - headerLength(length);
    this.#writeHeader(start, length);
    this.#output.set(bytes.subarray(0, length), 16);
    for (let word = 4, end = 4 + Math.ceil(length / 4); word < end; word++) this.#words[word]! ^= MASK_WORD;
    this.#unsent = this.#output.subarray(start, 16 + length);
    this.flush();
    return length;
  }

  #writeHeader(start: number, length: number): void {
    const output = this.#output;
    output[start] = 0x82;
    const short = length < 126 ? length : length < 65_536 ? 126 : 127;
    output[start + 1] = 0x80 | short;
    for (let at = 11, rest = length; short > 125 && at > start + 1; at--, rest = Math.floor(rest / 256)) {
      output[at] = rest;
    }
    output.set(MASK, 12);
  }

  flush(): void {
    if (this.#unsent === undefined) return;
    const sent = send(this.fd, this.#unsent);
    this.#unsent = sent < this.#unsent.length ? this.#unsent.subarray(sent) : undefined;
  }

  receive(into: Uint8Array<ArrayBuffer>): number {
    const count = receive(this.fd, this.#input.subarray(this.#filled));
    if (count < 0) return -1;
    return this.#takePayloads(this.#filled + count, into);
  }

  /** Copies the payloads of the frames in the first `filled` bytes, keeps the rest; returns the number of bytes. */
  #takePayloads(filled: number, into: Uint8Array): number {
    const input = this.#input;
    let at = 0;
    let taken = 0;
    while (at < filled) {
      if (this.#left === 0) {
        const header = serverHeader(input, at, filled);
        if (header === undefined) break;
        at += header.size;
        this.#left = header.length;
        if (header.length === 0) continue;
      }
      const length = Math.min(this.#left, filled - at, into.length - taken);
      if (length === 0) break;
      into.set(input.subarray(at, at + length), taken);
      taken += length;
      at += length;
      this.#left -= length;
    }
    input.copyWithin(0, at, filled);
    this.#filled = filled - at;
    return taken;
  }

  close(): void {
    close(this.fd);
  }
}

/** Length of a header with mask. */
function headerLength(length: number): number {
  if (length < 126) return 6;
  return length < 65_536 ? 8 : 14;
}

/** A frame's header without mask; undefined when it has not come whole. */
function serverHeader(
  bytes: Uint8Array,
  at: number,
  end: number,
): { readonly size: number; readonly length: number } | undefined {
  const first = bytes[at] ?? 0;
  const short = bytes[at + 1];
  if (short === undefined || at + 2 > end) return undefined;
  if ((first & 0x0f) === CLOSE) throw new Error("Cannot go on: the broker closed the WebSocket");
  if ((first & 0x0f) > 2) throw new Error(`Cannot go on: frame ${first} must be data`);
  const size = short < 126 ? 2 : short === 126 ? 4 : 10;
  if (at + size > end) return undefined;
  if (short < 126) return { size, length: short };
  let length = 0;
  for (let k = at + 2; k < at + size; k++) length = length * 256 + (bytes[k] ?? 0);
  return { size, length };
}
