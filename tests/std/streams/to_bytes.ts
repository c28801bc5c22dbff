/** Collects a stream of bytes into one array. @module */

/** Reads the stream to its end and resolves to its bytes as one `Uint8Array`. */
export function toBytes(stream: ReadableStream<Uint8Array>): Promise<Uint8Array> {
  return new Response(stream).bytes();
}
