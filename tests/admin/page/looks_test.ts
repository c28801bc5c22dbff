/** How the admin page looks and is used: phones, dark and light, keys, contrast. @module */

import { assert, assertEquals } from "@std/assert";
import type { Page } from "../../support/chromium.ts";
import { pageTest, Site } from "./site.ts";

const VIEWS = ["overview", "clients", "sessions", "subscriptions", "topics", "retained", "bridges", "log", "messages"];
const PHONE = { width: 360, height: 740, mobile: true };

/** A broker with something in each view. */
async function lively(): Promise<Site> {
  const site = await Site.start({ sysInterval: 0 });
  const client = await site.connect("a-client-with-a-rather-long-identifier-0123456789");
  await client.subscribe("home/+/temperature/of/a/topic/filter/that/is/long").ready;
  const topic = "home/kitchen/temperature/of/a/topic/that/is/long";
  site.broker.publish({ topic, payload: "21.5 ".repeat(50), retain: true });
  return site;
}

async function show(page: Page, view: string): Promise<void> {
  await page.evaluate(`location.hash = "#/${view}"`);
  await page.until(`document.querySelector("nav a[aria-current]").hash === "#/${view}"`);
  // The first answers of the broker.
  await page.until(
    "document.querySelector('.panel, tbody tr, .tree li, .log li, .empty:not([hidden])') !== null",
    view,
  );
}

pageTest("on a phone nothing is wider than the screen, and what is touched is large enough", async (browser) => {
  await using site = await lively();
  const page = await browser.open(site.url);
  await page.resize(PHONE);
  for (const view of VIEWS) {
    await show(page, view);
    assertEquals(await page.evaluate("document.documentElement.scrollWidth"), PHONE.width, view);
    // What lies over a whole row is as high as the row; links in a text need not be.
    const small = await page.evaluate<string[]>(`
      [...document.querySelectorAll("button, select, input:not([type=checkbox]), summary, nav a, [role=treeitem] > .row")]
        .filter((element) => element.checkVisibility())
        .map((element) => [element, (element.closest("tbody tr, .messages li") ?? element).getBoundingClientRect()])
        .filter(([, { height }]) => height < 44)
        .map(([element, { height }]) => element.outerHTML.slice(0, 80) + " " + height)`);
    assertEquals(small, [], view);
  }
  await page.click(".menu");
  await page.until("document.querySelector('nav').checkVisibility()", "the menu");
  await page.press("Escape");
  await page.until("!document.querySelector('nav').checkVisibility()", "the menu to be gone");
  await show(page, "clients");
  await page.click("tbody button");
  await page.untilText("State", "dialog");
  assertEquals(await page.evaluate("document.querySelector('dialog').getBoundingClientRect().width"), PHONE.width);
  assertEquals(page.errors, []);
});

pageTest("it is dark or light as the system wishes, until somebody switches", async (browser) => {
  await using site = await Site.start();
  const page = await browser.open(site.url);
  const brightness = "getComputedStyle(document.body).backgroundColor.match(/\\d+/g).map(Number)[0]";
  await page.prefer({ "prefers-color-scheme": "light" });
  assert(await page.evaluate<number>(brightness) > 200);
  await page.prefer({ "prefers-color-scheme": "dark" });
  assert(await page.evaluate<number>(brightness) < 50);
  await page.until("document.querySelector('.theme').getAttribute('aria-pressed') === 'true'", "a pressed switch");
  await page.click(".theme");
  assert(await page.evaluate<number>(brightness) > 200);
  assertEquals(await page.evaluate("document.querySelector('.theme').getAttribute('aria-pressed')"), "false");
  await page.reload();
  await page.until(`${brightness} > 200`, "what was chosen to stay");
  // To choose what the system wishes is to follow it again.
  await page.click(".theme");
  await page.prefer({ "prefers-color-scheme": "light" });
  assert(await page.evaluate<number>(brightness) > 200);
  assertEquals(page.errors, []);
});

