/** The admin page without its broker: it says so, and comes back. @module */

import { assertEquals } from "@std/assert";
import { pageTest, Site } from "./site.ts";

pageTest("it survives a restart of the broker", async (browser) => {
  let site = await Site.start();
  try {
    await site.connect("before");
    const page = await browser.open(`${site.url}#/clients`);
    await page.untilText("before", "tbody");
    await page.evaluate("location.hash = '#/messages'");
    await page.type("#filter", "after/#");
    await page.press("Enter");
    await page.untilText("after/# QoS 0", ".chips");
    await page.evaluate("location.hash = '#/clients'");
    const { port } = site;
    await site[Symbol.asyncDispose]();
    await page.untilText("Connection lost", ".banner");
    await page.untilText("Lost", ".state");
    site = await Site.start({ port });
    await page.untilText("Live", ".state");
    await site.connect("after");
    await page.until("document.querySelector('.banner').hidden", "the banner to go");
    await page.untilText("after", "tbody");
    await page.evaluate("location.hash = '#/messages'");
    await page.until("document.querySelectorAll('.chips li').length === 1", "its subscription");
    // The client of the page subscribes again when it is back.
    const pulse = setInterval(() => site.broker.publish({ topic: "after/all", payload: "hello again" }), 50);
    try {
      await page.untilText("hello again", ".messages");
    } finally {
      clearInterval(pulse);
    }
  } finally {
    await site[Symbol.asyncDispose]();
  }
});

pageTest("it asks for the token, once, and keeps it as long as the tab is open", async (browser) => {
  const token = "a-token-that-is-long-enough";
  await using site = await Site.start({ token });
  await site.connect("inside");
  const page = await browser.open(`${site.url}#/clients`);
  await page.untilText("Admin token", "dialog");
  assertEquals(await page.evaluate("document.querySelectorAll('dialog').length"), 1);
  await page.press("Escape");
  await page.press("Escape");
  await page.until("document.querySelectorAll('dialog:modal').length === 1", "the question to stay");
  await page.type("#token", "a-token-that-is-wrong");
  await page.press("Enter");
  await page.untilText("was not accepted", "dialog");
  await page.type("#token", token);
  await page.press("Enter");
  await page.untilText("inside", "tbody");
  await page.untilText("Live", ".state");
  await page.reload();
  await page.untilText("inside", "tbody");
  assertEquals(await page.evaluate("document.querySelectorAll('dialog').length"), 0);
  assertEquals(await page.evaluate("Object.values(localStorage).length"), 0);
  // A WebSocket cannot show it: the page gets a ticket for each.
  await page.evaluate("location.hash = '#/messages'");
  await page.type("#filter", "#");
  await page.press("Enter");
  await page.untilText("# QoS 0", ".chips");
});

pageTest("when the token is another one, it asks for that, and goes on", async (browser) => {
  const [token, other] = ["a-token-that-is-long-enough", "another-token-that-is-long"];
  await using site = await Site.start({ token });
  const page = await browser.open(`${site.url}#/clients`);
  await page.untilText("Admin token", "dialog");
  await page.type("#token", token);
  await page.press("Enter");
  await page.untilText("Live", ".state");
  site.replaceToken(other);
  await page.untilText("was not accepted", "dialog");
  await page.type("#token", other);
  await page.press("Enter");
  await site.connect("inside");
  await page.untilText("inside", "tbody");
  await page.untilText("Live", ".state");
  assertEquals(await page.evaluate("document.querySelectorAll('dialog').length"), 0);
});
