/**
 * Our own edition of the functions of `@std/streams` 1.1 that are used here, for machines that cannot reach JSR.
 *
 * @module
 */

export { toArrayBuffer } from "./to_array_buffer.ts";
export { toBytes } from "./to_bytes.ts";
export { toText } from "./to_text.ts";
