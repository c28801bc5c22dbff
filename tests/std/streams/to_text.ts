/** Collects a stream of text or bytes into one string. @module */

/** Reads the stream to its end and resolves to its text; bytes are decoded as UTF-8. */
export async function toText(stream: ReadableStream<string> | ReadableStream<Uint8Array>): Promise<string> {
  const decoder = new TextDecoder();
  const chunks: AsyncIterable<string | Uint8Array> = stream;
  let text = "";
  for await (const chunk of chunks) {
    text += typeof chunk === "string" ? chunk : decoder.decode(chunk, { stream: true });
  }
  return text + decoder.decode();
}
