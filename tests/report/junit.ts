/** Reads the JUnit file that `deno test --junit-path` writes. @module */

/** How a test ended. */
export type Outcome = "passed" | "failed" | "skipped";

/** One test, or one step of it. */
export interface TestResult {
  /** The name; a step's begins with those of what it is part of, parted by ` > `. */
  readonly name: string;
  /** The file, relative to the repository. */
  readonly file: string;
  readonly outcome: Outcome;
  /** True for a step of another test. */
  readonly isStep: boolean;
}

/** How many tests ended how; steps count with their tests. */
export type Counts = Readonly<Record<Outcome, number>>;

const ENTITIES: Readonly<Record<string, string>> = { amp: "&", lt: "<", gt: ">", quot: '"', apos: "'" };

/** Reads the results out of the text of a JUnit file. */
export function parseJunit(xml: string): TestResult[] {
  const cases = [...xml.matchAll(/<testcase name="([^"]*)" classname="([^"]*)"[^>]*?(?:\/>|>(.*?)<\/testcase>)/gs)]
    .map(([, name = "", file = "", body = ""]) => ({ name: unescape(name), file: unescape(file), body }));
  const names = new Set(cases.map(({ name, file }) => `${file}\n${name}`));
  return cases.map(({ name, file, body }) => ({
    name,
    file: file.replace(/^\.\//, ""),
    outcome: outcomeOf(body),
    isStep: parents(name).some((parent) => names.has(`${file}\n${parent}`)),
  }));
}

/** Counts the tests, not their steps. */
export function countTests(results: readonly TestResult[]): Counts {
  const counts = { passed: 0, failed: 0, skipped: 0 };
  for (const { outcome, isStep } of results) {
    if (!isStep) counts[outcome]++;
  }
  return counts;
}

/** Text in the file is escaped, so that these elements cannot stand in a message. */
function outcomeOf(body: string): Outcome {
  if (/<(failure|error)\b/.test(body)) return "failed";
  return body.includes("<skipped") ? "skipped" : "passed";
}

/** All names that `name` may be a step of. */
function parents(name: string): string[] {
  const parts = name.split(" > ");
  return parts.slice(1).map((_, index) => parts.slice(0, index + 1).join(" > "));
}

function unescape(text: string): string {
  return text.replace(/&(?:#x([0-9a-f]+)|#(\d+)|(\w+));/gi, (all, hex, decimal, name) => {
    if (hex) return String.fromCodePoint(parseInt(hex, 16));
    return decimal ? String.fromCodePoint(Number(decimal)) : ENTITIES[name] ?? all;
  });
}
