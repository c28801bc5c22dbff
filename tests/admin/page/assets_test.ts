/** The admin page as it is published: what its sources give, and nothing else. @module */

import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { PAGE_ASSETS } from "../../../broker/admin/page_assets.ts";
import { sourceFiles } from "../../support/sources.ts";
import { repository } from "../../support/process.ts";
import { buildPage, committedModule, moduleText } from "./build.ts";

Deno.test("admin page: the published files are what the sources give", async () => {
  const isSame = await moduleText(await buildPage()) === await committedModule();
  assert(isSame, "broker/admin/page_assets.ts is older than its sources: run `deno task page` and commit it");
});

Deno.test("admin page: it needs nothing from elsewhere", () => {
  const page = PAGE_ASSETS.get("/")?.body ?? "";
  const links = [...page.matchAll(/(?:src|href)="([^"]*)"/g)].map((match) => match[1] ?? "");
  assertEquals(links.filter((link) => !PAGE_ASSETS.has(link)), []);
  const styles = PAGE_ASSETS.get("/app.css")?.body ?? "";
  assertEquals([...styles.matchAll(/url\("?([^")]*)/g)].filter((match) => !PAGE_ASSETS.has(match[1] ?? "")), []);
  assertEquals(styles.match(/@import|https?:(?!\/\/github\.com\/leeoniya\/uPlot)/g), null);
});

Deno.test("admin page: no markup is made of text, and no script or style stands in the page", async () => {
  for (const { body } of PAGE_ASSETS.values()) {
    const markup = /innerHTML|outerHTML|insertAdjacentHTML|document\.write|DOMParser|createContextualFragment/;
    assertEquals(body.match(markup), null);
  }
  assertEquals(PAGE_ASSETS.get("/")?.body.match(/<style|\bstyle=|\bon\w+=|<script(?! type="module" src=)/g), null);
  const sources = (await sourceFiles(["broker"])).filter((path) => path.startsWith("broker/admin/page/"));
  assert(sources.length > 20);
  for (const path of sources) {
    const source = await Deno.readTextFile(new URL(path, repository));
    assertEquals(source.match(/\beval\(|new Function\(|\bstyle:/g), null, path);
  }
});

Deno.test("admin page: the licence of what is bundled comes along", () => {
  for (const path of ["/app.js", "/app.css"]) {
    const body = PAGE_ASSETS.get(path)?.body ?? "";
    assertStringIncludes(body, "uPlot");
    assertStringIncludes(body, "Permission is hereby granted, free of charge");
  }
});
