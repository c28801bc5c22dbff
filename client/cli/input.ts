/**
 * The message to publish, from wherever it comes.
 *
 * @module
 */

import type { MessageSource } from "./config.ts";
import { CommandError } from "./exit.ts";
import type { Terminal } from "./terminal.ts";

const LINE_FEED = 0x0a;

/** The payload; `lines` is for {@linkcode readLines}. */
export async function readMessage(
  source: Exclude<MessageSource, { kind: "lines" }>,
  { input }: Terminal,
): Promise<string | Uint8Array> {
  switch (source.kind) {
    case "text":
      return source.text;
    case "empty":
      return "";
    case "file":
      return await readFile(source.path);
    case "stdin": {
      const bytes = await new Response(input).bytes();
      if (bytes.length > 0) return bytes;
      throw new CommandError("Error: Zero length input.\nError loading input from stdin.");
    }
  }
}

async function readFile(path: string): Promise<Uint8Array> {
  try {
    return await Deno.readFile(path);
  } catch (cause) {
    throw new CommandError(
      `Error: Unable to open file "${path}".\nError loading input file "${path}".`,
      undefined,
      { cause },
    );
  }
}

/** The lines of a stream as they come, without their line feeds; the last one may lack it. */
export async function* readLines(stream: ReadableStream<Uint8Array>): AsyncGenerator<Uint8Array> {
  const parts: Uint8Array[] = [];
  for await (const chunk of stream) {
    let start = 0;
    for (let end = chunk.indexOf(LINE_FEED); end >= 0; end = chunk.indexOf(LINE_FEED, start)) {
      yield joined(parts.splice(0), chunk.subarray(start, end));
      start = end + 1;
    }
    if (start < chunk.length) parts.push(chunk.subarray(start));
  }
  if (parts.length > 0) yield joined(parts, new Uint8Array(0));
}

function joined(parts: readonly Uint8Array[], last: Uint8Array): Uint8Array {
  if (parts.length === 0) return last;
  const line = new Uint8Array(parts.reduce((size, part) => size + part.length, last.length));
  let at = 0;
  for (const part of [...parts, last]) {
    line.set(part, at);
    at += part.length;
  }
  return line;
}
