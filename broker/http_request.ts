/**
 * The head of an HTTP request, strictly: what is not of HTTP/1.1's plain form is refused.
 *
 * @module
 */

import type { PrefixReader } from "./prefix_reader.ts";

/** A request without its body. */
export interface HttpRequest {
  readonly method: string;
  /** As it was sent, e.g. `/mqtt?x=1`. */
  readonly target: string;
  /** By name in lower case; several of one name are joined by commas. */
  readonly headers: ReadonlyMap<string, string>;
}

/** A request that cannot be served, with the status that says why. */
export class HttpError extends Error {
  override readonly name = "HttpError";

  /** `headers` go into the response. */
  constructor(readonly status: number, message: string, readonly headers: Readonly<Record<string, string>> = {}) {
    super(message);
  }
}

/** Bytes of a head, its last empty line included. */
const LONGEST_HEAD = 16_384;
const MOST_HEADERS = 100;
const TOKEN = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/;
const LF = 0x0a;
const CR = 0x0d;

/** Reads the head. Rejects with {@linkcode HttpError} if it is none. */
export async function readRequest(reader: PrefixReader): Promise<HttpRequest> {
  let seen = 0;
  for (;;) {
    const bytes = await reader.fill(seen + 1);
    // The empty line may have begun in what was looked at before.
    const end = endOfHead(bytes, Math.max(0, seen - 3));
    if (end > LONGEST_HEAD || (end < 0 && bytes.length >= LONGEST_HEAD)) {
      throw new HttpError(431, `the head must have at most ${LONGEST_HEAD} bytes`);
    }
    if (end >= 0) {
      const request = parseHead(bytes.subarray(0, end));
      reader.skip(end);
      return request;
    }
    seen = bytes.length;
  }
}

function endOfHead(bytes: Uint8Array, from: number): number {
  for (let at = bytes.indexOf(LF, from); at >= 0; at = bytes.indexOf(LF, at + 1)) {
    if (at >= 3 && bytes[at - 1] === CR && bytes[at - 2] === LF && bytes[at - 3] === CR) return at + 1;
  }
  return -1;
}

function parseHead(bytes: Uint8Array): HttpRequest {
  if (bytes.some((byte) => byte > 0x7e || (byte < 0x20 && byte !== LF && byte !== CR && byte !== 0x09))) {
    throw new HttpError(400, "the head must be ASCII text");
  }
  const [line = "", ...lines] = String.fromCharCode(...bytes).slice(0, -4).split("\r\n");
  if (lines.length > MOST_HEADERS) throw new HttpError(431, `there must be at most ${MOST_HEADERS} headers`);
  const [, method, target, version] = /^(\S+) (\S+) HTTP\/(\d\.\d)$/.exec(line) ?? [];
  if (method === undefined || target === undefined || !TOKEN.test(method)) {
    throw new HttpError(400, "the first line must be a request");
  }
  if (version !== "1.1") throw new HttpError(505, `the version must be HTTP/1.1, received ${version}`);
  const headers = new Map<string, string>();
  for (const header of lines) addHeader(headers, header);
  if (!headers.has("host")) throw new HttpError(400, "there must be a host");
  return { method, target, headers };
}

function addHeader(headers: Map<string, string>, line: string): void {
  const colon = line.indexOf(":");
  const name = line.slice(0, colon).toLowerCase();
  if (colon < 1 || !TOKEN.test(name) || /[\r\n]/.test(line)) {
    throw new HttpError(400, "a header must have name and value");
  }
  const value = line.slice(colon + 1).trim();
  const before = headers.get(name);
  headers.set(name, before === undefined ? value : `${before}, ${value}`);
}
