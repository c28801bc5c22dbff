/** The topic tree of the admin page: values as they come, keys, retained messages. @module */

import { assertEquals } from "@std/assert";
import type { Page } from "../../support/chromium.ts";
import { pageTest, Site } from "./site.ts";

/** The name of the item that has the focus. */
function focused(page: Page): Promise<string> {
  return page.evaluate("document.activeElement.querySelector('.name')?.innerText ?? document.activeElement.tagName");
}

pageTest("the topic tree shows last values, live, retained or not", async (browser) => {
  await using site = await Site.start({ sysInterval: 0 });
  site.broker.publish({ topic: "home/kitchen/light", payload: "on", retain: true });
  const page = await browser.open(`${site.url}#/topics`);
  await page.untilText("home", ".tree");
  // Until the broker records, values that are not retained pass by unseen.
  const pulse = setInterval(() => site.broker.publish({ topic: "plant/speed", payload: "1200" }), 50);
  try {
    await page.untilText("plant", ".tree");
  } finally {
    clearInterval(pulse);
  }
  await page.click(".tree > li:nth-child(2) .twisty");
  await page.untilText("speed", ".tree");
  await page.untilText("1200", ".tree");
  await page.click(".tree [role=group] .name");
  await page.untilText("plant/speed", ".detail");
  await page.untilText("Last message", ".detail");
  await page.type(".controls input", "home/kitchen/li");
  await page.untilText("light", ".tree");
  await page.click(".tree > li .name");
  await page.untilText("Retained message", ".detail");
  await page.untilText("on", ".detail .payload");
  await page.click(".detail .danger");
  await page.click("dialog.question button[value=yes]");
  await page.untilText("The retained message was deleted");
  await page.type(".controls input", "nowhere/");
  await page.untilText("No topic matches", ".tree-box");
  assertEquals(site.broker.counts().retained, 0);
  assertEquals(page.errors, []);
});

pageTest("the topic tree is walked by keys", async (browser) => {
  await using site = await Site.start({ sysInterval: 0 });
  for (const topic of ["a/x/1", "a/y", "b", "c/z"]) site.broker.publish({ topic, payload: topic, retain: true });
  const page = await browser.open(`${site.url}#/topics`);
  await page.until("document.querySelectorAll('.tree [role=treeitem]').length === 3", "three items");
  await page.evaluate("document.querySelector('.controls input').focus()");
  await page.press("Tab");
  assertEquals(await focused(page), "a");
  await page.press("ArrowRight");
  await page.until("document.querySelectorAll('.tree [role=treeitem]').length === 5", "two items more");
  const seen: string[] = [];
  for (const key of ["ArrowRight", "ArrowDown", "ArrowDown", "ArrowUp", "ArrowLeft", "End", "Home"]) {
    await page.press(key);
    seen.push(await focused(page));
  }
  assertEquals(seen, ["x", "y", "b", "y", "a", "c", "a"]);
  assertEquals(await page.evaluate("document.activeElement.getAttribute('aria-expanded')"), "true");
  await page.press("ArrowLeft");
  assertEquals(await page.evaluate("document.querySelectorAll('.tree [role=treeitem]').length"), 3);
  // One stop of the tabulator for the whole tree.
  assertEquals(await page.evaluate("document.querySelectorAll('.tree [tabindex=\"0\"]').length"), 1);
  await page.press("ArrowDown");
  await page.press("Enter");
  await page.untilText("Retained message", ".detail");
  assertEquals(await focused(page), "H2");
  await page.press("Escape");
  await page.until("document.querySelector('.detail').hidden", "the details to be gone");
  assertEquals(await focused(page), "b");
  assertEquals(page.errors, []);
});
