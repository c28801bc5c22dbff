/** The client in a page of a real browser. @module */

import { assertEquals } from "@std/assert";
import { Broker, listen } from "../../../broker/mod.ts";
import { bounded } from "../../support/broker.ts";
import { bundle } from "../bundle.ts";
import { hasChromium, showPage } from "./chromium.ts";

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

/**
 * A broker whose WebSocket listener serves the page as well, and beside it a server that takes the page's report and
 * restarts the broker when the page asks for that.
 */
class Site implements AsyncDisposable {
  /** What the page reports at its end. */
  readonly result: PromiseWithResolvers<unknown> = Promise.withResolvers();
  readonly #control: Deno.HttpServer<Deno.NetAddr>;
  readonly #folder: string;
  #broker: Broker;
  readonly #port: number;

  private constructor(folder: string) {
    this.#folder = folder;
    [this.#broker, this.#port] = this.#startBroker(0);
    const options = { hostname: "127.0.0.1", port: 0, onListen: () => {} };
    this.#control = Deno.serve(options, (request) => this.#answer(request));
  }

  static async start(folder: string): Promise<Site> {
    await Deno.writeTextFile(`${folder}/client.js`, await bundle("client/browser.ts", { minify: true }));
    await Deno.writeTextFile(`${folder}/worker.js`, WORKER);
    await Deno.copyFile(new URL("page.html", import.meta.url), `${folder}/index.html`);
    return new Site(folder);
  }

  get url(): string {
    return `http://127.0.0.1:${this.#port}/?control=http://127.0.0.1:${this.#control.addr.port}`;
  }

  #startBroker(port: number): [broker: Broker, port: number] {
    const broker = new Broker();
    const { address } = listen(broker, { port, protocol: "websockets", httpDir: this.#folder });
    return [broker, address.port];
  }

  async #answer(request: Request): Promise<Response> {
    const { pathname } = new URL(request.url);
    if (pathname === "/report") this.result.resolve(await request.json());
    if (pathname === "/restart") {
      await this.#broker.close();
      [this.#broker] = this.#startBroker(this.#port);
    }
    return new Response(null, { status: 204 });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#broker.close();
    await this.#control.shutdown();
  }
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

Deno.test(
  "client: a page in Chromium, served by the broker's listener, publishes, subscribes and survives a restart of the broker",
  {
    ignore: !hasChromium,
  },
  () =>
    bounded(async () => {
      const folder = await Deno.makeTempDir({ prefix: "page-" });
      try {
        await using site = await Site.start(folder);
        const result = await showPage(site.url, site.result.promise, WATCHDOG);
        assertEquals(result, { versions: [expected(5), expected(4), expected(3)], once: "once" });
      } finally {
        await Deno.remove(folder, { recursive: true });
      }
    }, WATCHDOG),
);
