/**
 * Pages in a real browser.
 *
 * @module
 */

import { startChromium } from "../../support/chromium.ts";

export { hasChromium } from "../../support/chromium.ts";

/** Shows a page until it has reported; resolves to the report, or to an error if the browser ends before. */
export async function showPage(url: string, report: Promise<unknown>, watchdog: number): Promise<unknown> {
  const folder = await Deno.makeTempDir({ prefix: "chromium-" });
  try {
    await using chromium = startChromium(folder, [url]);
    const ended = chromium.ended(watchdog).then(({ stderr }) => ({ error: `Chromium has ended\n${stderr}` }));
    const result = await Promise.race([report, ended]);
    await chromium.stop();
    await ended;
    return result;
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}
