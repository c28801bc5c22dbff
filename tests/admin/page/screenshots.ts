/**
 * Takes the pictures of the admin page for the README: `deno task screenshots`.
 *
 * @module
 */

import { Broker, listen, listenAdmin } from "../../../broker/mod.ts";
import { LogBuffer } from "../../../broker/admin/mod.ts";
import { SqliteStore } from "../../../broker/sqlite_store.ts";
import { Chromium, type Page } from "../../support/chromium.ts";
import { repository } from "../../support/process.ts";
import { SampleLife } from "./sample_life.ts";

const FOLDER = new URL("broker/admin/screenshots/", repository);
/** The most that a picture may weigh, in bytes. */
const MAXIMUM_SIZE = 150_000;
/** Milliseconds that the plant runs before the pictures are taken: the charts show one minute. */
const LEAD = 64_000;
const DESKTOP = { width: 1_280, height: 840 };
const PHONE = { width: 390, height: 780, scale: 1.5, mobile: true };

async function takePictures(url: string): Promise<void> {
  await using browser = await Chromium.start();
  const page = await browser.open(url);
  await page.call("Emulation.setScrollbarsHidden", { hidden: true });
  await page.resize(DESKTOP);
  await page.click(".spans button:first-child");
  await rest(LEAD);
  await save(page, "overview");
  await page.prefer({ "prefers-color-scheme": "dark" });
  await showTopic(page);
  await save(page, "topics-dark");
  await page.prefer({ "prefers-color-scheme": "light" });
  await page.resize(PHONE);
  await page.evaluate("location.hash = '#/overview'");
  await page.click(".spans button:first-child");
  await rest(1_500);
  await save(page, "phone");
  for (const error of page.errors) console.log(error);
}

async function showTopic(page: Page): Promise<void> {
  await page.evaluate("location.hash = '#/topics'");
  const item = (name: string) => `[aria-label^="${name},"]`;
  for (const name of ["plant", "cold-store", "3"]) {
    await page.click(`${item(name)} > .row .twisty`);
    await rest(500);
  }
  await page.click(`${item("settings")} > .row .name`);
  await page.untilText("Retained message", ".detail");
  await rest(2_500);
  await page.evaluate("document.activeElement.blur()");
}

async function save(page: Page, name: string): Promise<void> {
  const png = await page.screenshot();
  await Deno.writeFile(new URL(`${name}.png`, FOLDER), png);
  console.log(`${name}.png ${png.length} bytes${png.length > MAXIMUM_SIZE ? `, more than ${MAXIMUM_SIZE}` : ""}`);
}

function rest(milliseconds: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, milliseconds));
}

if (import.meta.main) {
  const folder = await Deno.makeTempDir({ prefix: "screenshots-" });
  await Deno.mkdir(FOLDER, { recursive: true });
  try {
    using store = SqliteStore.open(`${folder}/store.db`);
    const log = new LogBuffer();
    await using broker = new Broker({
      log,
      store,
      authorizePublish: (_client, { topic }) => !topic.startsWith("forbidden/"),
    });
    const listener = await listen(broker, { hostname: "127.0.0.1", port: 0 });
    const listeners = () => [{ ...listener.address, port: 1883, protocol: "mqtt", connections: 53 }];
    const memory = () => Deno.memoryUsage().rss;
    await using admin = await listenAdmin(broker, { port: 0, log, listeners, memory });
    await using _life = await SampleLife.start(broker);
    await takePictures(`http://127.0.0.1:${admin.address.port}/`);
    await listener.close();
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}
