/**
 * Processes that stay on one core, and end with the benchmark.
 *
 * @module
 */

/** The broker has this core to itself. */
export const BROKER_CORE = 0;
/** The load generator, or the client that is measured, has this one. */
export const LOAD_CORE = 1;

/** A child process. */
export interface Spawned {
  readonly pid: number;
  /** What it wrote to its standard output, once it has ended well; rejects with its standard error otherwise. */
  output(): Promise<string>;
  ended(): boolean;
  /** Ends it, by force if it takes long. */
  stop(): Promise<void>;
}

const PATIENCE = 5_000;
const running = new Set<Deno.ChildProcess>();

/** Keeps the benchmark itself away from the brokers' core. */
export function pinSelf(): void {
  new Deno.Command("taskset", { args: ["-acp", String(LOAD_CORE), String(Deno.pid)], stdout: "null" }).outputSync();
}

/**
 * Starts a command on a core, with as many file descriptors as the system allows. What a broker logs is of no interest
 * (`output: "null"`) and would cost the reader time.
 */
export function spawnPinned(core: number, command: readonly string[], output: "piped" | "null" = "piped"): Spawned {
  // `exec` twice: the process that we get is the command itself, so that its figures are its own.
  const script = 'ulimit -Sn "$(ulimit -Hn)"; exec taskset -c "$0" "$@"';
  const child = new Deno.Command("sh", {
    args: ["-c", script, String(core), ...command],
    stdin: "null",
    stdout: output,
    stderr: output,
  }).spawn();
  running.add(child);
  let ended = false;
  const result = (output === "piped" ? child.output() : silent(child)).finally(() => {
    ended = true;
    running.delete(child);
  });
  return {
    pid: child.pid,
    ended: () => ended,
    async output() {
      const { success, stdout, stderr } = await result;
      const decoder = new TextDecoder();
      if (success) return decoder.decode(stdout);
      throw new Error(decoder.decode(stderr).trim().slice(-1000) || `Cannot run ${command[0]}: it failed`);
    },
    async stop() {
      if (!ended) child.kill("SIGTERM");
      const force = setTimeout(() => child.kill("SIGKILL"), PATIENCE);
      await result;
      clearTimeout(force);
    },
  };
}

async function silent(child: Deno.ChildProcess): Promise<Deno.CommandOutput> {
  const none = new Uint8Array(0);
  return { ...await child.status, stdout: none, stderr: none };
}

/** Ends at once whatever still runs; for when the benchmark itself is ended. */
export function killAll(): void {
  for (const child of running) child.kill("SIGKILL");
}
