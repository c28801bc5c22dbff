/**
 * Pages in a real browser.
 *
 * @module
 */

import { hasProgram } from "../../support/mosquitto.ts";
import { RunningProcess } from "../../support/process.ts";

const CHROMIUM = "chromium";

/** Whether it is there. To have it, install Debian's `chromium`. */
export const hasChromium: boolean = hasProgram(CHROMIUM);

/** Shows a page until it has reported; resolves to the report, or to an error if the browser ends before. */
export async function showPage(url: string, report: Promise<unknown>, watchdog: number): Promise<unknown> {
  const folder = await Deno.makeTempDir({ prefix: "chromium-" });
  try {
    await using chromium = startChromium(folder, url);
    const ended = chromium.ended(watchdog).then(({ stderr }) => ({ error: `Chromium has ended\n${stderr}` }));
    const result = await Promise.race([report, ended]);
    await chromium.stop();
    await ended;
    return result;
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

/** A browser without a window that shows the page, and nothing that it would do besides. */
function startChromium(folder: string, url: string): RunningProcess {
  return new RunningProcess(CHROMIUM, [
    ...["--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--disable-dev-shm-usage"],
    ...["--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync"],
    ...["--disable-extensions", "--disable-default-apps", "--proxy-server=direct://"],
    `--user-data-dir=${folder}`,
    // Keeps it running until it is stopped.
    "--remote-debugging-port=0",
    url,
  ]);
}
