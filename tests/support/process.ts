/**
 * Programs that tests run: their output as it comes, the code that they end with, and an end to them in any case.
 *
 * @module
 */

import { AssertionError } from "@std/assert";

/** What a program left behind. */
export interface ProcessResult {
  /** Exit code; 128 plus the number of the signal if one ended the program. */
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** How a program is started. */
export interface ProcessOptions {
  /** Folder to run it in. Default: the repository. */
  readonly cwd?: string | URL;
  /** Environment variables to add. */
  readonly env?: Record<string, string>;
  /** What it reads from standard input, which ends after that. Default: nothing. */
  readonly stdin?: string | Uint8Array<ArrayBuffer>;
}

/** The folder of the repository. */
export const repository: URL = new URL("../../", import.meta.url);

/** Longest wait for a line of output or an end, in milliseconds: a watchdog, not an expectation. */
const WATCHDOG = 20_000;

/** A program that runs until it ends by itself, is stopped, or the test disposes of it. */
export class RunningProcess implements AsyncDisposable {
  readonly #command: string;
  readonly #child: Deno.ChildProcess;
  readonly #result: Promise<ProcessResult>;
  readonly #decoded = { stdout: "", stderr: "" };
  #hasEnded = false;
  #progress: PromiseWithResolvers<void> = Promise.withResolvers();

  /** Starts the program. */
  constructor(command: string, args: string[], options: ProcessOptions = {}) {
    this.#command = [command, ...args].join(" ");
    this.#child = new Deno.Command(command, {
      args,
      cwd: options.cwd ?? repository,
      env: { NO_COLOR: "1", ...options.env },
      stdin: options.stdin === undefined ? "null" : "piped",
      stdout: "piped",
      stderr: "piped",
    }).spawn();
    this.#result = this.#collect(options.stdin);
  }

  /** What it has written to standard output so far. */
  get stdout(): string {
    return this.#decoded.stdout;
  }

  /** What it has written to standard error so far. */
  get stderr(): string {
    return this.#decoded.stderr;
  }

  /** Process id, to read its use of memory and CPU. */
  get pid(): number {
    return this.#child.pid;
  }

  /** Resolves when a line of either output matches. */
  async waitForLine(pattern: RegExp, milliseconds: number = WATCHDOG): Promise<RegExpMatchArray> {
    const [line] = await this.waitForLines(pattern, 1, milliseconds);
    if (line === undefined) throw this.#problem(`write a line matching ${pattern}`);
    return line;
  }

  /** Resolves when `count` whole lines of standard output, or else of standard error, match; to these matches. */
  async waitForLines(pattern: RegExp, count: number, milliseconds: number = WATCHDOG): Promise<RegExpMatchArray[]> {
    const expired = after(milliseconds, () => this.#problem(`write ${count} lines matching ${pattern}`, milliseconds));
    try {
      while (true) {
        const progress = this.#progress.promise;
        for (const text of [this.stdout, this.stderr]) {
          const found = matchingLines(text, pattern);
          if (found.length >= count) return found;
        }
        if (this.#hasEnded) throw this.#problem(`write ${count} lines matching ${pattern}`);
        await Promise.race([progress, expired.promise]);
      }
    } finally {
      expired.cancel();
    }
  }

  /** Resolves when the program has ended by itself. */
  async ended(milliseconds: number = WATCHDOG): Promise<ProcessResult> {
    const expired = after(milliseconds, () => this.#problem("end", milliseconds));
    try {
      return await Promise.race([this.#result, expired.promise]);
    } finally {
      expired.cancel();
    }
  }

  /** Sends a signal and waits for the end; kills the program if it does not end within five seconds. */
  async stop(signal: Deno.Signal = "SIGTERM"): Promise<ProcessResult> {
    if (this.#hasEnded) return this.#result;
    this.#signal(signal);
    const timer = setTimeout(() => this.#signal("SIGKILL"), 5_000);
    const result = await this.#result;
    clearTimeout(timer);
    return result;
  }

  /** Stops the program if it still runs. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }

  #signal(signal: Deno.Signal): void {
    try {
      this.#child.kill(signal);
    } catch (error) {
      // It ended between the caller's look and this call.
      if (!(error instanceof TypeError || error instanceof Deno.errors.NotFound)) throw error;
    }
  }

  async #collect(stdin: string | Uint8Array<ArrayBuffer> | undefined): Promise<ProcessResult> {
    const [{ code }] = await Promise.all([
      this.#child.status,
      this.#read("stdout"),
      this.#read("stderr"),
      stdin === undefined ? undefined : this.#feed(stdin),
    ]);
    this.#hasEnded = true;
    this.#progress.resolve();
    return { code, ...this.#decoded };
  }

  async #read(name: "stdout" | "stderr"): Promise<void> {
    for await (const text of this.#child[name].pipeThrough(new TextDecoderStream())) {
      this.#decoded[name] += text;
      this.#progress.resolve();
      this.#progress = Promise.withResolvers();
    }
  }

  async #feed(stdin: string | Uint8Array<ArrayBuffer>): Promise<void> {
    const bytes = typeof stdin === "string" ? new TextEncoder().encode(stdin) : stdin;
    try {
      await new Blob([bytes]).stream().pipeTo(this.#child.stdin);
    } catch (error) {
      // The program may end without reading all of it.
      if (!(error instanceof Deno.errors.BrokenPipe)) throw error;
    }
  }

  #problem(what: string, milliseconds?: number): AssertionError {
    const limit = milliseconds === undefined ? "before its end" : `within ${milliseconds} ms`;
    return new AssertionError(
      `Expected ${this.#command} to ${what} ${limit}\nstdout:\n${this.stdout}\nstderr:\n${this.stderr}`,
    );
  }
}

/** Runs a program to its end. */
export async function runProcess(
  command: string,
  args: string[],
  options: ProcessOptions & { readonly milliseconds?: number } = {},
): Promise<ProcessResult> {
  await using process = new RunningProcess(command, args, options);
  return await process.ended(options.milliseconds);
}

/** Our broker, running as a program of its own. */
export interface BrokerProcess extends AsyncDisposable {
  readonly port: number;
  readonly process: RunningProcess;
  stop(): Promise<void>;
}

/** Starts our broker as its command line does, on a free port of 127.0.0.1, with more arguments if given. */
export async function startBrokerProcess(args: string[] = []): Promise<BrokerProcess> {
  const process = new RunningProcess(Deno.execPath(), [
    "run",
    "-A",
    "broker/mod.ts",
    "--verbose",
    "--host",
    "127.0.0.1",
    "--port",
    "0",
    ...args,
  ]);
  const stop = async () => {
    await process.stop();
  };
  try {
    const [, port] = await process.waitForLine(/ listen socket on port (\d+)\./);
    return { port: Number(port), process, stop, [Symbol.asyncDispose]: stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

function matchingLines(text: string, pattern: RegExp): RegExpMatchArray[] {
  // What follows the last line break is a line that has not been written whole yet.
  const lines = text.split("\n").slice(0, -1);
  return lines.map((line) => line.match(pattern)).filter((match) => match !== null);
}

/** A promise that rejects later, unless cancelled. */
function after(milliseconds: number, reason: () => Error): { promise: Promise<never>; cancel(): void } {
  const { promise, reject } = Promise.withResolvers<never>();
  // Whoever races it sees the rejection; nobody else has to.
  promise.catch(() => {});
  const timer = setTimeout(() => reject(reason()), milliseconds);
  return { promise, cancel: () => clearTimeout(timer) };
}
