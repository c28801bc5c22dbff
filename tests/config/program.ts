/**
 * Our broker as a program with a configuration file, in a folder of its own.
 *
 * @module
 */

import { RunningProcess } from "../support/process.ts";
import { freePort } from "../support/ports.ts";

/** A broker with its folder. */
export interface ConfiguredBroker extends AsyncDisposable {
  readonly process: RunningProcess;
  readonly port: number;
  /** A folder that any user may use. */
  readonly folder: string;
  /** Writes the configuration anew; `{port}` and `{folder}` stand for this broker's. */
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
  const folder = await Deno.makeTempDir({ prefix: "config-" });
  await Deno.chmod(folder, 0o777);
  const port = freePort();
  const path = `${folder}/mosquitto.conf`;
  const configure = (newLines: readonly string[]) => {
    const text = ["user root", ...newLines, ""].join("\n").replaceAll("{port}", `${port}`).replaceAll(
      "{folder}",
      folder,
    );
    return Deno.writeTextFile(path, text);
  };
  await configure(lines);
  const start = () => new RunningProcess(Deno.execPath(), ["run", "-A", "broker/mod.ts", "-c", path, ...args]);
  const process = start();
  let reloads = 0;
  const broker: ConfiguredBroker = {
    process,
    port,
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
  try {
    await process.waitForLine(/version \S+ running/);
    return broker;
  } catch (error) {
    await broker[Symbol.asyncDispose]();
    throw error;
  }
}

/** A configuration for the network that lets anyone in. */
export const OPEN = ["listener {port} 127.0.0.1", "allow_anonymous true"];
