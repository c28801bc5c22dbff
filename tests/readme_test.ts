/** Each command and each example of the README does what it says. @module */

import { assertArrayIncludes, assertEquals } from "@std/assert";
import { checkExample, examplesIn } from "./support/examples.ts";
import { hasMosquitto } from "./support/mosquitto.ts";
import { repository, RunningProcess, runProcess, startBrokerProcess } from "./support/process.ts";

const README = await Deno.readTextFile(new URL("README.md", repository));
const EXAMPLES = examplesIn(README);
const TASKS: Record<string, unknown> = JSON.parse(await Deno.readTextFile(new URL("deno.json", repository))).tasks;

/** The command with this Deno, whether it asks for the installed one or the one from npm. */
function withThisDeno(command: string): string[] {
  return command.replace(/^npx -y deno@\S+|^deno/, Deno.execPath()).split(" ");
}

function shell(command: string): Promise<{ code: number; stdout: string; stderr: string }> {
  return runProcess("sh", ["-c", command]);
}

for (const page of ["README.md", "broker/gateways.md"]) {
  for (const { language, code, line } of examplesIn(await Deno.readTextFile(new URL(page, repository)))) {
    if (language !== "ts") continue;
    Deno.test(`readme: the example in line ${line} of ${page}`, async () => {
      await using broker = await startBrokerProcess();
      await checkExample(code, broker.port);
    });
  }
}

const COMMANDS = EXAMPLES.filter(({ language }) => language === "sh").flatMap(({ code }) => code.trimEnd().split("\n"));

for (const command of COMMANDS.filter((it) => it.includes("broker"))) {
  Deno.test(`readme: ${command}`, async () => {
    const [program = "", ...args] = withThisDeno(command.replace("1883", "0"));
    await using process = new RunningProcess(program, args);
    await process.waitForLine(/ listen socket on port \d+\.$/);
    const { code } = await process.stop("SIGINT");
    // The task's shell reports the signal that it got as well.
    assertArrayIncludes([0, 130], [code]);
  });
}

Deno.test({
  name: "readme: mosquitto_pub and mosquitto_sub",
  ignore: !hasMosquitto,
  async fn() {
    await using broker = await startBrokerProcess();
    const commands = COMMANDS.filter((it) => it.startsWith("mosquitto_"));
    let output = "";
    for (const command of commands) {
      const { code, stdout } = await shell(command.replace("1883", String(broker.port)));
      assertEquals(code, 0, command);
      output += stdout;
    }
    assertEquals(output, EXAMPLES.find(({ language }) => language === "text")?.code);
  },
});

Deno.test("readme: the other commands are tasks that exist", () => {
  const others = COMMANDS.filter((it) => !it.includes("broker") && !it.startsWith("mosquitto_"));
  const tasks = others.map((command) => command.match(/^(?:deno|npx -y deno@[\d.]+) task (\w+)$/)?.[1] ?? command);
  assertEquals(tasks, ["test", "check", "bench", "test", "check", "bench"]);
  assertArrayIncludes(Object.keys(TASKS), tasks);
});

Deno.test("readme: one version of Deno, the one that CI runs", async () => {
  const ci = await Deno.readTextFile(new URL(".ci/run", repository));
  const [, version = ""] = ci.match(/deno_version=(\S+)/) ?? [];
  assertEquals([...new Set([...README.matchAll(/deno@([\d.]+)/g)].map((match) => match[1]))], [version]);
});
