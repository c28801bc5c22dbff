/** The admin page beside a broker that has much to show. @module */

import { assert, assertEquals } from "@std/assert";
import { connect } from "../../../client/mod.ts";
import { memoryTransportPair } from "../../../engine/mod.ts";
import { pageTest, Site } from "./site.ts";

const CLIENTS = 5_000;
const TOPICS = 50_000;
/** Elements that the document may have at any time. */
const MOST_ELEMENTS = 5_000;

/** Connects many clients without a network. */
async function connectMany(site: Site, clients: AsyncDisposableStack): Promise<void> {
  const one = async (index: number) => {
    const [transport, served] = memoryTransportPair();
    void site.broker.serve(served);
    const clientId = `device-${String(index).padStart(4, "0")}`;
    const open = () => Promise.resolve(transport);
    const client = await connect("mqtt://memory", { clientId, transport: open, reconnect: false, keepAlive: 0 });
    clients.defer(() => client.close({ force: true }));
    await client.subscribe(`devices/${index}/set`).ready;
  };
  for (let index = 0; index < CLIENTS; index += 500) {
    await Promise.all(Array.from({ length: 500 }, (_, offset) => one(index + offset)));
  }
}

pageTest("with 5,000 clients and 50,000 topics it stays usable", async (browser) => {
  await using site = await Site.start({ sysInterval: 0 });
  await using clients = new AsyncDisposableStack();
  await connectMany(site, clients);
  for (let index = 0; index < TOPICS; index++) {
    const topic = `site-${index % 50}/line-${index % 1_000}/sensor-${index}`;
    site.broker.publish({ topic, payload: `${index}`, retain: true });
  }
  const page = await browser.open(`${site.url}#/clients`);
  const bounded = async (what: string) => {
    const elements = await page.evaluate<number>("document.querySelectorAll('*').length");
    assert(elements <= MOST_ELEMENTS, `${what}: ${elements} elements`);
  };
  await page.untilText("of 5,000", ".range");
  assertEquals(await page.evaluate("document.querySelectorAll('tbody tr').length"), 50);
  await page.click(".pager button:last-child");
  await page.untilText("51–100 of 5,000", ".range");
  await page.type("input[type=search]", "device-4321");
  await page.untilText("1–1 of 1", ".range");
  await bounded("clients");
  await page.evaluate("location.hash = '#/subscriptions'");
  await page.untilText("of 5,000", ".range");
  await page.evaluate("location.hash = '#/retained'");
  await page.type("input[type=search]", "sensor-49999");
  await page.untilText("site-49/line-999/sensor-49999", "tbody");
  await page.evaluate("location.hash = '#/topics'");
  await page.untilText("site-0", ".tree");
  await page.click(".tree > li:first-child .twisty");
  await page.until("document.querySelectorAll('.tree [aria-level=\"2\"]').length === 20", "the lines of a site");
  await page.type(".controls input", "site-7/line-7/");
  await page.untilText("sensor-7", ".tree");
  await bounded("topics");
  // While all of that flows.
  const busy = await site.connect("busy");
  const pulse = setInterval(() => {
    for (let index = 0; index < 500; index++) {
      void busy.publish(`site-${index % 50}/line-${index % 1_000}/sensor-${index}`, "x", { retain: true });
    }
  }, 50);
  try {
    await page.untilText("x", ".tree");
    await page.evaluate("location.hash = '#/overview'");
    await page.until(
      "Number(document.querySelector('.card b').innerText.replace(/\\D/g, '')) > 0",
      "messages in or out",
    );
    await bounded("overview");
  } finally {
    clearInterval(pulse);
  }
  assertEquals(page.errors, []);
});
