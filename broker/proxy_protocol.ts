/**
 * The PROXY protocol, versions 1 and 2: a proxy says first for whom it connects.
 *
 * @module
 */

import type { Transport } from "../engine/transport.ts";
import { isIPv4, isIPv6 } from "./ip_address.ts";
import { PrefixReader } from "./prefix_reader.ts";

/** The longest line of version 1, its end included. */
const LONGEST_LINE = 107;
/** The signature of version 2: a line end, a zero byte and other things that no protocol begins with. */
const SIGNATURE = Uint8Array.of(0x0d, 0x0a, 0x0d, 0x0a, 0x00, 0x0d, 0x0a, 0x51, 0x55, 0x49, 0x54, 0x0a);
const BEGINNING = new TextEncoder().encode("PROXY ");
const HEADER_SIZE = 16;
/** Addresses take at most 216 bytes; what follows (names, certificates) is skipped. */
const LONGEST_REST = 4_096;
const LF = 0x0a;
const CR = 0x0d;

/** Whose connection it is: an address and port, or the proxy's own (`undefined`), e.g. when it looks whether we live. */
export type ProxiedAddress = { readonly hostname: string; readonly port: number } | undefined;

/**
 * Reads the header that every connection of a proxy begins with, and returns the connection with the address of the
 * real client. Rejects when there is no such header.
 */
export async function readProxyHeader(
  transport: Transport,
  format: (hostname: string, port: number) => string,
): Promise<Transport> {
  const reader = new PrefixReader(transport);
  const address = await readAddress(reader);
  const { peer } = transport;
  return reader.rest(address === undefined ? peer : { ...peer, address: format(address.hostname, address.port) });
}

async function readAddress(reader: PrefixReader): Promise<ProxiedAddress> {
  let bytes = await reader.fill(1);
  if (bytes[0] === SIGNATURE[0]) {
    bytes = await reader.fill(HEADER_SIZE);
    const length = restLength(bytes);
    bytes = await reader.fill(HEADER_SIZE + length);
    const address = parseVersion2(bytes.subarray(0, HEADER_SIZE + length));
    reader.skip(HEADER_SIZE + length);
    return address;
  }
  for (let end = bytes.indexOf(LF);; end = bytes.indexOf(LF)) {
    assertBeginning(bytes);
    if (end >= 0 && end < LONGEST_LINE) {
      const address = parseVersion1(bytes.subarray(0, end + 1));
      reader.skip(end + 1);
      return address;
    }
    if (bytes.length >= LONGEST_LINE) throw new Error("it has no end");
    bytes = await reader.fill(bytes.length + 1);
  }
}

/** What is no header is not waited for. */
function assertBeginning(bytes: Uint8Array): void {
  const isRight = BEGINNING.every((byte, index) => index >= bytes.length || bytes[index] === byte);
  if (!isRight) throw new Error("there is none");
}

/** Reads a line of version 1, its end included. Throws for anything else. */
export function parseVersion1(line: Uint8Array): ProxiedAddress {
  if (line.at(-2) !== CR || line.some((byte) => byte > 0x7e)) {
    throw new Error("its line must be ASCII and end in CR LF");
  }
  const text = String.fromCharCode(...line.subarray(0, -2));
  if (/^PROXY UNKNOWN(?: .*)?$/.test(text)) return undefined;
  const [, family, source = "", destination = "", port, otherPort] =
    /^PROXY TCP([46]) (\S+) (\S+) (0|[1-9]\d{0,4}) (0|[1-9]\d{0,4})$/.exec(text) ?? [];
  const isAddress = family === "4" ? isIPv4 : isIPv6;
  const isWhole = Number(port) <= 65_535 && Number(otherPort) <= 65_535;
  if (family === undefined || !isWhole || !isAddress(source) || !isAddress(destination)) {
    throw new Error(`its line must be of PROXY protocol version 1, received ${JSON.stringify(text)}`);
  }
  return { hostname: source, port: Number(port) };
}

/** Reads a whole header of version 2. Throws for anything else. */
export function parseVersion2(header: Uint8Array): ProxiedAddress {
  const length = restLength(header);
  const [command = 0, family = 0] = header.subarray(SIGNATURE.length);
  if (command >> 4 !== 2 || (command & 0x0f) > 1) {
    throw new Error(`its command must be 20 or 21, received ${command.toString(16)}`);
  }
  if ((command & 0x0f) === 0) return undefined;
  const view = new DataView(header.buffer, header.byteOffset, header.length);
  switch (family) {
    case 0x00:
      return undefined;
    case 0x11:
      if (length < 12) break;
      return { hostname: header.subarray(16, 20).join("."), port: view.getUint16(24) };
    case 0x21: {
      if (length < 36) break;
      const groups = Array.from({ length: 8 }, (_, index) => view.getUint16(16 + 2 * index).toString(16));
      return { hostname: canonicalIPv6(groups.join(":")), port: view.getUint16(48) };
    }
    case 0x31:
      if (length < 216) break;
      return undefined;
    default:
      throw new Error(`its address family must be TCP over IPv4 or IPv6 or a Unix socket, received ${family}`);
  }
  throw new Error(`its addresses must be whole, received ${length} bytes`);
}

function restLength(header: Uint8Array): number {
  if (SIGNATURE.some((byte, index) => header[index] !== byte)) throw new Error("its signature is wrong");
  const length = ((header[14] ?? 0) << 8) | (header[15] ?? 0);
  if (length > LONGEST_REST) throw new Error(`it must have at most ${LONGEST_REST} bytes, received ${length}`);
  return length;
}

function canonicalIPv6(text: string): string {
  return new URL(`http://[${text}]/`).hostname.slice(1, -1);
}
