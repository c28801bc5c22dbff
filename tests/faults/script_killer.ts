/**
 * A script with a store that is killed again and again.
 *
 * @module
 */

import { assertEquals } from "@std/assert";
import { repository, RunningProcess } from "../support/process.ts";
import { type Proxy, startProxy } from "../support/proxy.ts";

/** A script of `scripts/` that is started again and again, with the same store, behind a proxy. */
export class MortalScript implements AsyncDisposable {
  readonly #url: URL;
  readonly #folder: string;
  readonly #proxy: Proxy;
  #process: RunningProcess | undefined;

  /** `port`: that of the broker. */
  constructor(name: string, port: number) {
    this.#url = new URL(`tests/faults/scripts/${name}.ts`, repository);
    this.#folder = Deno.makeTempDirSync({ prefix: "script-" });
    this.#proxy = startProxy(port);
  }

  /** Starts it, and waits until it is connected; `more` are its arguments behind port and store. */
  async start(...more: (string | number)[]): Promise<void> {
    const args = [
      "run",
      "-A",
      "--no-check",
      this.#url.pathname,
      this.#proxy.port,
      `${this.#folder}/client.db`,
      ...more,
    ];
    this.#process = new RunningProcess(Deno.execPath(), args.map(String));
    await this.#process.waitForLine(/^connected$/);
  }

  /** What it has said in this life behind this word, in order. */
  said(word: string): string[] {
    const lines = this.#process?.stdout.split("\n").slice(0, -1) ?? [];
    return lines.filter((line) => line.startsWith(`${word} `)).map((line) => line.slice(word.length + 1));
  }

  /**
   * Ends it as a power switch would end its process: no handler runs. For so many milliseconds before, it thinks that it
   * is connected, but what it sends is lost.
   */
  async die(stall: number): Promise<void> {
    this.#proxy.stall();
    await new Promise((resolve) => setTimeout(resolve, stall));
    await this.#process?.stop("SIGKILL");
    this.#proxy.cut();
  }

  /** Waits until it ends by itself. */
  async ended(milliseconds: number): Promise<void> {
    const { code, stderr } = await this.#process?.ended(milliseconds) ?? {};
    assertEquals([code, stderr], [0, ""]);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#process?.stop("SIGKILL");
    await this.#proxy[Symbol.asyncDispose]();
    await Deno.remove(this.#folder, { recursive: true });
  }
}
