/**
 * Chromium without a window, driven by its DevTools protocol.
 *
 * @module
 */

import { AssertionError } from "@std/assert";
import { hasProgram } from "./mosquitto.ts";
import { RunningProcess } from "./process.ts";

const CHROMIUM = "chromium";

/** Whether it is there. To have it, install Debian's `chromium`. */
export const hasChromium: boolean = hasProgram(CHROMIUM);

/** Longest wait for what a page is to show, in milliseconds: a watchdog, not an expectation. */
const WATCHDOG = 20_000;

/** Milliseconds between two looks at a page. */
const LOOK = 20;

/**
 * A browser without a window that does nothing of its own accord, and keeps all its files in a folder; `args` may end
 * with the address of a page.
 */
export function startChromium(folder: string, args: readonly string[] = []): RunningProcess {
  return new RunningProcess(CHROMIUM, [
    ...["--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--disable-dev-shm-usage"],
    ...["--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync"],
    ...["--disable-extensions", "--disable-default-apps", "--proxy-server=direct://"],
    `--user-data-dir=${folder}`,
    // Keeps it running until it is stopped.
    "--remote-debugging-port=0",
    ...args,
    // Some of its files would go beside the folder otherwise, and stay there.
  ], { env: { TMPDIR: folder } });
}

/** An answer or an event of the protocol, as far as it is read here. */
interface ProtocolMessage {
  readonly id?: number;
  readonly method?: string;
  readonly sessionId?: string;
  readonly params?: Readonly<Record<string, unknown>>;
  readonly result?: Readonly<Record<string, unknown>>;
  readonly error?: { readonly message: string };
}

/** A running Chromium; disposing it ends it and removes its folder. */
export class Chromium implements AsyncDisposable {
  readonly #folder: string;
  readonly #process: RunningProcess;
  readonly #socket: WebSocket;
  readonly #calls = new Map<number, PromiseWithResolvers<Readonly<Record<string, unknown>>>>();
  readonly #pages = new Map<string, Page>();
  #lastId = 0;

  private constructor(folder: string, process: RunningProcess, socket: WebSocket) {
    this.#folder = folder;
    this.#process = process;
    this.#socket = socket;
    socket.addEventListener("message", ({ data }) => this.#receive(JSON.parse(data)));
  }

  /** Starts it. */
  static async start(): Promise<Chromium> {
    const folder = await Deno.makeTempDir({ prefix: "chromium-" });
    const process = startChromium(folder);
    try {
      const [, url = ""] = await process.waitForLine(/DevTools listening on (ws:\S+)/, 60_000);
      const socket = new WebSocket(url);
      await new Promise((resolve, reject) => {
        socket.addEventListener("open", resolve, { once: true });
        socket.addEventListener("error", reject, { once: true });
      });
      return new Chromium(folder, process, socket);
    } catch (error) {
      await process.stop();
      await Deno.remove(folder, { recursive: true });
      throw error;
    }
  }

  /** Opens a page of its own: nothing is shared with others, neither storage nor cache. */
  async open(url: string): Promise<Page> {
    const { browserContextId } = await this.call("Target.createBrowserContext", { disposeOnDetach: true });
    const { targetId } = await this.call("Target.createTarget", { url: "about:blank", browserContextId });
    const { sessionId } = await this.call("Target.attachToTarget", { targetId, flatten: true });
    const page = new Page((method, params) => this.call(method, params, String(sessionId)));
    this.#pages.set(String(sessionId), page);
    await Promise.all(["Page.enable", "Runtime.enable", "Log.enable"].map((method) => page.call(method)));
    await page.goTo(url);
    return page;
  }

  /** Calls a method of the protocol. */
  call(method: string, params: object = {}, sessionId?: string): Promise<Readonly<Record<string, unknown>>> {
    const id = ++this.#lastId;
    const answer = Promise.withResolvers<Readonly<Record<string, unknown>>>();
    this.#calls.set(id, answer);
    this.#socket.send(JSON.stringify({ id, method, params, sessionId }));
    return answer.promise;
  }

  #receive(message: ProtocolMessage): void {
    if (message.id === undefined) {
      this.#pages.get(message.sessionId ?? "")?.take(message.method ?? "", message.params ?? {});
      return;
    }
    const call = this.#calls.get(message.id);
    this.#calls.delete(message.id);
    if (message.error === undefined) call?.resolve(message.result ?? {});
    else call?.reject(new AssertionError(`DevTools: ${message.error.message}`));
  }

