/** The same command lines through Mosquitto's tools and through ours: output, errors and exit codes. @module */

import { assertEquals, AssertionError } from "@std/assert";
import { run } from "../../client/cli/main.ts";
import type { Terminal } from "../../client/cli/terminal.ts";
import { VERSION } from "../../client/cli/version.ts";
import { startBroker } from "../support/broker.ts";
import { hasMosquitto, startMosquitto } from "../support/mosquitto.ts";
import { freePort } from "../support/ports.ts";
import { type ProcessResult, runProcess } from "../support/process.ts";
import { type Case, CASES, DIFFERENCES } from "./cli_cases.ts";

const HOST = "127.0.0.1";
const TOOLS: Readonly<Record<string, string>> = { pub: "mosquitto_pub", sub: "mosquitto_sub", request: "mosquitto_rr" };
/** Cases at once. */
const LANES = 12;
/** Milliseconds that a command line may take. */
const WATCHDOG = 15_000;

/** Ports of the servers that the cases know. */
interface Ports {
  readonly open: number;
  readonly refusing: number;
  readonly absent: number;
}

/** A terminal that keeps what is written. */
class CapturedTerminal implements Terminal {
  readonly isInteractive = false;
  readonly input: ReadableStream<Uint8Array>;
  readonly #stdout: Uint8Array<ArrayBuffer>[] = [];
  stderr = "";

  constructor(stdin: string) {
    this.input = new Blob([stdin]).stream();
  }

  get stdout(): Promise<string> {
    return new Blob(this.#stdout).text();
  }

  write(data: string | Uint8Array): void {
    this.#stdout.push(typeof data === "string" ? new TextEncoder().encode(data) : new Uint8Array(data));
  }

  flush(): void {}

  error(line: string): void {
    this.stderr += `${line}\n`;
  }

  status(text: string): void {
    this.stderr += text;
  }
}

async function ours([command = "", ...args]: readonly string[], stdin: string): Promise<ProcessResult> {
  const terminal = new CapturedTerminal(stdin);
  const line = `${command} ${args.join(" ")}`;
  const hanging = Promise.withResolvers<never>();
  const error = new AssertionError(`Expected ${line} to end within ${WATCHDOG} ms`);
  const timer = setTimeout(() => hanging.reject(error), WATCHDOG);
  try {
    const code = await Promise.race([run([command, ...args], terminal), hanging.promise]);
    return { code, stdout: await terminal.stdout, stderr: terminal.stderr };
  } finally {
    clearTimeout(timer);
  }
}

async function theirs([command = "", ...args]: readonly string[], stdin: string): Promise<ProcessResult> {
  return await runProcess(TOOLS[command] ?? command, args, { stdin, milliseconds: WATCHDOG });
}

/** What a command line has led to. */
interface Outcome {
  readonly line: string;
  readonly code: number;
  readonly stdout: string;
  readonly stderr: readonly string[];
}

type Tool = (line: readonly string[], stdin: string) => Promise<ProcessResult>;

async function results(
  { lines, stdin = "", server = "open", ignoreStdout }: Case,
  tool: Tool,
  ports: Ports,
  mark: string,
): Promise<Outcome[]> {
  const found: Outcome[] = [];
  for (const line of lines) {
    const { code, stdout, stderr } = await tool(argumentsFor(line, ports[server], mark), stdin);
    found.push({
      line: line.join(" "),
      code,
      stdout: ignoreStdout ? "" : normalized(stdout, mark),
      stderr: normalized(stderr, mark).split("\n").filter((text) => text !== "" && !text.startsWith("Use '")),
    });
  }
  return found;
}

function argumentsFor([command = "", ...args]: readonly string[], port: number, mark: string): string[] {
  const marked = args.map((argument) =>
    argument.replace(/(?<=^|\/)P\//g, `${mark}/`).replace("HOST:PORT", `${HOST}:${port}`)
  );
  const isComplete = args.some((argument, index) =>
    args[index - 1] === "-L" || /^-[hp]$|^--(host|port)$/.test(argument)
  );
  return isComplete ? [command, ...marked] : [command, "-h", HOST, "-p", String(port), ...marked];
}

/** Leaves out what differs from run to run. */
function normalized(text: string, mark: string): string {
  return text.replaceAll(mark, "P")
    .replace(/^Client (\(null\)|auto-\S+|mosq\S+|mqtt0\S+) /gm, "Client ID ")
    .replace(/^Client prefix-\d+ /gm, "Client prefix-PID ")
    .replace(/"tst":(\t?)"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z[+-]\d{4}"/g, '"tst":$1"TIME"');
}

async function compareAll(ports: Ports): Promise<void> {
  const differences: string[] = [];
  const remaining = CASES.map((each, index) => ({ each, index }));
  const lane = async () => {
    for (let next = remaining.shift(); next !== undefined; next = remaining.shift()) {
      const { each, index } = next;
      const number = String(index).padStart(3, "0");
      try {
        const expected = await results(each, theirs, ports, `${number}t`);
        const actual = await results(each, ours, ports, `${number}o`);
        assertEquals(actual, expected, each.name);
      } catch (error) {
        differences.push(String(error));
      }
    }
  };
  await Promise.all(Array.from({ length: LANES }, lane));
  if (differences.length > 0) throw new AssertionError(`${differences.length} differences\n${differences.join("\n")}`);
}

Deno.test({
  name: "cli: the same as Mosquitto's tools at Mosquitto",
  ignore: !hasMosquitto,
  async fn() {
    await using broker = await startMosquitto();
    await using refusing = await startMosquitto(["allow_anonymous false"]);
    await compareAll({ open: broker.port, refusing: refusing.port, absent: freePort() });
  },
});

Deno.test({
  name: "cli: the same as Mosquitto's tools at our broker",
  ignore: !hasMosquitto,
  async fn() {
    await using running = await startBroker();
    await using refusing = await startBroker({ authenticate: () => ({ reasonCode: 0x87 }) });
    await compareAll({ open: running.port, refusing: refusing.port, absent: freePort() });
  },
});

Deno.test("cli: differences from Mosquitto's tools", async () => {
  await using running = await startBroker();
  const ports = { open: running.port, refusing: 0, absent: 0 };
  for (const [index, { case: each, last }] of DIFFERENCES.entries()) {
    const { line: _line, ...found } = (await results(each, ours, ports, `${index}d`)).at(-1) ?? {};
    assertEquals(found, last, each.name);
  }
});

Deno.test("cli: the version is that of deno.json", async () => {
  const { version } = JSON.parse(await Deno.readTextFile(new URL("../../deno.json", import.meta.url)));
  assertEquals(VERSION, version);
});
