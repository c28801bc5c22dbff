/**
 * Server-Sent Events, read with `fetch`, which can send a token.
 *
 * @module
 */

/** The most characters of one event: a history of ten minutes has a tenth of that. */
const MAXIMUM_EVENT = 4_000_000;

/**
 * The data of the events of a stream. Each chunk gives a batch, which may be empty: then only a sign of life came. An
 * event that is too long ends the stream with an error.
 */
export async function* eventData(stream: ReadableStream<Uint8Array<ArrayBuffer>>): AsyncGenerator<string[]> {
  let rest = "";
  for await (const text of stream.pipeThrough(new TextDecoderStream())) {
    const events = (rest + text).split("\n\n");
    rest = events.pop() ?? "";
    if (rest.length > MAXIMUM_EVENT) {
      throw new Error(`Cannot read events: one must be at most ${MAXIMUM_EVENT} characters`);
    }
    yield events.map(dataOf).filter((data) => data !== "");
  }
}

function dataOf(event: string): string {
  const lines = event.split("\n").filter((line) => line.startsWith("data:"));
  return lines.map((line) => line.slice("data:".length).trimStart()).join("\n");
}