  /** Ends the browser. */
  async [Symbol.asyncDispose](): Promise<void> {
    const closed = new Promise((resolve) => this.#socket.addEventListener("close", resolve, { once: true }));
    this.#socket.close();
    await this.#process.stop();
    await closed;
    await Deno.remove(this.#folder, { recursive: true });
  }
}

/** How a page is looked at. */
export interface ViewportOptions {
  readonly width: number;
  readonly height: number;
  /** Pixels of the device for one of CSS. Default 1. */
  readonly scale?: number;
  /** Whether it is a phone: touch, and the page's own viewport. Default false. */
  readonly mobile?: boolean;
}

/** One page. */
export class Page {
  /** Errors that the page has reported so far: exceptions, refused content, failed loads. */
  readonly errors: string[] = [];
  /** Calls a method of the protocol for this page. */
  readonly call: (method: string, params?: object) => Promise<Readonly<Record<string, unknown>>>;
  #loaded: PromiseWithResolvers<void> = Promise.withResolvers();

  constructor(call: Page["call"]) {
    this.call = call;
  }

  /** Loads another page. */
  async goTo(url: string): Promise<void> {
    this.#loaded = Promise.withResolvers();
    await this.call("Page.navigate", { url });
    await this.#loaded.promise;
  }

  /** Loads the page again. */
  async reload(): Promise<void> {
    this.#loaded = Promise.withResolvers();
    await this.call("Page.reload");
    await this.#loaded.promise;
  }

  /** The value of an expression, which may be a promise; it is carried as JSON. */
  async evaluate<Value>(expression: string): Promise<Value> {
    const { result, exceptionDetails } = await this.call("Runtime.evaluate", {
      expression,
      awaitPromise: true,
      returnByValue: true,
      userGesture: true,
    }) as { result: { value: Value }; exceptionDetails?: unknown };
    if (exceptionDetails === undefined) return result.value;
    throw new AssertionError(`Cannot evaluate ${expression}: ${JSON.stringify(exceptionDetails)}`);
  }

  /** Waits until an expression is true; what it throws meanwhile counts as false. */
  async until(expression: string, what = expression, milliseconds = WATCHDOG): Promise<void> {
    const deadline = Date.now() + milliseconds;
    while (
      !await this.evaluate<boolean>(`(() => { try { return Boolean(${expression}); } catch { return false; } })()`)
    ) {
      if (Date.now() > deadline) throw await this.#problem(what, milliseconds);
      await new Promise((resolve) => setTimeout(resolve, LOOK));
    }
  }

  /** Waits until the text of the page, or of what a selector names, holds a text. */
  untilText(text: string, selector = "body"): Promise<void> {
    const expression = `document.querySelector(${JSON.stringify(selector)}).innerText.includes(${
      JSON.stringify(text)
    })`;
    return this.until(expression, `${selector} to show ${JSON.stringify(text)}`);
  }

  /** Clicks what a selector names, when it is there. */
  async click(selector: string): Promise<void> {
    const element = `document.querySelector(${JSON.stringify(selector)})`;
    await this.until(`${element} !== null`, `${selector} to be there`);
    await this.evaluate(`${element}.click()`);
  }

  /** Puts a text into a field, as if it were typed. */
  async type(selector: string, text: string): Promise<void> {
    const element = `document.querySelector(${JSON.stringify(selector)})`;
    await this.until(`${element} !== null`, `${selector} to be there`);
    await this.evaluate(`${element}.focus(), ${element}.select()`);
    await this.call("Input.insertText", { text });
  }

  /** Presses and releases a key, e.g. `Tab`, `Enter`, `ArrowDown`; with Shift if wanted. */
  async press(key: string, shift = false): Promise<void> {
    const codes: Readonly<Record<string, number>> = {
      ...{ Tab: 9, Enter: 13, Escape: 27, " ": 32, End: 35, Home: 36 },
      ...{ ArrowLeft: 37, ArrowUp: 38, ArrowRight: 39, ArrowDown: 40 },
    };
    const text = key === "Enter" ? "\r" : key.length === 1 ? key : undefined;
    const event = { key, code: key, windowsVirtualKeyCode: codes[key] ?? 0, modifiers: shift ? 8 : 0 };
    await this.call("Input.dispatchKeyEvent", { ...event, type: text === undefined ? "rawKeyDown" : "keyDown", text });
    await this.call("Input.dispatchKeyEvent", { ...event, type: "keyUp" });
  }

  /** Shows the page in a size. */
  async resize({ width, height, scale = 1, mobile = false }: ViewportOptions): Promise<void> {
    await this.call("Emulation.setDeviceMetricsOverride", { width, height, deviceScaleFactor: scale, mobile });
    await this.call("Emulation.setTouchEmulationEnabled", { enabled: mobile });
  }

  /** Makes the system wish something, e.g. `prefers-color-scheme` `dark`. */
  async prefer(features: Readonly<Record<string, string>>): Promise<void> {
    const list = Object.entries(features).map(([name, value]) => ({ name, value }));
    await this.call("Emulation.setEmulatedMedia", { features: list });
  }

  /** What can be seen now, as a PNG. */
  async screenshot(): Promise<Uint8Array<ArrayBuffer>> {
    const { data } = await this.call("Page.captureScreenshot", { format: "png", optimizeForSpeed: false });
    return Uint8Array.fromBase64(String(data));
  }

  /** Takes an event of the protocol. */
  take(method: string, params: Readonly<Record<string, unknown>>): void {
    if (method === "Page.loadEventFired") this.#loaded.resolve();
    if (method === "Runtime.exceptionThrown") this.errors.push(JSON.stringify(params));
    if (method === "Log.entryAdded" && JSON.stringify(params).includes('"level":"error"')) {
      this.errors.push(JSON.stringify(params));
    }
  }

  async #problem(what: string, milliseconds: number): Promise<AssertionError> {
    const text = await this.evaluate<string>("document.body.innerText");
    const errors = this.errors.join("\n");
    return new AssertionError(`Expected ${what} within ${milliseconds} ms\nThe page shows:\n${text}\n${errors}`);
  }
}
