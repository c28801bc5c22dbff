/**
 * Just enough of DER, the encoding of certificates and revocation lists, to find one's way in it.
 *
 * @module
 */

/** Tags that are looked for. */
export const Tag = {
  Integer: 0x02,
  ObjectIdentifier: 0x06,
  Utf8String: 0x0c,
  Sequence: 0x30,
  Set: 0x31,
  PrintableString: 0x13,
  TeletexString: 0x14,
  Ia5String: 0x16,
  UtcTime: 0x17,
  GeneralizedTime: 0x18,
  UniversalString: 0x1c,
  BmpString: 0x1e,
  /** `[0]`, constructed. */
  Context0: 0xa0,
} as const;

/** A value: its tag, its contents, and all of its bytes. */
export interface Element {
  readonly tag: number;
  readonly contents: Uint8Array;
  readonly bytes: Uint8Array;
}

/** The elements that stand one after the other in `bytes`. Throws `TypeError` if they are no DER. */
export function elementsOf(bytes: Uint8Array): Element[] {
  const elements: Element[] = [];
  for (let at = 0; at < bytes.length;) {
    const element = elementAt(bytes, at);
    elements.push(element);
    at += element.bytes.length;
  }
  return elements;
}

/** The only element of `bytes`, which must have this tag. */
export function onlyElement(bytes: Uint8Array, tag: number): Element {
  const [element, ...others] = elementsOf(bytes);
  if (element?.tag !== tag || others.length > 0) throw notDer("one value of the right kind");
  return element;
}

/** Contents as lower-case hexadecimal digits. */
export function hex(bytes: Uint8Array): string {
  return bytes.toHex();
}

function elementAt(bytes: Uint8Array, at: number): Element {
  const [tag, short] = bytes.subarray(at, at + 2);
  // Numbers above 30 take more bytes; nothing that we read has them.
  if (tag === undefined || short === undefined || (tag & 0x1f) === 0x1f) throw notDer("a tag and a length");
  let start = at + 2;
  let length = short;
  if (short >= 0x80) {
    const size = short & 0x7f;
    if (size === 0 || size > 4) throw notDer("a length of 1 to 4 bytes");
    length = 0;
    for (const byte of bytes.subarray(start, start + size)) length = length * 256 + byte;
    start += size;
  }
  const end = start + length;
  if (end > bytes.length) throw notDer("whole values");
  return { tag, contents: bytes.subarray(start, end), bytes: bytes.subarray(at, end) };
}

function notDer(expected: string): TypeError {
  return new TypeError(`Cannot read DER: there must be ${expected}`);
}
