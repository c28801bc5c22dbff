/**
 * Mosquitto's broker and its two clients, as the other end of our own.
 *
 * @module
 */

import { AssertionError } from "@std/assert";
import { accepts, freePort } from "./ports.ts";
import { type ProcessResult, RunningProcess, runProcess } from "./process.ts";

/** A Mosquitto broker that runs until it is stopped. */
export interface Mosquitto extends AsyncDisposable {
  readonly port: number;
  stop(): Promise<void>;
}

/** A message as `mosquitto_sub` prints it in JSON. */
export interface PrintedMessage {
  readonly topic: string;
  readonly qos: number;
  readonly retain: number;
  readonly payload: string;
  /** MQTT 5.0 only, under their printed names, e.g. `content-type`. */
  readonly properties: Readonly<Record<string, unknown>>;
}

/** Tells whether a program is installed. Tests that need it are ignored where it is not. */
export function hasProgram(name: string): boolean {
  const folders = [...(Deno.env.get("PATH") ?? "").split(":"), "/usr/sbin", "/usr/local/sbin"];
  return folders.some((folder) => isFile(`${folder}/${name}`));
}

/** True where Mosquitto's broker and its clients are all installed, and `stdbuf`, which every Debian has. */
export const hasMosquitto: boolean = ["mosquitto", "mosquitto_pub", "mosquitto_sub", "stdbuf"].every(hasProgram);

/** Starts Mosquitto on a free port of 127.0.0.1, with more lines of configuration if given. */
export async function startMosquitto(extraConfigLines: string[] = []): Promise<Mosquitto> {
  // Somebody else may take the port between our look and Mosquitto's.
  for (let attempt = 1; attempt < 5; attempt++) {
    const started = await tryToStart(freePort(), extraConfigLines);
    if ("port" in started) return started;
    if (!started.stderr.includes("Address already in use")) {
      throw new AssertionError(`Cannot start mosquitto: it ended with code ${started.code}\n${started.stderr}`);
    }
  }
  throw new AssertionError("Cannot start mosquitto: no port stayed free");
}

async function tryToStart(port: number, extraConfigLines: string[]): Promise<Mosquitto | ProcessResult> {
  const config = await Deno.makeTempFile({ prefix: "mosquitto-", suffix: ".conf" });
  // Without `user root` it drops to a user that cannot read a temporary folder, when started as root.
  const lines = [`listener ${port} 127.0.0.1`, "allow_anonymous true", "user root", ...extraConfigLines, ""];
  await Deno.writeTextFile(config, lines.join("\n"));
  const process = new RunningProcess(program("mosquitto"), ["-v", "-c", config]);
  const stop = async () => {
    await process.stop();
    await Deno.remove(config).catch(ignoreMissing);
  };
  try {
    await process.waitForLine(/mosquitto version \S+ running/);
    if (!await accepts(port)) throw new AssertionError(`Expected mosquitto to accept connections on port ${port}`);
    return { port, stop, [Symbol.asyncDispose]: stop };
  } catch (error) {
    await stop();
    const result = await process.ended();
    if (result.stderr.includes("Address already in use")) return result;
    throw error;
  }
}

/** Runs `mosquitto_pub` to its end. */
export function mosquittoPub(
  args: string[],
  stdin?: string | Uint8Array<ArrayBuffer>,
): Promise<ProcessResult> {
  return runProcess("mosquitto_pub", args, { stdin });
}

/** Runs `mosquitto_sub` to its end, which its arguments must bring about (`-C`, `-W`, `-E`). */
export function mosquittoSub(args: string[]): Promise<ProcessResult> {
  return runProcess("mosquitto_sub", args);
}

/** A `mosquitto_sub` that has subscribed and receives. */
export class Subscriber implements AsyncDisposable {
  readonly #process: RunningProcess;

  private constructor(process: RunningProcess) {
    this.#process = process;
  }

  /** Starts it and waits until the broker has acknowledged its subscriptions. */
  static async start(args: string[]): Promise<Subscriber> {
    // Into a pipe it would write its diagnostics only at its end.
    const command = ["-oL", "mosquitto_sub", "-d", "-F", "message %j", ...args];
    const subscriber = new Subscriber(new RunningProcess("stdbuf", command));
    try {
      await subscriber.#process.waitForLine(/^Subscribed \(mid: /);
      return subscriber;
    } catch (error) {
      await subscriber.stop();
      throw error;
    }
  }

  /** All messages so far, as soon as there are `count` of them. */
  async messages(count: number): Promise<PrintedMessage[]> {
    const lines = await this.#process.waitForLines(/^message (.*)$/, count);
    return lines.map((match) => parseMessage(match[1] ?? ""));
  }

  /** All messages before the first one to `topic`, once that has come. */
  async messagesBefore(topic: string): Promise<PrintedMessage[]> {
    await this.#process.waitForLine(new RegExp(`^message .*"topic":${RegExp.escape(JSON.stringify(topic))},`));
    const messages = await this.messages(1);
    return messages.slice(0, messages.findIndex((message) => message.topic === topic));
  }

  /** Its diagnostic output (`-d`): a line for each packet. */
  get log(): string {
    return this.#process.stdout;
  }

  /** Waits for its end, e.g. after `-C` messages. */
  ended(): Promise<ProcessResult> {
    return this.#process.ended();
  }

  /** Ends it: SIGTERM lets it send DISCONNECT, SIGKILL does not. */
  stop(signal?: Deno.Signal): Promise<ProcessResult> {
    return this.#process.stop(signal);
  }

  /** Ends it. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }
}

function parseMessage(json: string): PrintedMessage {
  const printed = JSON.parse(json);
  return {
    topic: printed.topic,
    qos: printed.qos,
    retain: printed.retain,
    payload: String(printed.payload),
    properties: printed.properties ?? {},
  };
}

/** Debian puts the broker where only root's PATH leads. */
function program(name: string): string {
  return isFile(`/usr/sbin/${name}`) ? `/usr/sbin/${name}` : name;
}

function isFile(path: string): boolean {
  try {
    return Deno.statSync(path).isFile;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound || error instanceof Deno.errors.NotADirectory) return false;
    throw error;
  }
}

function ignoreMissing(error: unknown): void {
  if (!(error instanceof Deno.errors.NotFound)) throw error;
}
