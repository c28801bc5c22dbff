/**
 * The examples in the doc comments: their types fit, and each runs to its end, beside a broker on the port that it
 * names, and prints what it says.
 *
 * @module
 */

import { assertEquals } from "@std/assert";
import { docExamplesIn, expectedOutput, runExample } from "./support/examples.ts";
import { repository, runProcess, startBrokerProcess } from "./support/process.ts";
import { sourceFiles } from "./support/sources.ts";

const sources = new Map<string, string>();
for (const path of ["mod.ts", ...await sourceFiles(["codec", "engine", "broker", "client"])]) {
  sources.set(path, await Deno.readTextFile(new URL(path, repository)));
}

Deno.test("docs: the types in the examples fit", async () => {
  // Deno gives examples in JavaScript, those for pages, imports of types. All at once takes a tenth of the time.
  const paths = [...sources.keys()].filter((path) => !/^ \* ```js$/m.test(sources.get(path) ?? ""));
  const { code, stderr } = await runProcess(Deno.execPath(), ["check", "--quiet", "--doc-only", ...paths], {
    milliseconds: 180_000,
  });
  assertEquals(code, 0, stderr);
});

for (const [path, source] of sources) {
  const examples = docExamplesIn(source).filter(({ language }) => language === "ts");
  if (examples.length === 0) continue;
  Deno.test(`docs: the examples in ${path}`, async () => {
    await using broker = await startBrokerProcess();
    for (const { code, line } of examples) {
      const result = await runExample(code.replaceAll("1883", String(broker.port)), ["--no-check"]);
      assertEquals(result.code, 0, `line ${line}: ${result.stderr}`);
      // What happens after the last one, such as an event, may print more.
      const expected = expectedOutput(code);
      assertEquals(result.stdout.split("\n").slice(0, expected.length), expected, `line ${line}`);
    }
  });
}

/** What is of interest of the output of `deno doc --json`. */
interface Documentation {
  readonly nodes: Record<string, { readonly symbols: readonly DocumentedSymbol[] }>;
}

interface DocumentedSymbol {
  readonly name: string;
  readonly declarations: readonly {
    readonly kind: string;
    readonly jsDoc?: { readonly tags?: readonly { readonly kind: string }[] };
  }[];
}

Deno.test("docs: every public symbol of the client has an example", async () => {
  const entries = ["client/mod.ts", "client/browser.ts", "client/node.ts"];
  const { stdout } = await runProcess(Deno.execPath(), ["doc", "--json", ...entries]);
  const { nodes }: Documentation = JSON.parse(stdout);
  const without = Object.values(nodes).flatMap(({ symbols }) => symbols).filter(({ declarations }) =>
    declarations.some(({ kind }) => kind !== "reference") &&
    !declarations.some(({ jsDoc }) => jsDoc?.tags?.some(({ kind }) => kind === "example"))
  );
  assertEquals(without.map(({ name }) => name), []);
});
