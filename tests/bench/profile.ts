/**
 * Where a broker's time goes: a CPU profile by way of the inspector of Deno.
 *
 * @module
 */

/** A profile as the inspector gives it, as far as it is used here. */
interface CpuProfile {
  readonly nodes: readonly {
    readonly id: number;
    readonly callFrame: { readonly functionName: string; readonly url: string; readonly lineNumber: number };
  }[];
  readonly samples: readonly number[];
  readonly timeDeltas: readonly number[];
}

interface Reply {
  readonly id?: number;
  readonly result?: { readonly profile?: CpuProfile };
}

/** Microseconds between samples. */
const INTERVAL = 200;
const PATIENCE = 10_000;

/** Takes the profile of a process that runs with `--inspect=127.0.0.1:port`. */
export class Profiler {
  readonly #socket: WebSocket;
  readonly #waiting = new Map<number, (reply: Reply) => void>();
  #id = 0;

  private constructor(socket: WebSocket) {
    this.#socket = socket;
    socket.addEventListener("message", ({ data }) => {
      const reply: Reply = JSON.parse(data);
      if (reply.id !== undefined) this.#waiting.get(reply.id)?.(reply);
    });
  }

  /** Connects and begins to sample. */
  static async start(port: number): Promise<Profiler> {
    const signal = AbortSignal.timeout(PATIENCE);
    const pages: { webSocketDebuggerUrl: string }[] = await (await fetch(`http://127.0.0.1:${port}/json`, { signal }))
      .json();
    const url = pages[0]?.webSocketDebuggerUrl;
    if (url === undefined) throw new Error("Cannot profile: the inspector offers no page");
    const socket = new WebSocket(url);
    await new Promise((resolve, reject) => {
      socket.addEventListener("open", resolve);
      socket.addEventListener("error", reject);
    });
    const profiler = new Profiler(socket);
    await profiler.#call("Profiler.enable");
    await profiler.#call("Profiler.setSamplingInterval", { interval: INTERVAL });
    await profiler.#call("Profiler.start");
    return profiler;
  }

  /** Ends sampling; returns the functions that took the most time themselves, with their share of the busy time. */
  async stop(count = 25): Promise<string[]> {
    const { result } = await this.#call("Profiler.stop");
    this.#socket.close();
    return result?.profile === undefined ? [] : hotSpots(result.profile, count);
  }

  #call(method: string, params: Record<string, number> = {}): Promise<Reply> {
    const id = ++this.#id;
    const reply = new Promise<Reply>((resolve, reject) => {
      const limit = setTimeout(() => reject(new Error(`Cannot profile: ${method} took too long`)), PATIENCE);
      this.#waiting.set(id, (reply) => {
        clearTimeout(limit);
        resolve(reply);
      });
    });
    this.#socket.send(JSON.stringify({ id, method, params }));
    return reply;
  }
}

function hotSpots(profile: CpuProfile, count: number): string[] {
  const names = new Map(profile.nodes.map(({ id, callFrame }) => {
    const place = callFrame.url === ""
      ? ""
      : ` ${callFrame.url.split("/").slice(-2).join("/")}:${callFrame.lineNumber + 1}`;
    return [id, `${callFrame.functionName || "(anonymous)"}${place}`];
  }));
  const times = new Map<string, number>();
  let busy = 0;
  profile.samples.forEach((sample, index) => {
    const name = names.get(sample) ?? "?";
    if (name === "(idle)") return;
    const time = profile.timeDeltas[index] ?? 0;
    busy += time;
    times.set(name, (times.get(name) ?? 0) + time);
  });
  const sorted = [...times].sort(([, a], [, b]) => b - a).slice(0, count);
  return sorted.map(([name, time]) => `${(100 * time / busy).toFixed(1).padStart(5)} %  ${name}`);
}
