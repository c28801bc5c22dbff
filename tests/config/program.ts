/**
 * Our broker as a program with a configuration file, in a folder of its own.
 *
 * @module
 */

import { AssertionError } from "@std/assert";
import { RunningProcess } from "../support/process.ts";
import { freePort } from "../support/ports.ts";

/** A broker with its folder. */
export interface ConfiguredBroker extends AsyncDisposable {
  readonly process: RunningProcess;
  readonly port: number;
  /** Ports that `{port}`, `{port2}`, `{port3}` and so on stand for. */
  readonly ports: readonly number[];
  /** A folder that any user may use. */
  readonly folder: string;
  /** Writes the configuration anew; `{port}`, `{port2}` ... `{port9}` and `{folder}` stand for this broker's. */
  configure(lines: readonly string[]): Promise<void>;
  /** Starts it again; whoever calls this stops it. */
  restart(): RunningProcess;
  /** Has it read its configuration again, and waits until it has done so. */
  reload(): Promise<void>;
}

/** Starts the program with these lines, behind `user root`, and waits until it runs. */
export async function startConfigured(
  lines: readonly string[],
  args: readonly string[] = [],
): Promise<ConfiguredBroker> {
  // Somebody else may take a port between our look and the broker's.
  for (let attempt = 1; attempt < 5; attempt++) {
    const broker = await configured(lines, args);
    try {
      await broker.process.waitForLine(/version \S+ running/);
      return broker;
    } catch (error) {
      await broker[Symbol.asyncDispose]();
      if (!broker.process.stderr.includes("Address already in use")) throw error;
    }
  }
  throw new AssertionError("Cannot start the broker: no port stayed free");
}

async function configured(lines: readonly string[], args: readonly string[]): Promise<ConfiguredBroker> {
  const folder = await Deno.makeTempDir({ prefix: "config-" });
  await Deno.chmod(folder, 0o777);
  const ports = Array.from({ length: 9 }, freePort);
  const [port = 0] = ports;
  const path = `${folder}/mosquitto.conf`;
  const configure = (newLines: readonly string[]) => {
    const text = ["user root", ...newLines, ""].join("\n").replaceAll("{folder}", folder);
    return Deno.writeTextFile(
      path,
      text.replaceAll(/\{port([2-9]?)\}/g, (_, number: string) => `${ports[Number(number || "1") - 1]}`),
    );
  };
  await configure(lines);
  const start = () => new RunningProcess(Deno.execPath(), ["run", "-A", "broker/mod.ts", "-c", path, ...args]);
  const process = start();
  let reloads = 0;
  return {
    process,
    port,
    ports,
    folder,
    configure,
    restart: start,
    async reload() {
      Deno.kill(process.pid, "SIGHUP");
      await process.waitForLines(/(Config reloaded|Cannot reload: .*)\.?$/, ++reloads);
    },
    async [Symbol.asyncDispose]() {
      await process.stop();
      await Deno.remove(folder, { recursive: true });
    },
  };
}

/** A configuration for the network that lets anyone in. */
export const OPEN = ["listener {port} 127.0.0.1", "allow_anonymous true"];
