/** Each view of the admin page, in a real browser. @module */

import { assertEquals } from "@std/assert";
import type { BridgeStatus } from "../../../broker/mod.ts";
import { until } from "../../support/bounded.ts";
import { pageTest, Site } from "./site.ts";

pageTest("the overview shows what flows and what is held", async (browser) => {
  await using site = await Site.start();
  const client = await site.connect("gateway");
  await client.subscribe("home/#").ready;
  site.broker.publish({ topic: "home/hint", payload: "under the mat", retain: true });
  const page = await browser.open(site.url);
  await page.untilText("Live", ".state");
  await page.until("document.querySelectorAll('.card canvas').length === 6", "six charts");
  await page.untilText("Retained messages", ".panels");
  await page.untilText("127.0.0.1:", ".panels");
  await page.until(
    "document.querySelector('nav a[href=\"#/clients\"] .count').innerText === '1'",
    "the number of clients",
  );
  // Something flows as long as the page looks.
  const pulse = setInterval(() => site.broker.publish({ topic: "home/pulse", payload: "x" }), 20);
  try {
    const out = "document.querySelector('.card .value.out b').innerText";
    await page.until(`Number(${out}) > 0`, "messages out");
  } finally {
    clearInterval(pulse);
  }
  // What is pointed at is told in numbers.
  const { x, y } = await page.evaluate<{ x: number; y: number }>(
    "(({ right, top }) => ({ x: right - 30, y: top + 40 }))(document.querySelector('.chart').getBoundingClientRect())",
  );
  await page.call("Input.dispatchMouseEvent", { type: "mouseMoved", x, y });
  await page.untilText("At ", ".card .note");
  await page.call("Input.dispatchMouseEvent", { type: "mouseMoved", x, y: 5 });
  await page.untilText("In by QoS", ".card .note");
  await page.click(".spans button:first-child");
  assertEquals(await page.evaluate("document.querySelector('.spans [aria-pressed=true]').innerText"), "1 min");
  assertEquals(page.errors, []);
});

pageTest("clients are found, looked at and disconnected", async (browser) => {
  await using site = await Site.start();
  for (const name of ["lamp-1", "lamp-2", "sensor-1"]) {
    const client = await site.connect(name, { will: { topic: `${name}/state`, payload: "lost" } });
    await client.subscribe(`${name}/set`, { qos: 1 }).ready;
  }
  const page = await browser.open(`${site.url}#/clients`);
  await page.until("document.querySelectorAll('tbody tr').length === 3", "three clients");
  await page.type("input[type=search]", "LAMP");
  await page.until("document.querySelectorAll('tbody tr').length === 2", "two lamps");
  await page.click("thead th:first-child button");
  await page.untilText("lamp-2", "tbody tr:first-child");
  await page.click("tbody tr:first-child button");
  await page.untilText("lamp-2/set", "dialog");
  await page.untilText("lamp-2/state", "dialog");
  await page.click("dialog .danger");
  await page.click("dialog.question button[value=no]");
  await page.until("document.querySelector('dialog.question') === null", "the question to be gone");
  assertEquals(site.broker.counts().connections, 3);
  await page.click("dialog .danger");
  await page.click("dialog.question button[value=yes]");
  await page.untilText("lamp-2 was disconnected");
  await page.until("document.querySelectorAll('tbody tr').length === 1", "one lamp");
  await until(() => site.broker.counts().connections === 2, "the client to be gone");
  await page.type("input[type=search]", "nobody");
  await page.untilText("Nothing matches");
  assertEquals(page.errors, []);
});

pageTest("sessions of clients that are away are shown and ended", async (browser) => {
  await using site = await Site.start();
  const away = await site.connect("tablet", { sessionExpiryInterval: 3_600, cleanStart: false });
  await away.subscribe("news/#", { qos: 1 }).ready;
  await away.close();
  await site.connect("phone");
  site.broker.publish({ topic: "news/today", payload: "sun", qos: 1 });
  const page = await browser.open(`${site.url}#/sessions`);
  await page.until("document.querySelectorAll('tbody tr').length === 2", "two sessions");
  await page.evaluate(
    "(s => { s.value = 'away'; s.dispatchEvent(new Event('change')); })(document.querySelector('select'))",
  );
  await page.until("document.querySelectorAll('tbody tr').length === 1", "one that is away");
  await page.untilText("tablet", "tbody");
  await page.click("tbody button");
  await page.untilText("news/#", "dialog");
  await page.click("dialog .danger");
  await page.click("dialog.question button[value=yes]");
  await page.untilText("The session of tablet has ended");
  await until(() => site.broker.counts().sessions === 1, "the session to be gone");
  assertEquals(page.errors, []);
});

