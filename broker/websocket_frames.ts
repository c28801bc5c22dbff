/**
 * WebSocket frames (RFC 6455), the server's side, as a byte stream that carries MQTT.
 *
 * @module
 */

const CONTINUATION = 0;
const TEXT = 1;
const BINARY = 2;
const CLOSE = 8;
const PING = 9;
const PONG = 10;
/** Control frames carry no more. */
const LONGEST_CONTROL = 125;
/** Two bytes, a length of eight, a mask of four. */
const LONGEST_HEADER = 14;
/** Payloads from this size on are unmasked by words. */
const MANY = 32;
/** A server's header is no longer. */
export const LONGEST_SERVER_HEADER = 10;

/** Why a WebSocket is closed (RFC 6455 section 7.4.1). */
export const CloseCode = {
  Normal: 1000,
  ProtocolError: 1002,
  UnsupportedData: 1003,
  PolicyViolation: 1008,
} as const;

/** The peer broke the rules. */
export class WebSocketError extends Error {
  override readonly name = "WebSocketError";

  /** `code` goes into the close frame. */
  constructor(message: string, readonly code: number) {
    super(message);
  }
}

/** What a {@linkcode FrameReader} tells about control frames; the bytes are valid during the call. */
export interface ControlHandler {
  onPing(payload: Uint8Array): void;
  /** `payload` begins with the code, if it is not empty. Nothing that comes after it counts. */
  onClose(payload: Uint8Array): void;
}

/**
 * Takes frames out of chunks. Payloads are streamed, whatever length their header claims: nothing is buffered but an
 * unfinished header or control frame.
 */
export class FrameReader {
  readonly #handler: ControlHandler;
  readonly #header = new Uint8Array(LONGEST_HEADER);
  #headerLength = 0;
  /** Payload bytes of the current frame that are still to come. */
  #left = 0;
  readonly #mask = new Uint8Array(4);
  #maskPlace = 0;
  #control: { readonly opcode: number; readonly payload: Uint8Array; length: number } | undefined;
  #isInMessage = false;
  #isClosed = false;

  constructor(handler: ControlHandler) {
    this.#handler = handler;
  }

  /**
   * Unmasks the data in `chunk` and moves it to its beginning; returns how many bytes of data there are now. Throws
   * {@linkcode WebSocketError} when the peer must be disconnected.
   */
  take(chunk: Uint8Array): number {
    let filled = 0;
    for (let at = 0; at < chunk.length && !this.#isClosed;) {
      if (this.#left === 0) {
        at = this.#takeHeader(chunk, at);
        continue;
      }
      const length = Math.min(this.#left, chunk.length - at);
      if (this.#control !== undefined) {
        this.#takeControl(chunk, at, length);
      } else {
        this.#unmask(chunk, at, length);
        if (filled < at) chunk.copyWithin(filled, at, at + length);
        filled += length;
        this.#left -= length;
      }
      at += length;
    }
    return filled;
  }

  /** Returns where the chunk goes on. */
  #takeHeader(chunk: Uint8Array, start: number): number {
    const header = this.#header;
    let at = start;
    while (at < chunk.length) {
      header[this.#headerLength++] = chunk[at++]!; // at is within the chunk
      if (this.#headerLength === 2) checkStart(header, this.#isInMessage);
      if (this.#headerLength >= 2 && this.#headerLength === headerSize(header)) {
        this.#headerLength = 0;
        this.#begin(header);
        break;
      }
    }
    return at;
  }

  #begin(header: Uint8Array): void {
    const [first = 0] = header;
    const opcode = first & 0x0f;
    const size = headerSize(header);
    this.#left = payloadLength(header);
    this.#mask.set(header.subarray(size - 4, size));
    this.#maskPlace = 0;
    if (opcode < CLOSE) {
      this.#isInMessage = first < 0x80;
      return;
    }
    this.#control = { opcode, payload: new Uint8Array(this.#left), length: 0 };
    if (this.#left === 0) this.#endControl();
  }

  #takeControl(chunk: Uint8Array, at: number, length: number): void {
    const control = this.#control;
    if (control === undefined) return;
    this.#unmask(chunk, at, length);
    control.payload.set(chunk.subarray(at, at + length), control.length);
    control.length += length;
    this.#left -= length;
    if (this.#left === 0) this.#endControl();
  }

  #endControl(): void {
    const control = this.#control;
    this.#control = undefined;
    if (control?.opcode === PING) this.#handler.onPing(control.payload);
    if (control?.opcode !== CLOSE) return;
    this.#isClosed = true;
    this.#handler.onClose(control.payload);
  }

  #unmask(chunk: Uint8Array, start: number, length: number): void {
    const mask = this.#mask;
    const end = start + length;
    let place = this.#maskPlace;
    let at = start;
    if (length >= MANY) {
      // Up to the next whole word of the buffer, then word by word.
      for (; ((chunk.byteOffset + at) & 3) !== 0; at++) chunk[at]! ^= mask[place++ & 3]!;
      const count = (end - at) >> 2;
      const words = new Int32Array(chunk.buffer, chunk.byteOffset + at, count);
      const word = wordOf(mask, place);
      for (let k = 0; k < count; k++) words[k]! ^= word;
      at += count << 2;
    }
    for (; at < end; at++) chunk[at]! ^= mask[place++ & 3]!;
    this.#maskPlace = (this.#maskPlace + length) & 3;
  }
}

