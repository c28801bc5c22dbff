/**
 * Runs the tests and reports which statements of the standards they cover.
 *
 * Arguments are files, folders and options for `deno test`; without any, all tests run and the report is printed.
 *
 * @module
 */

import { countTests, parseJunit, type TestResult } from "./report/junit.ts";
import { countLine, coverageLines } from "./report/report.ts";
import { coverage, parseStatements, parseUntestable, unknownStatements } from "./report/statements.ts";
import { hasMosquitto } from "./support/mosquitto.ts";

const repository = new URL("../", import.meta.url);

/** The longest that all tests may take, in milliseconds: an endless loop has no other end. */
const LONGEST_RUN = 20 * 60_000;

/** A test that leaves a timer, a read or a socket behind fails: this found sockets that the broker never closed. */
const SANITIZERS = ["--sanitize-ops", "--sanitize-resources"];

/** Runs `deno test`, whose output goes straight through. */
async function runTests(args: string[]): Promise<{ code: number; results: TestResult[] }> {
  const folder = await Deno.makeTempDir({ prefix: "tests-" });
  // As the temporary folder of the system: programs that run as another user find their files there.
  await Deno.chmod(folder, 0o1777);
  const junit = `${folder}/junit.xml`;
  try {
    const { code } = await runGroup(["test", "-A", ...SANITIZERS, `--junit-path=${junit}`, ...args], folder);
    // There is no file if the tests did not even start, e.g. after a type error.
    const xml = await Deno.readTextFile(junit).catch(() => "");
    return { code, results: parseJunit(xml) };
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

/** Runs Deno and whatever it starts, and leaves nothing of that behind when it takes too long or is interrupted. */
async function runGroup(args: string[], folder: string): Promise<Deno.CommandStatus> {
  // What a killed test could not remove goes with the folder.
  const env = { TMPDIR: folder };
  const child = new Deno.Command(Deno.execPath(), { args, cwd: repository, env, detached: true }).spawn();
  // A detached process leads a group of its own, which a negative id stands for.
  const end = () => Deno.kill(-child.pid, "SIGKILL");
  const timer = setTimeout(() => {
    console.log(`The tests did not end within ${LONGEST_RUN / 60_000} minutes.`);
    end();
  }, LONGEST_RUN);
  Deno.addSignalListener("SIGINT", end);
  Deno.addSignalListener("SIGTERM", end);
  const status = await child.status;
  clearTimeout(timer);
  return status;
}

async function readTable(name: string): Promise<string> {
  return await Deno.readTextFile(new URL(name, import.meta.url));
}

/** Prints what the results cover; returns whether all that the names say is right. */
async function reportStatements(results: TestResult[]): Promise<boolean> {
  const statements = parseStatements(await readTable("statements.tsv"));
  const untestable = parseUntestable(await readTable("untestable.tsv"), statements);
  for (const line of coverageLines(coverage(statements, untestable, results))) console.log(line);
  const unknown = unknownStatements(statements, results);
  for (const name of unknown) console.log(`No such statement: "${name}"`);
  return unknown.length === 0;
}

const { code, results } = await runTests(Deno.args);
const isPart = Deno.args.length > 0 || results.length === 0;
const namesAreRight = isPart || await reportStatements(results);
const counts = countTests(results);
if (counts.skipped > 0 && !hasMosquitto) {
  console.log("Tests beside Mosquitto were skipped: install mosquitto and mosquitto-clients to run them.");
}
const succeeded = code === 0 && namesAreRight && results.length > 0;
// A file that fails outside its tests, or a wrong name, is a failure that no test counts.
const failed = succeeded ? 0 : Math.max(1, counts.failed);
console.log(countLine({ ...counts, failed }));
Deno.exit(succeeded ? 0 : 1);
