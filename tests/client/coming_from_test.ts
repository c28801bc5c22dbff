/** The page for those who come from other clients: its examples run, and print what they say. @module */

import { assert, assertEquals } from "@std/assert";
import * as client from "../../client/mod.ts";
import { examplesIn, expectedOutput } from "../support/examples.ts";
import { repository, runProcess, startBrokerProcess } from "../support/process.ts";

const PAGE = await Deno.readTextFile(new URL("client/coming_from.md", repository));

for (const { language, code, line } of examplesIn(PAGE)) {
  if (language !== "ts") continue;
  Deno.test(`coming from other clients: the example in line ${line}`, async () => {
    await using broker = await startBrokerProcess();
    const program = code.replaceAll("1883", String(broker.port));
    const result = await runProcess(Deno.execPath(), ["run", "-A", "--check", "-"], { stdin: program });
    const expected = expectedOutput(code);
    assert(expected.length > 0, "the example must say what it prints");
    assertEquals(
      { code: result.code, lines: result.stdout.trimEnd().split("\n") },
      { code: 0, lines: expected },
      result.stderr,
    );
  });
}

Deno.test("coming from other clients: what the page names is there", () => {
  const functions = ["connect", "publish", "subscribe", "scram", "topicMatches", "reasonCodeName", "ReasonCode"];
  assertEquals(functions.filter((name) => PAGE.includes(name) && !(name in client)), []);
  const members = [...PAGE.matchAll(/`(?:await )?client\.(\w+)/g)].map((match) => match[1] ?? "");
  // What belongs to the other clients stands in the first column.
  const others = ["on", "handleMessage", "removeOutgoingMessage", "end", "subscribe"];
  assertEquals(members.filter((name) => !others.includes(name) && !(name in client.Client.prototype)), []);
});
