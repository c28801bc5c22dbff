/** The examples in our documentation, taken out of it and run. @module */

import { assert, assertEquals } from "@std/assert";
import { type ProcessResult, runProcess } from "./process.ts";

/** A fenced block of code. */
export interface Example {
  /** Its first word: `ts`, `sh`, `text`. */
  readonly language: string;
  readonly code: string;
  /** Number of its first line, from 1. */
  readonly line: number;
}

/** The fenced blocks of a Markdown text, in order. */
export function examplesIn(markdown: string): Example[] {
  return [...markdown.matchAll(/^```(\w+)\n(.*?)^```$/gms)].map((match) => ({
    language: match[1] ?? "",
    code: match[2] ?? "",
    line: markdown.slice(0, match.index).split("\n").length + 1,
  }));
}

/** The fenced blocks in the doc comments of a TypeScript source, in order. */
export function docExamplesIn(source: string): Example[] {
  // Lines keep their numbers: what is not in a doc comment becomes an empty line.
  const lines = source.split("\n").map((line) => line.match(/^\s*\* ?(.*)$/)?.[1] ?? "");
  return examplesIn(lines.join("\n"));
}

/** What an example says that it prints: the comments behind its calls of `console.log`. */
export function expectedOutput(code: string): string[] {
  return [...code.matchAll(/console\.log\(.*\)[;,]? \/\/ (.+)$/gm)].map((match) => match[1] ?? "");
}

/** Longest that an example may take, in milliseconds: its types, and those of the module, may be checked first. */
const WATCHDOG = 60_000;

/** Runs an example as a program of its own; what it leaves in the temporary folder is removed. */
export async function runExample(code: string, options: readonly string[]): Promise<ProcessResult> {
  const folder = await Deno.makeTempDir({ prefix: "example-" });
  try {
    const env = { TMPDIR: folder };
    return await runProcess(Deno.execPath(), ["run", "-A", ...options, "-"], {
      stdin: code,
      env,
      milliseconds: WATCHDOG,
    });
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

/** Fails unless an example's types fit and it prints what it says, with a broker on `port` if it wants one. */
export async function checkExample(code: string, port: number = 1883): Promise<void> {
  const expected = expectedOutput(code);
  assert(expected.length > 0, "the example must say what it prints");
  const { code: status, stdout, stderr } = await runExample(code.replaceAll("1883", String(port)), ["--check"]);
  assertEquals({ status, lines: stdout.trimEnd().split("\n") }, { status: 0, lines: expected }, stderr);
}
