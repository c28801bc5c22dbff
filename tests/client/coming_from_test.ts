/** The page for those who come from other clients: its examples run, and print what they say. @module */

import { assertEquals } from "@std/assert";
import * as client from "../../client/mod.ts";
import { checkExample, examplesIn } from "../support/examples.ts";
import { repository, startBrokerProcess } from "../support/process.ts";

const PAGE = await Deno.readTextFile(new URL("client/coming_from.md", repository));

for (const { language, code, line } of examplesIn(PAGE)) {
  if (language !== "ts") continue;
  Deno.test(`coming from other clients: the example in line ${line}`, async () => {
    await using broker = await startBrokerProcess();
    await checkExample(code, broker.port);
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
