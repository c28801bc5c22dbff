/**
 * The client's side of a WebSocket over a transport, for tests: frames exactly as the test wants them.
 *
 * @module
 */

import { AssertionError } from "@std/assert";
import type { Transport } from "../../engine/transport.ts";
import { concatBytes } from "../support/raw_packets.ts";

/** A frame that came from the server. */
export interface ServerFrame {
  readonly isLast: boolean;
  readonly opcode: number;
  readonly payload: Uint8Array;
}

/** What a frame of the client may differ in from a whole, binary, masked one. */
export interface FrameOptions {
  readonly opcode?: number;
  readonly isLast?: boolean;
  readonly reserved?: number;
  readonly isMasked?: boolean;
  /** The length that the header claims. */
  readonly claimed?: number;
}

/** The headers of a good handshake. */
export const HANDSHAKE: Readonly<Record<string, string>> = {
  "Host": "localhost",
  "Upgrade": "websocket",
  "Connection": "keep-alive, Upgrade",
  "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
  "Sec-WebSocket-Version": "13",
  "Sec-WebSocket-Protocol": "mqtt",
};
const MASK = Uint8Array.of(0x11, 0x82, 0xf3, 0x64);
const HEAD_END = "\r\n\r\n";

/** One frame as a client sends it. */
export function clientFrame(payload: Uint8Array, options: FrameOptions = {}): Uint8Array {
  const { opcode = 2, isLast = true, reserved = 0, isMasked = true, claimed = payload.length } = options;
  const first = (isLast ? 0x80 : 0) | (reserved << 4) | opcode;
  const bit = isMasked ? 0x80 : 0;
  const header = new DataView(new ArrayBuffer(10));
  header.setUint8(0, first);
  let size = 2;
  if (claimed < 126) {
    header.setUint8(1, bit | claimed);
  } else if (claimed < 65_536) {
    header.setUint8(1, bit | 126);
    header.setUint16(2, claimed);
    size = 4;
  } else {
    header.setUint8(1, bit | 127);
    header.setBigUint64(2, BigInt(claimed));
    size = 10;
  }
  const masked = isMasked ? payload.map((byte, index) => byte ^ (MASK[index & 3] ?? 0)) : payload;
  return concatBytes(new Uint8Array(header.buffer, 0, size), isMasked ? MASK : new Uint8Array(0), masked);
}

/** A connection to an HTTP server that may become a WebSocket. */
export class RawWebSocket {
  readonly #transport: Transport;
  readonly #reader: ReadableStreamDefaultReader<Uint8Array>;
  readonly #writer: WritableStreamDefaultWriter<Uint8Array>;
  #bytes: Uint8Array = new Uint8Array(0);

  constructor(transport: Transport) {
    this.#transport = transport;
    this.#reader = transport.readable.getReader();
    this.#writer = transport.writable.getWriter();
    this.#writer.closed.catch(() => {});
  }

  /** Opens a WebSocket for MQTT. Throws when the server refuses. */
  static async open(
    transport: Transport,
    headers: Readonly<Record<string, string>> = HANDSHAKE,
  ): Promise<RawWebSocket> {
    const socket = new RawWebSocket(transport);
    const head = await socket.request("GET /mqtt HTTP/1.1", headers);
    if (!head.startsWith("HTTP/1.1 101 ")) throw new AssertionError(`Expected a WebSocket, received ${head}`);
    return socket;
  }

  /** Sends a request and returns the head of the response. */
  async request(line: string, headers: Readonly<Record<string, string>>): Promise<string> {
    const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`);
    await this.send(new TextEncoder().encode(`${line}\r\n${lines.join("")}\r\n`));
    return await this.head();
  }

  /** The head of a response. */
  async head(): Promise<string> {
    for (;;) {
      const text = String.fromCharCode(...this.#bytes);
      const end = text.indexOf(HEAD_END);
      if (end >= 0) {
        this.#bytes = this.#bytes.subarray(end + HEAD_END.length);
        return text.slice(0, end + HEAD_END.length);
      }
      if (!await this.#more()) throw new AssertionError(`Expected an HTTP response, received ${JSON.stringify(text)}`);
    }
  }

  /** Everything up to the end. */
  async body(): Promise<Uint8Array> {
    while (await this.#more());
    return this.#bytes;
  }

  /** Sends bytes as they are; a failure is seen by who reads. */
  async send(bytes: Uint8Array): Promise<void> {
    await this.#writer.write(bytes).catch(() => {});
  }

  /** The next frame; undefined at the end. */
  async frame(): Promise<ServerFrame | undefined> {
    for (;;) {
      const [first = 0, short = 0] = this.#bytes;
      if (this.#bytes.length >= 2) {
        const size = short < 126 ? 2 : short === 126 ? 4 : 10;
        let length = short < 126 ? short : 0;
        for (const byte of this.#bytes.subarray(2, size)) length = length * 256 + byte;
        if (this.#bytes.length >= size + length) {
          const payload = this.#bytes.subarray(size, size + length);
          this.#bytes = this.#bytes.subarray(size + length);
          return { isLast: first >= 0x80, opcode: first & 0x0f, payload };
        }
      }
      if (!await this.#more()) return undefined;
    }
  }

  /** The code of the close frame that comes next, other frames apart; undefined if none comes. */
  async closeCode(): Promise<number | undefined> {
    for (let frame = await this.frame(); frame !== undefined; frame = await this.frame()) {
      const [high = 0, low = 0] = frame.payload;
      if (frame.opcode === 8) return high * 256 + low;
    }
    return undefined;
  }

  /** The WebSocket as a transport: what is written at once becomes one frame. */
  transport(): Transport {
    return {
      peer: { ...this.#transport.peer, protocol: "ws" },
      readable: new ReadableStream({ pull: (controller) => this.#pull(controller), cancel: () => this.close() }, {
        highWaterMark: 0,
      }),
      writable: new WritableStream({
        start: (controller) => {
          controller.signal.addEventListener("abort", () => this.close());
        },
        write: (chunk) => chunk.length > 0 ? this.#writer.write(clientFrame(chunk)) : undefined,
        close: async () => {
          await this.#writer.write(clientFrame(Uint8Array.of(0x03, 0xe8), { opcode: 8 }));
          await this.#writer.close();
        },
      }),
    };
  }

  /** Closes the connection at once. */
  close(): void {
    this.#writer.abort().catch(() => {});
    this.#reader.cancel().catch(() => {});
  }

  async #pull(controller: ReadableStreamDefaultController<Uint8Array>): Promise<void> {
    const frame = await this.frame();
    if (frame === undefined || frame.opcode === 8) return controller.close();
    if (frame.opcode === 2) controller.enqueue(frame.payload);
    else await this.#pull(controller);
  }

  async #more(): Promise<boolean> {
    const { value, done } = await this.#reader.read();
    if (done) return false;
    this.#bytes = concatBytes(this.#bytes, value);
    return true;
  }
}
