/** The client in a page of a real browser. @module */

import { assertEquals } from "@std/assert";
import { bounded, type RunningBroker, startBroker } from "../../support/broker.ts";
import { hasProgram } from "../../support/mosquitto.ts";
import { RunningProcess } from "../../support/process.ts";
import { bundle } from "../bundle.ts";
import { bridge } from "./bridge.ts";

const CHROMIUM = "chromium";

/** Longest that the test may take, in milliseconds: a browser is slow to start beside other tests. */
const WATCHDOG = 90_000;

const WORKER = `
import { connect } from "/client.js";
addEventListener("message", async ({ data: { url, protocolVersion, topic } }) => {
  const client = await connect(url, { protocolVersion });
  await client.publish(topic, "from a worker", { qos: 1 });
  await client.close();
});
`;

/** What the page is served by: a broker behind WebSockets that it may restart, and itself. */
class Site implements AsyncDisposable {
  /** What the page reports at its end. */
  readonly result: PromiseWithResolvers<unknown> = Promise.withResolvers();
  readonly #server: Deno.HttpServer<Deno.NetAddr>;
  readonly #files: ReadonlyMap<string, { readonly type: string; readonly text: string }>;
  #broker: RunningBroker;

  private constructor(broker: RunningBroker, client: string, page: string) {
    this.#broker = broker;
    this.#files = new Map([
      ["/", { type: "text/html", text: page }],
      ["/client.js", { type: "text/javascript", text: client }],
      ["/worker.js", { type: "text/javascript", text: WORKER }],
    ]);
    const options = { hostname: "127.0.0.1", port: 0, onListen: () => {} };
    this.#server = Deno.serve(options, (request) => this.#answer(request));
  }

  static async start(): Promise<Site> {
    const client = await bundle("client/browser.ts", { minify: true });
    const page = await Deno.readTextFile(new URL("page.html", import.meta.url));
    return new Site(await startBroker(), client, page);
  }

  get url(): string {
    return `http://127.0.0.1:${this.#server.addr.port}/`;
  }

  async #answer(request: Request): Promise<Response> {
    const { pathname } = new URL(request.url);
    if (pathname === "/mqtt") return await bridge(request, this.#broker.port);
    if (pathname === "/report") this.result.resolve(await request.json());
    if (pathname === "/restart") await this.#restart();
    const file = this.#files.get(pathname);
    if (file === undefined) return new Response(null, { status: 204 });
    return new Response(file.text, { headers: { "content-type": file.type } });
  }

  async #restart(): Promise<void> {
    await this.#broker[Symbol.asyncDispose]();
    this.#broker = await startBroker();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#broker[Symbol.asyncDispose]();
    await this.#server.shutdown();
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

function expected(version: number) {
  const lines = [0, 1, 2].map((qos) => `page/${version}/${qos} ${qos} QoS ${qos}`);
  lines.push(`page/${version}/large 2 1000000 bytes`);
  return {
    before: lines,
    after: lines,
    fromWorker: `page/${version}/worker 1 from a worker`,
    refused: true,
    state: "closed",
  };
}

// To run it, install Debian's `chromium`.
Deno.test("client: a page in Chromium publishes, subscribes and survives a restart of the broker", {
  ignore: !hasProgram(CHROMIUM),
}, () =>
  bounded(async () => {
    const folder = await Deno.makeTempDir({ prefix: "chromium-" });
    try {
      await using site = await Site.start();
      await using chromium = startChromium(folder, site.url);
      const ended = chromium.ended(WATCHDOG).then(({ stderr }) => ({ error: `Chromium has ended\n${stderr}` }));
      const result = await Promise.race([site.result.promise, ended]);
      assertEquals(result, { versions: [expected(5), expected(4), expected(3)] });
      await chromium.stop();
      await ended;
    } finally {
      await Deno.remove(folder, { recursive: true });
    }
  }, WATCHDOG));
