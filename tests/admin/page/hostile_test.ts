/** What strangers can write into the admin page: text, and nothing else. @module */

import { assert, assertEquals } from "@std/assert";
import type { Page } from "../../support/chromium.ts";
import { pageTest, Site } from "./site.ts";

/** Markup that would act, a change of the writing direction, and characters that cannot be seen. */
const HOSTILE =
  `<img src=x onerror="window.hit=1"><script>window.hit=1</script>"'&lt;\u202Egpj.\u2066\u200B\u0007\u001B[31m\u0085`;
/** How it is to be seen. */
const VISIBLE =
  `<img src=x onerror="window.hit=1"><script>window.hit=1</script>"'&lt;U+202Egpj.U+2066U+200BU+0007U+001B[31mU+0085`;
/** The same without what MQTT does not allow in a text, or better not: controls. */
const TEXT = HOSTILE.replace(/\p{Cc}/gu, "");
const VISIBLE_TEXT = VISIBLE.replace("U+0007U+001B", "").replace("U+0085", "");
/** As a topic: no wildcards and slashes. */
const TOPIC = TEXT.replaceAll(/[#+/]/g, "");
const VISIBLE_TOPIC = VISIBLE_TEXT.replaceAll(/[#+/]/g, "").replaceAll(/U(?=202E|2066|200B)/g, "U+");

/** Waits until a text is there, with its own characters alone. */
function untilShown(page: Page, text: string, selector: string): Promise<void> {
  const found = `[...document.querySelectorAll(${JSON.stringify(selector)})]`;
  return page.until(`${found}.some((e) => e.textContent.includes(${JSON.stringify(text)}))`, `${selector}: ${text}`);
}

/** Nothing of it has become an element, has acted, or is in an attribute that acts. */
async function assertHarmless(page: Page): Promise<void> {
  assertEquals(await page.evaluate("window.hit ?? 0"), 0);
  assertEquals(await page.evaluate("document.querySelectorAll('img, body script, body style, iframe').length"), 0);
  assertEquals(
    await page.evaluate("[...document.querySelectorAll('a')].filter((a) => !/^#/.test(a.getAttribute('href'))).length"),
    0,
  );
  const raw = await page.evaluate<number>(
    "[...document.body.innerText.matchAll(/[\\u202E\\u2066\\u200B\\u0007\\u001B\\u0085]/g)].length",
  );
  assertEquals(raw, 0);
  assertEquals(page.errors, []);
}

pageTest("client identifiers, user names, filters and wills are shown as text", async (browser) => {
  await using site = await Site.start();
  const client = await site.connect(TEXT, {
    username: TEXT,
    will: { topic: TOPIC, payload: HOSTILE },
  });
  await client.subscribe(`${TOPIC}/#`).ready;
  const page = await browser.open(`${site.url}#/clients`);
  await untilShown(page, VISIBLE_TEXT, "tbody th");
  await untilShown(page, VISIBLE_TEXT, "tbody td");
  await page.click("tbody button");
  await untilShown(page, VISIBLE_TEXT, "dialog h2");
  await untilShown(page, VISIBLE_TOPIC, "dialog .lines");
  await untilShown(page, VISIBLE, "dialog dd");
  await page.click("dialog .danger");
  await untilShown(page, "[U+202E]", "dialog.question p");
  await assertHarmless(page);
  await page.click("dialog.question button[value=no]");
  for (const view of ["sessions", "subscriptions", "log"]) {
    await page.evaluate(`location.hash = "#/${view}"`);
    await untilShown(page, "<img src=x", "tbody, .log");
    await assertHarmless(page);
  }
});

pageTest("topics, payloads and properties are shown as text", async (browser) => {
  await using site = await Site.start({ sysInterval: 0 });
  const properties = { contentType: TEXT, responseTopic: TOPIC, userProperties: [[TEXT, TEXT]] as [string, string][] };
  site.broker.publish({ topic: `${TOPIC}/${TOPIC}`, payload: HOSTILE, retain: true, properties });
  const page = await browser.open(`${site.url}#/topics`);
  await untilShown(page, VISIBLE_TOPIC, ".tree .name");
  await page.click(".tree .twisty");
  await untilShown(page, VISIBLE, ".tree [role=group] .value");
  await assertHarmless(page);
  await page.click(".tree [role=group] .name");
  await untilShown(page, VISIBLE_TOPIC, ".detail h2");
  await untilShown(page, VISIBLE, ".detail .payload");
  await untilShown(page, VISIBLE_TEXT, ".detail dd");
  await assertHarmless(page);
  await page.evaluate(`location.hash = "#/retained"`);
  await untilShown(page, VISIBLE_TOPIC, "tbody th");
  await untilShown(page, VISIBLE, "tbody td");
  await page.click("tbody button");
  await untilShown(page, VISIBLE, "dialog .payload");
  await assertHarmless(page);
});

pageTest("messages that come over WebSocket are shown as text", async (browser) => {
  await using site = await Site.start();
  const page = await browser.open(`${site.url}#/messages?topic=${encodeURIComponent(TOPIC)}`);
  await page.type("#filter", `${TOPIC}/#`);
  await page.press("Enter");
  await untilShown(page, VISIBLE_TOPIC, ".chips");
  site.broker.publish({ topic: TOPIC, payload: HOSTILE });
  await untilShown(page, VISIBLE_TOPIC, ".messages .topic");
  await untilShown(page, VISIBLE, ".messages .value");
  await page.click(".messages button");
  await untilShown(page, VISIBLE, "dialog .payload");
  await assertHarmless(page);
});

pageTest("very long texts are cut, and do not make the page wider", async (browser) => {
  await using site = await Site.start({ sysInterval: 0 });
  const long = "x".repeat(60_000);
  await site.connect(long.slice(0, 20_000));
  site.broker.publish({ topic: long, payload: "y".repeat(300_000), retain: true });
  const page = await browser.open(`${site.url}#/clients`);
  for (const view of ["clients", "sessions", "retained", "topics", "log"]) {
    await page.evaluate(`location.hash = "#/${view}"`);
    await untilShown(page, "xxxxxxxx", "tbody, .tree, .log");
    assert(await page.evaluate<boolean>("document.documentElement.scrollWidth <= innerWidth"), view);
    assert(await page.evaluate<boolean>("document.body.textContent.length < 20_000"), view);
  }
  assertEquals(page.errors, []);
});