pageTest("texts have enough contrast, dark and light", async (browser) => {
  await using site = await lively();
  const page = await browser.open(site.url);
  for (const scheme of ["light", "dark"]) {
    await page.prefer({ "prefers-color-scheme": scheme });
    const ratios = await page.evaluate<Record<string, number>>(`(() => {
      const luminance = (name) => {
        document.body.style.color = "var(" + name + ")";
        const [r, g, b] = getComputedStyle(document.body).color.match(/\\d+/g).map((value) => {
          const part = value / 255;
          return part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4;
        });
        return 0.2126 * r + 0.7152 * g + 0.0722 * b;
      };
      const pairs = ["text/page", "text/surface", "muted/page", "muted/surface", "muted/hover", "accent/surface",
        "accent/accent-soft", "accent-text/accent", "bad/surface", "bad/bad-soft", "good/good-soft", "out/surface"];
      return Object.fromEntries(pairs.map((pair) => {
        const [a, b] = pair.split("/").map((name) => luminance("--" + name)).sort((x, y) => y - x);
        return [pair, (a + 0.05) / (b + 0.05)];
      }));
    })()`);
    assertEquals(Object.entries(ratios).filter(([, ratio]) => !(ratio >= 4.5)), [], scheme);
  }
});

pageTest("it is used by keys alone, with the focus in sight", async (browser) => {
  await using site = await lively();
  const page = await browser.open(`${site.url}#/clients`);
  await page.untilText("a-client", "tbody");
  const active = (what: string) => page.evaluate<string>(`document.activeElement.${what}`);
  await page.press("Tab");
  assertEquals(await active("className"), "skip");
  await page.press("Enter");
  assertEquals(await active("tagName"), "H1");
  await page.press("Tab");
  assertEquals(await active("type"), "search");
  // The head of a column is a button that sorts.
  await page.press("Tab");
  await page.press("Enter");
  await page.until("document.querySelector('th').getAttribute('aria-sort') === 'descending'", "the other order");
  while (await page.evaluate("document.activeElement.closest('tbody') === null")) await page.press("Tab");
  const outline = "getComputedStyle(document.activeElement.closest('tr')).outlineStyle";
  assertEquals(await page.evaluate(outline), "solid");
  await page.press("Enter");
  await page.until("document.querySelector('dialog:modal') !== null", "the details");
  assertEquals(await active("id"), "sheet-title");
  await page.press("Escape");
  await page.until("document.querySelector('dialog') === null", "the details to be gone");
  // The focus goes back to where it was, also after the list was read anew.
  assertEquals(await page.evaluate("document.activeElement.closest('tbody') !== null"), true);
  await page.until("document.title.startsWith('Clients')");
  await page.evaluate("document.querySelector('nav a[href=\"#/log\"]').focus()");
  await page.press("Enter");
  await page.untilText("Log", "h1");
  assertEquals(await active("tagName"), "H1");
  assertEquals(page.errors, []);
});

pageTest("everything that can be used has a name, and nothing moves for those who do not want it", async (browser) => {
  await using site = await lively();
  const page = await browser.open(site.url);
  await page.prefer({ "prefers-reduced-motion": "reduce" });
  for (const view of VIEWS) {
    await show(page, view);
    const { nodes } = await page.call("Accessibility.getFullAXTree") as {
      nodes: { role?: { value: string }; name?: { value: string }; ignored: boolean; backendDOMNodeId: number }[];
    };
    const roles =
      /^(?:button|link|textbox|searchbox|combobox|checkbox|treeitem|table|dialog|img|navigation|tree|list)$/;
    const used = nodes.filter(({ role, ignored }) => !ignored && roles.test(role?.value ?? ""));
    assert(used.length > 10);
    const nameless = used.filter(({ role, name }) => !name?.value && !/^(?:list|navigation)$/.test(role?.value ?? ""));
    assertEquals(nameless.map(({ role }) => role?.value), [], view);
    assertEquals(await page.evaluate("document.querySelectorAll('h1').length"), 1);
    assertEquals(await page.evaluate("document.getAnimations().length"), 0);
  }
  await show(page, "clients");
  await page.click("tbody button");
  await page.until("document.querySelector('dialog:modal') !== null");
  assertEquals(await page.evaluate("document.getAnimations().length"), 0);
});
