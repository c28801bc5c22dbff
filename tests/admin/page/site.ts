/**
 * A broker with its admin page, as tests of the page need it.
 *
 * @module
 */

import { LogBuffer } from "../../../broker/admin/mod.ts";
import {
  type AdminListener,
  type AdminListenOptions,
  Broker,
  type BrokerOptions,
  listen,
  listenAdmin,
  type Listener,
} from "../../../broker/mod.ts";
import { type Client, connect, type ConnectInit } from "../../../client/mod.ts";
import { bounded } from "../../support/bounded.ts";
import { Chromium, hasChromium } from "../../support/chromium.ts";

/** Longest that one test may take, in milliseconds: a browser is slow to start beside other tests. */
const WATCHDOG = 90_000;

/** What a site has besides a broker. */
export interface SiteOptions extends BrokerOptions {
  /** What requests must show. */
  readonly token?: string;
  /** The page comes over HTTPS. */
  readonly tls?: AdminListenOptions["tls"];
  /** The port of the page. Default: a free one. */
  readonly port?: number;
}

/** A broker that listens, and its admin page. */
export class Site implements AsyncDisposable {
  readonly broker: Broker;
  readonly log: LogBuffer;
  readonly #admin: AdminListener;
  readonly #listener: Listener;
  readonly #clients = new AsyncDisposableStack();

  private constructor(
    broker: Broker,
    log: LogBuffer,
    listener: Listener,
    admin: AdminListener,
    readonly scheme: "http" | "https",
  ) {
    this.broker = broker;
    this.log = log;
    this.#listener = listener;
    this.#admin = admin;
  }

  /** Starts both on free ports, or the page on the one that is wanted. */
  static async start({ token, tls, port = 0, ...options }: SiteOptions = {}): Promise<Site> {
    const log = new LogBuffer();
    const broker = new Broker({ log, ...options });
    const listener = await listen(broker, { hostname: "127.0.0.1", port: 0 });
    const { hostname, port: mqttPort } = listener.address;
    const listeners =
      () => [{ hostname, port: mqttPort, protocol: "mqtt", connections: listener.counts().connections }];
    const admin = await listenAdmin(broker, { port, token, tls, log, listeners });
    return new Site(broker, log, listener, admin, tls === undefined ? "http" : "https");
  }

  /** Where the page is. */
  get url(): string {
    return `${this.scheme}://127.0.0.1:${this.port}/`;
  }

  /** The port of the page. */
  get port(): number {
    return this.#admin.address.port;
  }

  /** Takes another token from now on. */
  replaceToken(token: string): void {
    this.#admin.reload(token);
  }

  /** A client of the broker; it ends with the site. */
  async connect(clientId: string, init: ConnectInit = {}): Promise<Client> {
    const url = `mqtt://127.0.0.1:${this.#listener.address.port}`;
    return this.#clients.use(await connect(url, { clientId, reconnect: false, ...init }));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#clients.disposeAsync();
    await this.#listener.close();
    await this.#admin.close();
    await this.broker.close();
  }
}

/** A test of the page in Chromium; it fails if the page reports an error. To run it, install Debian's `chromium`. `ignore`: something else is missing. */
export function pageTest(name: string, body: (browser: Chromium) => Promise<void>, ignore = false): void {
  Deno.test(`admin page: ${name}`, { ignore: ignore || !hasChromium }, () =>
    bounded(async () => {
      await using browser = await Chromium.start();
      await body(browser);
    }, WATCHDOG));
}
