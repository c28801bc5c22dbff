/** What the entry for browsers holds, and what it weighs. @module */

import { assert, assertEquals } from "@std/assert";
import { bundle } from "../bundle.ts";
import { MAXIMUM_SIZE, sizeOf } from "./size.ts";

Deno.test("client: the entry for browsers needs no runtime but the Web's", async () => {
  const text = await bundle("client/browser.ts");
  const code = text.replace(/\/\*.*?\*\//gs, "").replace(/^\s*\/\/.*$/gm, "");
  assertEquals(code.match(/\bDeno\b|\bprocess\.|\brequire\(|"node:\w+"|^import\b|\bimport\(/gm), null);
});

Deno.test("client: the entry for browsers is small", async () => {
  const { compressed } = await sizeOf("client/browser.ts");
  assert(compressed <= MAXIMUM_SIZE, `${compressed} bytes after gzip, at most ${MAXIMUM_SIZE}`);
});
