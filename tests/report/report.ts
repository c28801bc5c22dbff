/** Words the report at the end of a test run. @module */

import type { Counts } from "./junit.ts";
import type { Coverage } from "./statements.ts";

/** Lines about the statements of each version and side: how many are tested, which are not, and why. */
export function coverageLines(coverages: readonly Coverage[]): string[] {
  return coverages.flatMap(({ version, side, total, tested, untestable, missing }) => [
    `MQTT ${version}, ${side}: ${tested.length} of ${total} statements have a passing test` +
    (untestable.length > 0 ? `, ${untestable.length} cannot be tested here` : ""),
    ...(missing.length > 0 ? [`  without a test: ${missing.map(({ id }) => id).join(", ")}`] : []),
    ...untestable.map(({ id, reason }) => `  ${id} cannot be tested here: ${reason}`),
  ]);
}

/** The last line of a run. */
export function countLine({ passed, failed, skipped }: Counts): string {
  return `${passed} passed, ${failed} failed` + (skipped > 0 ? `, ${skipped} skipped` : "");
}
