/** The configuration files in the documentation are right as they stand. */

import { assertEquals } from "@std/assert";
import { examplesIn } from "../support/examples.ts";
import { repository } from "../support/process.ts";
import { parse } from "./sources.ts";

for (const page of ["README.md", "broker/gateways.md", "broker/admin/README.md"]) {
  Deno.test(`broker config: the files in ${page} are right`, async () => {
    const text = await Deno.readTextFile(new URL(page, repository));
    const files = examplesIn(text).filter(({ language }) => language === "conf");
    assertEquals(files.flatMap(({ code }) => parse(code).warnings), []);
    const hosts = files.flatMap(({ code }) => parse(code).admin?.hosts ?? []);
    assertEquals(hosts, page === "broker/admin/README.md" ? ["broker.example.org"] : []);
  });
}
