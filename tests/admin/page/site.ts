/**
 * A broker with its admin page, as tests of the page need it.
 *
 * @module
 */

import type { BridgeSummary } from "../../../broker/admin/api.ts";
import { createAdminHandler, LogBuffer } from "../../../broker/admin/mod.ts";
import { PAGE_ASSETS } from "../../../broker/admin/page_assets.ts";
import { Broker, type BrokerOptions, listen, mqttOverWebSocket } from "../../../broker/mod.ts";
import { type Client, connect, type ConnectInit } from "../../../client/mod.ts";
import { bounded } from "../../support/bounded.ts";
import { CHROMIUM, Chromium, type Page } from "../../support/chromium.ts";
import { hasProgram } from "../../support/mosquitto.ts";

/** Longest that one test may take, in milliseconds: a browser is slow to start beside other tests. */
const WATCHDOG = 90_000;

/** What a site has besides a broker. */
export interface SiteOptions extends BrokerOptions {
  /** What requests must show. */
  readonly token?: string;
  /** The port of the page. Default: a free one. */
  readonly port?: number;
  readonly bridges?: () => readonly BridgeSummary[];
}

/** A broker that listens, and its admin page. */
export class Site implements AsyncDisposable {
  readonly broker: Broker;
  readonly log = new LogBuffer();
  readonly #admin: ReturnType<typeof createAdminHandler>;
  readonly #server: Deno.HttpServer<Deno.NetAddr>;
  readonly #listener: Awaited<ReturnType<typeof listen>>;
  readonly #clients = new AsyncDisposableStack();

  constructor({ token, port = 0, bridges, ...options }: SiteOptions = {}) {
    this.broker = new Broker({ log: this.log, ...options });
    const listener = listen(this.broker, { hostname: "127.0.0.1", port: 0 });
    this.#listener = listener;
    const mqtt = mqttOverWebSocket(this.broker);
    this.#admin = createAdminHandler({
      broker: this.broker,
      page: PAGE_ASSETS,
      mqtt: { handler: (request) => mqtt(request), user: "admin" },
      log: this.log,
      listeners: () => [{ hostname: "127.0.0.1", port: listener.address.port, protocol: "mqtt", connections: 0 }],
      ...(bridges === undefined ? {} : { bridges }),
      ...(token === undefined ? {} : { token }),
    });
    const settings = { hostname: "127.0.0.1", port, onListen: () => {} };
    this.#server = Deno.serve(settings, this.#admin.handle);
  }

  /** Where the page is. */
  get url(): string {
    return `http://127.0.0.1:${this.port}/`;
  }

  /** The port of the page. */
  get port(): number {
    return this.#server.addr.port;
  }

  /** A client of the broker; it ends with the site. */
  async connect(clientId: string, init: ConnectInit = {}): Promise<Client> {
    const url = `mqtt://127.0.0.1:${this.#listener.address.port}`;
    return this.#clients.use(await connect(url, { clientId, reconnect: false, ...init }));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#clients.disposeAsync();
    await this.#listener.close();
    await this.broker.close();
    this.#admin.close();
    await this.#server.shutdown();
  }
}

/** A test of the page in Chromium; it fails if the page reports an error. To run it, install Debian's `chromium`. */
export function pageTest(name: string, body: (browser: Chromium) => Promise<Page | void>): void {
  Deno.test(`admin page: ${name}`, { ignore: !hasProgram(CHROMIUM) }, () =>
    bounded(async () => {
      await using browser = await Chromium.start();
      await body(browser);
    }, WATCHDOG));
}
