/**
 * Starts the brokers that are compared, each on the same core.
 *
 * @module
 */

import { fileURLToPath } from "node:url";
import { extraListener } from "./listeners.ts";
import type { Protocol } from "./load/channel.ts";
import type { Target } from "./load/job.ts";
import { connect } from "./load/wire.ts";
import { BROKER_CORE, type Spawned, spawnPinned } from "./pinned.ts";

/** What can be put under load. */
export type BrokerName = "ours" | "mosquitto" | "mosquitto-nodelay" | "aedes" | "skeleton";

/** A broker that answers. */
export interface RunningBroker {
  readonly target: Target;
  /** Milliseconds from the start of the process to its first CONNACK. */
  readonly startTime: number;
  /** Ends it. */
  stop(): Promise<void>;
}

const HOSTNAME = "127.0.0.1";
const START_LIMIT = 10_000;
/** Mosquitto is told to queue without limit (max_queued_messages 0); this is the most that ours can be told. */
const OUR_QUEUE = "1000000";

/** What is set about a start. */
export interface StartOptions {
  /** Lines that are added to Mosquitto's configuration. */
  readonly mosquitto?: readonly string[];
  /** More arguments of our broker's command line. */
  readonly ours?: readonly string[];
  /** What the load goes through. Default "tcp". */
  readonly protocol?: Protocol;
  /** Port on which the inspector of a broker on Deno shall listen. */
  readonly inspect?: number;
}

/** Starts a broker and waits for its first CONNACK. */
export async function startBroker(name: BrokerName, options: StartOptions = {}): Promise<RunningBroker> {
  const { protocol = "tcp" } = options;
  return protocol === "tcp" ? await startPlain(name, freePort(), options) : await startExtra(name, protocol, options);
}

/** The load goes to a second listener; whether the broker is up is asked at a plain one. */
async function startExtra(
  name: BrokerName,
  protocol: Exclude<Protocol, "tcp">,
  options: StartOptions,
): Promise<RunningBroker> {
  const [port, extraPort] = [freePort(), freePort()];
  const extra = await extraListener(protocol, extraPort);
  const file = await Deno.makeTempFile({ prefix: "bench-", suffix: ".conf" });
  const plain = [`listener ${port} ${HOSTNAME}`, "allow_anonymous true"];
  await Deno.writeTextFile(file, [...plain, ...extra.lines, ""].join("\n"));
  const dispose = async () => {
    await Deno.remove(file);
    await extra[Symbol.asyncDispose]();
  };
  try {
    const ours = [...options.ours ?? [], "-c", file];
    const mosquitto = [...options.mosquitto ?? [], ...extra.lines];
    const broker = await startPlain(name, port, { ...options, ours, mosquitto });
    const stop = () => broker.stop().finally(dispose);
    return { ...broker, target: { ...broker.target, port: extraPort }, stop };
  } catch (error) {
    await dispose();
    throw error;
  }
}

async function startPlain(name: BrokerName, port: number, options: StartOptions): Promise<RunningBroker> {
  const started = performance.now();
  const inspect = options.inspect === undefined ? [] : [`--inspect=${HOSTNAME}:${options.inspect}`];
  const script = [...scriptOf(name), ...(name === "ours" ? options.ours ?? [] : [])];
  const process = name.startsWith("mosquitto")
    ? startMosquitto(name, port, options.mosquitto ?? [])
    : spawnPinned(BROKER_CORE, [Deno.execPath(), "run", "-A", ...inspect, ...script, "--port", String(port)]);
  try {
    await firstConnack(port, process);
  } catch (error) {
    await process.stop();
    throw error;
  }
  const startTime = performance.now() - started;
  return { target: { hostname: HOSTNAME, port, pid: process.pid }, startTime, stop: () => process.stop() };
}

function scriptOf(name: BrokerName): string[] {
  const path = (relative: string) => fileURLToPath(new URL(relative, import.meta.url));
  if (name === "aedes") return [path("./aedes_server.ts")];
  if (name === "skeleton") return [path("./skeleton.ts")];
  return [path("../../broker/mod.ts"), "--max-queued", OUR_QUEUE];
}

function startMosquitto(name: BrokerName, port: number, lines: readonly string[]): Spawned {
  const file = Deno.makeTempFileSync({ prefix: "bench-", suffix: ".conf" });
  const config = [
    `listener ${port} ${HOSTNAME}`,
    "allow_anonymous true",
    "max_queued_messages 0",
    ...(name === "mosquitto-nodelay" ? ["set_tcp_nodelay true"] : []),
    ...lines,
  ];
  Deno.writeTextFileSync(file, config.join("\n") + "\n");
  const process = spawnPinned(BROKER_CORE, ["mosquitto", "-c", file], "null");
  return {
    ...process,
    async stop() {
      await process.stop();
      await Deno.remove(file);
    },
  };
}

/** A port that nobody listens on. */
export function freePort(): number {
  const listener = Deno.listen({ hostname: HOSTNAME, port: 0 });
  const { port } = listener.addr as Deno.NetAddr; // a TCP listener has a network address
  listener.close();
  return port;
}

async function firstConnack(port: number, process: Spawned): Promise<void> {
  const end = performance.now() + START_LIMIT;
  while (performance.now() < end && !process.ended()) {
    try {
      using connection = await Deno.connect({ hostname: HOSTNAME, port });
      await connection.write(connect("first", 4));
      if (await connection.read(new Uint8Array(4)) !== null) return;
    } catch (error) {
      if (!(error instanceof Deno.errors.ConnectionRefused)) throw error;
      await new Promise((resolve) => setTimeout(resolve, 1));
    }
  }
  throw new Error(`Cannot start a broker: no CONNACK on port ${port} within ${START_LIMIT / 1000} s`);
}
