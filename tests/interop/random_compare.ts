/** Our broker beside Mosquitto with the same random script. @module */

import { BEYOND_MAXIMUM } from "./random_client.ts";
import { runScript, type Transcript } from "./random_run.ts";
import type { Script, Step } from "./random_script.ts";

/** The ports of both. */
export interface Pair {
  readonly ours: number;
  readonly theirs: number;
}

/** Where the brokers first differ with a script; undefined if they do not. */
export async function difference(pair: Pair, script: Script): Promise<string | undefined> {
  const [ours, theirs] = await Promise.all([runScript(pair.ours, script), runScript(pair.theirs, script)]);
  const differs = ours.findIndex((lines, index) => lines.join("\n") !== theirs[index]?.join("\n"));
  // Mosquitto now and then passes a receive maximum; what comes after that is of no use.
  const passes = theirs.findIndex((lines) => lines.some((line) => line.endsWith(BEYOND_MAXIMUM)));
  const at = passes >= 0 && passes <= differs ? -1 : differs;
  return at < 0 ? undefined : tell(script, at, ours, theirs);
}

/** Leaves out every step that the difference does not need. */
export async function shortest(pair: Pair, script: Script): Promise<Script> {
  let steps = script.steps;
  for (let size = Math.ceil(steps.length / 2); size >= 1; size = size === 1 ? 0 : Math.ceil(size / 2)) {
    for (let at = 0; at < steps.length;) {
      const fewer = steps.toSpliced(at, size);
      if (await difference(pair, { ...script, steps: fewer }) === undefined) at += size;
      else steps = fewer;
    }
  }
  return { ...script, steps };
}

function tell(script: Script, at: number, ours: Transcript, theirs: Transcript): string {
  const lines = script.steps.slice(0, at + 1).map((step, index) => `${index}. ${describeStep(step)}`);
  const said = (transcript: Transcript) => transcript[at]?.map((line) => `  ${line}`) ?? [];
  return [...lines, `Step ${at} differs. Ours:`, ...said(ours), "Mosquitto:", ...said(theirs)].join("\n");
}

function describeStep(step: Step): string {
  return Deno.inspect(step, { breakLength: Infinity, compact: true, depth: 8 });
}