pageTest("subscriptions are found by filter, by client and by topic", async (browser) => {
  await using site = await Site.start();
  const one = await site.connect("one");
  await one.subscribe(["home/+/light", "$share/workers/jobs"], { qos: 2 }).ready;
  const two = await site.connect("two");
  await two.subscribe("garden/#").ready;
  const page = await browser.open(`${site.url}#/subscriptions`);
  await page.until("document.querySelectorAll('tbody tr').length === 3", "three subscriptions");
  await page.untilText("workers", "tbody");
  await page.type("input[type=search]", "garden");
  await page.until("document.querySelectorAll('tbody tr').length === 1", "one with that filter");
  await page.evaluate("location.hash = '#/subscriptions?client=one'");
  await page.until("document.querySelectorAll('tbody tr').length === 2", "two of one client");
  await page.evaluate("location.hash = '#/subscriptions?topic=garden%2Fgate'");
  await page.untilText("garden/gate", ".scope");
  await page.until("document.querySelectorAll('tbody tr').length === 1", "one that gets it");
  await page.untilText("garden/#", "tbody");
  assertEquals(page.errors, []);
});

pageTest("retained messages are shown as what they are, and deleted", async (browser) => {
  await using site = await Site.start({ sysInterval: 0 });
  site.broker.publish({
    topic: "a/json",
    payload: '{"on":true}',
    retain: true,
    properties: { contentType: "application/json" },
  });
  site.broker.publish({ topic: "a/bytes", payload: new Uint8Array([0xff, 0x00, 0x41]), retain: true });
  const page = await browser.open(`${site.url}#/retained`);
  await page.until("document.querySelectorAll('tbody tr').length === 2", "two messages");
  await page.untilText("3 B, no text", "tbody");
  await page.click("tbody tr:nth-child(2) button");
  await page.untilText('"on": true', "dialog .payload");
  await page.untilText("application/json", "dialog");
  await page.click("dialog .segments button:last-child");
  await page.untilText("7b 22 6f 6e", "dialog .payload");
  await page.click("dialog .danger");
  await page.click("dialog.question button[value=yes]");
  await page.untilText("The retained message was deleted");
  await page.press("Escape");
  await page.until("document.querySelectorAll('tbody tr').length === 1", "one message");
  assertEquals(site.broker.counts().retained, 1);
  assertEquals(page.errors, []);
});

pageTest("bridges are shown with their backlog, and what is wrong with them", async (browser) => {
  const bridge: BridgeStatus = {
    name: "to-cloud",
    state: "waiting",
    address: "mqtts://cloud.example:8883",
    since: Date.now() - 120_000,
    lastError: "Connection refused",
    queuedMessages: 1_022,
    queuedBytes: 102_200,
    forwarded: 7,
    received: 3,
    dropped: 4,
    connects: 1,
  };
  await using site = await Site.start();
  Object.defineProperty(site.broker, "bridges", { value: [bridge] });
  const page = await browser.open(`${site.url}#/bridges`);
  for (const text of ["to-cloud", "waiting", "Connection refused", "1,022 (102 KB)", "2 min"]) {
    await page.untilText(text, ".panel");
  }
  await using other = await Site.start();
  await page.goTo(`${other.url}#/bridges`);
  await page.untilText("This broker has no bridges");
  assertEquals(page.errors, []);
});

pageTest("the log is followed, searched and paused", async (browser) => {
  await using site = await Site.start();
  site.log.write("notice", "before the page came");
  const page = await browser.open(`${site.url}#/log`);
  await page.untilText("before the page came", ".log");
  site.log.write("warning", "a warning comes");
  await page.untilText("a warning comes", ".log");
  await page.evaluate(
    "(s => { s.value = 'mattering'; s.dispatchEvent(new Event('change')); })(document.querySelector('select'))",
  );
  assertEquals(await page.evaluate("document.querySelectorAll('.log li').length"), 1);
  await page.click(".controls button");
  site.log.write("error", "while paused");
  site.log.write("error", "a second one");
  await page.until("document.querySelector('.controls button').getAttribute('aria-pressed') === 'true'", "pause");
  await page.click(".controls button");
  await page.untilText("a second one", ".log");
  await page.type("input[type=search]", "PAUSED");
  await page.until("document.querySelectorAll('.log li').length === 1", "one line");
  assertEquals(page.errors, []);
});

pageTest("how long something lasts goes by the broker's clock, whatever that of the browser says", async (browser) => {
  await using site = await Site.start();
  await site.connect("ann");
  const page = await browser.open(`${site.url}#/log`);
  await page.untilText("Live", ".state");
  await page.evaluate("{ const now = Date.now.bind(Date); Date.now = () => now() + 86_400_000; }");
  await page.evaluate("location.hash = '#/clients'");
  await page.untilText("< 1 min", "tbody");
  await page.click("tbody button");
  await page.untilText("just now", "dialog");
});
