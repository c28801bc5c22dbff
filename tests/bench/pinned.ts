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

/** Starts a command on a core, with as many file descriptors as the system allows. */
export function spawnPinned(core: number, command: readonly string[], env: Record<string, string> = {}): Spawned {
  // `exec` twice: the process that we get is the command itself, so that its figures are its own.
  const script = 'ulimit -Sn "$(ulimit -Hn)"; exec taskset -c "$0" "$@"';
  const child = new Deno.Command("sh", {
    args: ["-c", script, String(core), ...command],
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
    env,
  }).spawn();
  running.add(child);
  let ended = false;
  const output = child.output().then((result) => {
    ended = true;
    running.delete(child);
    return result;
  });
  return {
    pid: child.pid,
    ended: () => ended,
    async output() {
      const { success, stdout, stderr } = await output;
      const decoder = new TextDecoder();
      if (success) return decoder.decode(stdout);
      throw new Error(decoder.decode(stderr).trim().slice(-1000) || `Cannot run ${command[0]}: it failed`);
    },
    async stop() {
      if (!ended) child.kill("SIGTERM");
      const force = setTimeout(() => child.kill("SIGKILL"), PATIENCE);
      await output;
      clearTimeout(force);
    },
  };
}

/** Ends at once whatever still runs; for when the benchmark itself is ended. */
export function killAll(): void {
  for (const child of running) child.kill("SIGKILL");
}
