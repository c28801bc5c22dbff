/**
 * Names in certificates, as text.
 *
 * @module
 */

import { type Element, elementsOf, hex, Tag } from "./der.ts";

/** Names that OpenSSL gives to the types, by object identifier; others are shown as numbers. */
const TYPES: Readonly<Record<string, string>> = {
  "2.5.4.3": "CN",
  "2.5.4.4": "SN",
  "2.5.4.5": "serialNumber",
  "2.5.4.6": "C",
  "2.5.4.7": "L",
  "2.5.4.8": "ST",
  "2.5.4.9": "street",
  "2.5.4.10": "O",
  "2.5.4.11": "OU",
  "2.5.4.12": "title",
  "2.5.4.13": "description",
  "2.5.4.41": "name",
  "2.5.4.42": "GN",
  "2.5.4.43": "initials",
  "2.5.4.46": "dnQualifier",
  "1.2.840.113549.1.9.1": "emailAddress",
  "0.9.2342.19200300.100.1.1": "UID",
  "0.9.2342.19200300.100.1.25": "DC",
};

/** The whole name in the form of RFC 2253, letter for letter as Mosquitto (OpenSSL) gives it. `name` are a name's contents. */
export function nameText(name: Uint8Array): string {
  const parts = elementsOf(name).map((set) => elementsOf(set.contents).map(attributeText).reverse().join("+"));
  return parts.reverse().join(",");
}

/** The first common name; undefined if there is none, or it is no text or holds a zero character. */
export function commonNameOf(name: Uint8Array): string | undefined {
  for (const { contents } of elementsOf(name)) {
    for (const attribute of elementsOf(contents)) {
      const [type, value] = elementsOf(attribute.contents);
      if (type === undefined || value === undefined || TYPES[identifier(type.contents)] !== "CN") continue;
      const text = textOf(value);
      return text === undefined || text === "" || text.includes("\0") ? undefined : text;
    }
  }
  return undefined;
}

function attributeText(attribute: Element): string {
  const [type, value] = elementsOf(attribute.contents);
  if (type === undefined || value === undefined) throw new TypeError("Cannot read a name: it must have type and value");
  const oid = identifier(type.contents);
  const known = TYPES[oid];
  const text = known === undefined ? undefined : textOf(value);
  return `${known ?? oid}=${text === undefined ? `#${hex(value.bytes).toUpperCase()}` : escaped(text)}`;
}

/** Undefined for values that are no text. */
function textOf({ tag, contents }: Element): string | undefined {
  switch (tag) {
    case Tag.Utf8String:
    case Tag.PrintableString:
    case Tag.Ia5String:
      return utf8(contents);
    case Tag.TeletexString:
      return Array.from(contents, (byte) => String.fromCharCode(byte)).join("");
    case Tag.BmpString:
      return wide(contents, 2);
    case Tag.UniversalString:
      return wide(contents, 4);
    default:
      return undefined;
  }
}

function utf8(bytes: Uint8Array): string | undefined {
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    return undefined;
  }
}

function wide(bytes: Uint8Array, size: 2 | 4): string | undefined {
  if (bytes.length % size !== 0) return undefined;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  let text = "";
  for (let at = 0; at < bytes.length; at += size) {
    const point = size === 2 ? view.getUint16(at) : view.getUint32(at);
    if (point > 0x10ffff) return undefined;
    text += String.fromCodePoint(point);
  }
  return text;
}

/** Special characters behind a backslash; what is not printable ASCII as the hexadecimal digits of its UTF-8. */
function escaped(text: string): string {
  const bytes = new TextEncoder().encode(text);
  let result = "";
  for (const [index, byte] of bytes.entries()) {
    const character = String.fromCharCode(byte);
    const isFirst = index === 0;
    const isLast = index === bytes.length - 1;
    if (byte < 0x20 || byte > 0x7e) result += `\\${byte.toString(16).toUpperCase().padStart(2, "0")}`;
    else if (',+"\\<>;'.includes(character)) result += `\\${character}`;
    else if ((isFirst && (byte === 0x20 || byte === 0x23)) || (isLast && byte === 0x20)) result += `\\${character}`;
    else result += character;
  }
  return result;
}

function identifier(contents: Uint8Array): string {
  const numbers: number[] = [];
  let value = 0;
  for (const byte of contents) {
    value = value * 128 + (byte & 0x7f);
    if (byte >= 0x80) continue;
    numbers.push(value);
    value = 0;
  }
  const [first = 0, ...rest] = numbers;
  const root = Math.min(2, Math.floor(first / 40));
  return [root, first - 40 * root, ...rest].join(".");
}
