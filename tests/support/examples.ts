/** The examples in our documentation, taken out of it to be run. @module */

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