/** The mask from `place` on as a word of this machine. */
function wordOf(mask: Uint8Array, place: number): number {
  const turned = Uint8Array.from({ length: 4 }, (_, index) => mask[(place + index) & 3] ?? 0);
  return new Int32Array(turned.buffer)[0] ?? 0;
}

/** Judges the first two bytes, before anything else is believed. */
function checkStart(header: Uint8Array, isInMessage: boolean): void {
  const [first = 0, second = 0] = header;
  const opcode = first & 0x0f;
  if ((first & 0x70) !== 0) throw new WebSocketError("reserved bits must be 0", CloseCode.ProtocolError);
  if ((second & 0x80) === 0) throw new WebSocketError("frames of a client must be masked", CloseCode.ProtocolError);
  if (opcode === TEXT) throw new WebSocketError("frames must be binary, received text", CloseCode.UnsupportedData);
  if (opcode >= CLOSE) {
    const isWhole = first >= 0x80 && (second & 0x7f) <= LONGEST_CONTROL;
    if (isWhole && opcode <= PONG) return;
    throw new WebSocketError("a control frame must be a short one that is known", CloseCode.ProtocolError);
  }
  if (opcode > BINARY) throw new WebSocketError(`opcode ${opcode} must be known`, CloseCode.ProtocolError);
  if ((opcode === CONTINUATION) === isInMessage) return;
  throw new WebSocketError("a continuation must continue something, and nothing else may", CloseCode.ProtocolError);
}

function headerSize(header: Uint8Array): number {
  const short = (header[1] ?? 0) & 0x7f;
  return short < 126 ? 6 : short === 126 ? 8 : LONGEST_HEADER;
}

function payloadLength(header: Uint8Array): number {
  const short = (header[1] ?? 0) & 0x7f;
  if (short < 126) return short;
  let length = 0;
  for (const byte of header.subarray(2, short === 126 ? 4 : 10)) length = length * 256 + byte;
  const least = short === 126 ? 126 : 65_536;
  if (length >= least && length <= Number.MAX_SAFE_INTEGER) return length;
  throw new WebSocketError("a length must be in its shortest form, and one that can be", CloseCode.ProtocolError);
}

/** Writes the header of a whole binary frame; returns its length, {@linkcode LONGEST_SERVER_HEADER} at most. */
export function writeBinaryHeader(into: Uint8Array, length: number): number {
  into[0] = 0x80 | BINARY;
  if (length < 126) {
    into[1] = length;
    return 2;
  }
  const view = new DataView(into.buffer, into.byteOffset, into.length);
  if (length < 65_536) {
    into[1] = 126;
    view.setUint16(2, length);
    return 4;
  }
  into[1] = 127;
  view.setBigUint64(2, BigInt(length));
  return LONGEST_SERVER_HEADER;
}

/** The length of the header for so many bytes. */
export function binaryHeaderLength(length: number): number {
  return length < 126 ? 2 : length < 65_536 ? 4 : LONGEST_SERVER_HEADER;
}

/** The answer to a ping. */
export function pongFrame(payload: Uint8Array): Uint8Array {
  return Uint8Array.of(0x80 | PONG, payload.length, ...payload);
}

/** A close frame with a code. */
export function closeFrame(code: number): Uint8Array {
  return Uint8Array.of(0x80 | CLOSE, 2, code >> 8, code & 0xff);
}
