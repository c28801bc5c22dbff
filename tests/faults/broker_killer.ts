/**
 * A broker with a store that is killed again and again, under the load of clients that go on after each of its deaths.
 *
 * @module
 */

import { type BrokerProcess, startBrokerProcess } from "../support/process.ts";

/** A broker of its own process, on one port, with one store, over many lives. */
export class MortalBroker implements AsyncDisposable {
  readonly port: number = quietPort();
  readonly #folder: string;
  readonly #arguments: readonly string[];
  #running: BrokerProcess | undefined;

  private constructor(folder: string, more: readonly string[]) {
    this.#folder = folder;
    this.#arguments = [
      "--port",
      String(this.port),
      "--store",
      `${folder}/broker.db`,
      "--max-queued",
      "1000000",
      ...more,
    ];
  }

  /** Makes a store for a broker that does not run yet; `more` are arguments of its command line. */
  static async create(more: readonly string[] = []): Promise<MortalBroker> {
    return new MortalBroker(await Deno.makeTempDir({ prefix: "faults-" }), more);
  }

  /** Starts the broker, and waits until it listens. */
  async start(): Promise<void> {
    this.#running = await startBrokerProcess([...this.#arguments]);
    // It listens on a port of its own choice, too, and on that one first.
    await this.#running.process.waitForLine(/ version \S+ running$/);
  }

  /** Ends the broker as a power switch would end its process: no handler runs, nothing is flushed. */
  async kill(): Promise<void> {
    await this.#running?.process.stop("SIGKILL");
    this.#running = undefined;
  }

  /** What the broker has logged in this life. */
  get log(): string {
    return this.#running?.process.stderr ?? "";
  }

  /** Kills the broker and removes its store. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.kill();
    await Deno.remove(this.#folder, { recursive: true });
  }
}

/**
 * A port that is free and that the system gives to no connection of its own accord: a client that tries and tries to
 * reach a broker that does not run could otherwise be given this very port, and find itself at the other end.
 */
export function quietPort(): number {
  for (;;) {
    const port = 20_000 + Math.floor(Math.random() * 12_000);
    try {
      Deno.listen({ hostname: "127.0.0.1", port }).close();
      return port;
    } catch (error) {
      if (!(error instanceof Deno.errors.AddrInUse)) throw error;
    }
  }
}
