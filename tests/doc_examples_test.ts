/**
 * Each example in the doc comments runs to its end, beside a broker on the port that it names. The engine has no public
 * entry of its own, so that its examples are for those who work on this project.
 *
 * @module
 */

import { assertEquals } from "@std/assert";
import { docExamplesIn } from "./support/examples.ts";
import { repository, runProcess, startBrokerProcess } from "./support/process.ts";
import { sourceFiles } from "./support/sources.ts";

for (const path of ["mod.ts", ...await sourceFiles(["codec", "engine", "broker", "client"])]) {
  const source = await Deno.readTextFile(new URL(path, repository));
  const examples = docExamplesIn(source).filter(({ language }) => language === "ts");
  if (examples.length === 0) continue;
  Deno.test(`docs: the examples in ${path}`, async () => {
    await using broker = await startBrokerProcess();
    for (const { code, line } of examples) {
      const stdin = code.replaceAll("1883", String(broker.port)).replaceAll('"@x/mqtt/engine"', '"./engine/mod.ts"');
      const result = await runProcess(Deno.execPath(), ["run", "-A", "--check", "-"], { stdin });
      assertEquals(result.code, 0, `line ${line}: ${result.stderr}`);
    }
  });
}
