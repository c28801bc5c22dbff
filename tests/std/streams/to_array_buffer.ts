/** Collects a stream of bytes into one buffer. @module */

/** Reads the stream to its end and resolves to its bytes as one `ArrayBuffer`. */
export function toArrayBuffer(stream: ReadableStream<Uint8Array>): Promise<ArrayBuffer> {
  return new Response(stream).arrayBuffer();
}
