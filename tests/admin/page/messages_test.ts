/** The admin page as an MQTT client. @module */

import { assertEquals } from "@std/assert";
import { CertificateAuthority, hasOpenssl, SERVER } from "../../support/certificates.ts";
import { pageTest, Site } from "./site.ts";

pageTest("it publishes and subscribes over WebSocket", async (browser) => {
  await using site = await Site.start();
  const other = await site.connect("other");
  const heard = other.subscribe("from/page", { qos: 1 });
  await heard.ready;
  const page = await browser.open(`${site.url}#/messages?topic=from%2Fpage`);
  assertEquals(await page.evaluate("document.querySelector('main').innerText.includes('Publish')"), true);
  await page.type("#filter", "to/+");
  await page.evaluate("document.querySelector('#subscribe-qos').value = '1'");
  await page.press("Enter");
  await page.untilText("to/+ QoS 1", ".chips");
  await other.publish("to/page", '{"answer":42}', { qos: 1, properties: { userProperties: [["unit", "none"]] } });
  await page.untilText("to/page", ".messages");
  await page.untilText('{"answer":42}', ".messages");
  await page.click(".messages button");
  await page.untilText('"answer": 42', "dialog");
  await page.untilText("unit = none", "dialog");
  await page.press("Escape");
  await page.type("#payload", "hello");
  await page.evaluate("document.querySelector('#publish-qos').value = '1'");
  await page.click("form:has(#payload) button.primary");
  await page.untilText("Published.");
  const { value } = await heard.next();
  assertEquals([value?.topic, value?.text(), value?.qos], ["from/page", "hello", 1]);
  // Whoever goes elsewhere and comes back finds all as it was.
  await page.click("nav a[href='#/overview']");
  await page.untilText("Overview", "h1");
  await page.click("nav a[href='#/messages']");
  await page.untilText("to/page", ".messages");
  await page.click(".chips button");
  await page.until("document.querySelectorAll('.chips li').length === 0", "no subscription");
  await page.click(".received .controls button:last-child");
  await page.until("document.querySelectorAll('.messages li').length === 0", "no message");
  assertEquals(page.errors, []);
});

pageTest("what the broker refuses is told", async (browser) => {
  await using site = await Site.start({
    authorizePublish: (_client, { topic }) => topic !== "secret",
    authorizeSubscribe: (_client, { filter }) => filter !== "secret",
  });
  const page = await browser.open(`${site.url}#/messages`);
  await page.type("#topic", "secret");
  await page.evaluate("document.querySelector('#publish-qos').value = '1'");
  await page.click("form:has(#payload) button.primary");
  await page.untilText("It was not published");
  await page.type("#filter", "secret");
  await page.click("form:has(#filter) button.primary");
  await page.untilText("The subscription failed");
  await page.type("#filter", "a/#/b");
  await page.click("form:has(#filter) button.primary");
  await page.untilText("it must have");
  assertEquals(await page.evaluate("document.querySelectorAll('.chips li').length"), 0);
  assertEquals(page.errors, []);
});

pageTest("it signs in as an MQTT user where the broker wants one", async (browser) => {
  await using site = await Site.start({
    authenticate: ({ username, password }) => username === "ann" && new TextDecoder().decode(password) === "secret",
  });
  const page = await browser.open(`${site.url}#/messages`);
  await page.type("#filter", "#");
  await page.press("Enter");
  await page.untilText("The subscription failed");
  await page.click(".credentials summary");
  await page.type("#username", "ann");
  await page.type("#password", "secret");
  await page.click("form:has(#filter) button.primary");
  await page.untilText("# QoS 0", ".chips");
  const storage = "JSON.stringify([sessionStorage, localStorage, document.cookie])";
  assertEquals(await page.evaluate(`${storage}.includes("secret")`), false);
  assertEquals(page.errors, []);
});

pageTest("a flood of messages leaves it usable, and the list short", async (browser) => {
  await using site = await Site.start();
  const other = await site.connect("other");
  const page = await browser.open(`${site.url}#/messages`);
  await page.type("#filter", "#");
  await page.press("Enter");
  await page.untilText("# QoS 0", ".chips");
  for (let i = 0; i < 20_000; i++) {
    await other.ready;
    void other.publish(`flood/${i % 100}`, `message ${i}`);
  }
  await other.publish("flood/end", "the last one", { qos: 1 });
  await page.untilText("the last one", ".messages");
  assertEquals(await page.evaluate("document.querySelectorAll('.messages li').length <= 200"), true);
  assertEquals(page.errors, []);
});

pageTest("it works over HTTPS, with its WebSocket", async (browser) => {
  await using authority = await CertificateAuthority.create();
  const tls = await authority.issue({ subject: "/CN=localhost", extensions: SERVER });
  await using site = await Site.start({ token: "a-token-that-is-long-enough", tls });
  const page = await browser.open("about:blank");
  // Chromium does not know the authority.
  await page.call("Security.setIgnoreCertificateErrors", { ignore: true });
  await page.goTo(`${site.url}#/messages`);
  await page.untilText("Admin token", "dialog");
  await page.type("#token", "a-token-that-is-long-enough");
  await page.press("Enter");
  await page.untilText("Live", ".state");
  await page.type("#filter", "a/#");
  await page.press("Enter");
  await page.untilText("a/# QoS 0", ".chips");
  site.broker.publish({ topic: "a/b", payload: "over TLS" });
  await page.untilText("over TLS", ".messages");
}, !hasOpenssl);
