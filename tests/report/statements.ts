/**
 * Which normative statements of MQTT 3.1.1 and 5.0 have a passing test.
 *
 * A test says what it covers in its name: `mqtt 5.0 broker: what it checks [MQTT-3.1.2-24]`. The version and the sides
 * (`broker`, `client`, or both) stand before the colon, the statements' ids in brackets anywhere after it.
 *
 * @module
 */

import type { TestResult } from "./junit.ts";

/** The end of a connection that has to satisfy a statement. */
export type Side = "broker" | "client";

/** A statement as one side has to satisfy it; statements for both sides are there twice. */
export interface Statement {
  readonly version: string;
  readonly id: string;
  readonly side: Side;
}

/** A statement that no small test can check. */
export interface Untestable extends Statement {
  /** Why, in a sentence. */
  readonly reason: string;
}

/** What is covered of the statements of one version for one side. */
export interface Coverage {
  readonly version: string;
  readonly side: Side;
  readonly total: number;
  readonly tested: readonly Statement[];
  readonly untestable: readonly Untestable[];
  readonly missing: readonly Statement[];
}

const SIDES: Readonly<Record<string, readonly Side[]>> = {
  server: ["broker"],
  client: ["client"],
  both: ["broker", "client"],
};

/** Reads `statements.tsv`: version, id, side (`server`, `client`, `both`), area. */
export function parseStatements(tsv: string): Statement[] {
  return rows(tsv).flatMap(([version = "", id = "", side = ""]) => {
    const sides = SIDES[side];
    if (!sides) throw new SyntaxError(`Cannot read statements: side of ${id} must be server, client or both`);
    return sides.map((side) => ({ version, id, side }));
  });
}

/** Reads `untestable.tsv`: version, id, side (`broker`, `client`), reason. Each row must be about a known statement. */
export function parseUntestable(tsv: string, statements: readonly Statement[]): Untestable[] {
  return rows(tsv).map(([version = "", id = "", side = "", reason = ""]) => {
    const statement = statements.find((it) => it.version === version && it.id === id && it.side === side);
    if (!statement || reason === "") {
      throw new SyntaxError(`Cannot read untestable statements: ${version} ${id} ${side} is unknown or has no reason`);
    }
    return { ...statement, reason };
  });
}

/** Sorts the statements of each version and side by whether a test that passed covers them. */
export function coverage(
  statements: readonly Statement[],
  untestable: readonly Untestable[],
  results: readonly TestResult[],
): Coverage[] {
  const passed = results.filter(({ outcome }) => outcome === "passed").flatMap(({ name }) => statementsIn(name));
  const covered = new Set(passed.map(key));
  const reasons = new Map(untestable.map((it) => [key(it), it]));
  const groups = Map.groupBy(statements, ({ version, side }) => `${version} ${side}`);
  return [...groups.values()].flatMap((group) => {
    const [first] = group;
    if (!first) return [];
    const rest = group.filter((statement) => !covered.has(key(statement)));
    return [{
      version: first.version,
      side: first.side,
      total: group.length,
      tested: group.filter((statement) => covered.has(key(statement))),
      untestable: rest.flatMap((statement) => reasons.get(key(statement)) ?? []),
      missing: rest.filter((statement) => !reasons.has(key(statement))),
    }];
  });
}

/** Names of tests that mention an id which their version of the standard does not have. */
export function unknownStatements(statements: readonly Statement[], results: readonly TestResult[]): string[] {
  // MQTT 3.1 does not number its statements: whatever a test of it mentions is taken as it is.
  const versions = new Set(statements.map(({ version }) => version));
  const ids = new Set(statements.map(({ version, id }) => `${version} ${id}`));
  const wrong = results.filter(({ name }) =>
    statementsIn(name).some(({ version, id }) => versions.has(version) && !ids.has(`${version} ${id}`))
  );
  return wrong.map(({ name }) => name);
}

/** The statements that a test's name says it covers. */
export function statementsIn(name: string): Statement[] {
  const [, version, sides = "", rest = ""] = name.match(/^mqtt (3\.1|3\.1\.1|5\.0)((?: (?:broker|client))+): (.*)$/s) ??
    [];
  if (!version) return [];
  // Greedy, so that MQTT-3.1.2-1 is not found in MQTT-3.1.2-10.
  const ids = [...rest.matchAll(/\[([^\]]*)\]/g)].flatMap(([, inside = ""]) => inside.match(/MQTT-[\d.-]*\d/g) ?? []);
  const named = (["broker", "client"] as const).filter((side) => sides.split(" ").includes(side));
  return named.flatMap((side) => ids.map((id) => ({ version, id, side })));
}

function key({ version, id, side }: Statement): string {
  return `${version} ${id} ${side}`;
}

/** The cells of a table without its first row, which names the columns. */
function rows(tsv: string): string[][] {
  return tsv.trimEnd().split("\n").slice(1).map((line) => line.split("\t"));
}
