/**
 * A TCP proxy that misbehaves on demand: it cuts, stalls, delays, fragments, corrupts and half-closes, at exact
 * byte counts, so that a seeded run meets the same faults each time.
 *
 * @module
 */

/** What happens to the bytes that go one way; `after` and `at` count the bytes of this direction since the connect. */
export type Fault =
  /** Both sockets close once `after` bytes have passed; the rest is lost. */
  | { readonly kind: "cut"; readonly after: number }
  /** The client's socket closes once `after` bytes have passed; the server is not told, its socket stays open. */
  | { readonly kind: "vanish"; readonly after: number }
  /** Nothing more passes this way once `after` bytes have passed; both sockets stay open. */
  | { readonly kind: "stall"; readonly after: number }
  /** The receiver sees the end of this direction once `after` bytes have passed; the other direction goes on. */
  | { readonly kind: "halfClose"; readonly after: number }
  /** Each chunk waits `milliseconds` before it goes on. */
  | { readonly kind: "delay"; readonly milliseconds: number }
  /** Chunks go on in pieces of `size` bytes at most, each in its own write. */
  | { readonly kind: "fragment"; readonly size: number }
  /** The byte number `at` (0 is the first) is exclusive-or'ed with `mask`. */
  | { readonly kind: "corrupt"; readonly at: number; readonly mask: number };

/** The faults of one connection. */
export interface ConnectionFaults {
  /** From the client to the server. */
  readonly up?: readonly Fault[];
  /** From the server to the client. */
  readonly down?: readonly Fault[];
}

/** Options of {@linkcode startProxy}. */
export interface ProxyOptions {
  /** Faults of the connection number `index` (0 is the first). Default: none. */
  readonly faults?: (index: number) => ConnectionFaults;
}

/** A running proxy in front of one TCP port of 127.0.0.1. */
export class Proxy implements AsyncDisposable {
  readonly #listener: Deno.TcpListener;
  readonly #target: number;
  readonly #faults: (index: number) => ConnectionFaults;
  readonly #open = new Set<Link>();
  readonly #running = new Set<Promise<void>>();
  #accepted = 0;

  /** Listens on a free port of 127.0.0.1 and passes each connection on to `target`. */
  constructor(target: number, options: ProxyOptions = {}) {
    this.#listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
    this.#target = target;
    this.#faults = options.faults ?? (() => ({}));
    this.#track(this.#accept());
  }

  /** Where clients connect to. */
  get port(): number {
    return this.#listener.addr.port;
  }

  /** Connections taken so far. */
  get accepted(): number {
    return this.#accepted;
  }

  /** Connections open now. */
  get open(): number {
    return this.#open.size;
  }

  /** Closes every connection at once, losing what is under way; new connections are still taken. */
  cut(): void {
    for (const link of this.#open) link.close();
  }

  /** Stops to pass bytes in both directions, on the open connections, until {@linkcode resume}. */
  stall(): void {
    for (const link of this.#open) link.stall();
  }

  /** Ends a {@linkcode stall}. */
  resume(): void {
    for (const link of this.#open) link.resume();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#listener.close();
    this.cut();
    await Promise.all(this.#running);
  }

  #track(task: Promise<void>): void {
    const settled = task.finally(() => this.#running.delete(settled));
    this.#running.add(settled);
  }

  async #accept(): Promise<void> {
    for (;;) {
      const client = await this.#listener.accept().catch(() => undefined);
      if (client === undefined) return;
      this.#track(this.#serve(client, this.#faults(this.#accepted++)));
    }
  }

  async #serve(client: Deno.TcpConn, faults: ConnectionFaults): Promise<void> {
    const server = await Deno.connect({ hostname: "127.0.0.1", port: this.#target }).catch(() => undefined);
    if (server === undefined) return close(client);
    client.setNoDelay(true);
    server.setNoDelay(true);
    const link = new Link(client, server);
    this.#open.add(link);
    await link.run(faults);
    this.#open.delete(link);
  }
}

/** Two sockets and the bytes between them. */
class Link {
  readonly #client: Deno.TcpConn;
  readonly #server: Deno.TcpConn;
  readonly #timers = new Map<ReturnType<typeof setTimeout>, () => void>();
  #gate: { readonly opened: Promise<void>; readonly open: () => void } | undefined;
  #closed = false;
  #vanished = false;

  constructor(client: Deno.TcpConn, server: Deno.TcpConn) {
    this.#client = client;
    this.#server = server;
  }

  async run(faults: ConnectionFaults): Promise<void> {
    await Promise.all([
      this.#pass(this.#client, this.#server, faults.up ?? []),
      this.#pass(this.#server, this.#client, faults.down ?? []),
    ]);
    this.close();
  }

  stall(): void {
    if (this.#gate !== undefined || this.#closed) return;
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#gate = { opened: promise, open: resolve };
  }

  resume(): void {
    this.#gate?.open();
    this.#gate = undefined;
  }

  close(): void {
    this.#closed = true;
    this.resume();
    for (const [timer, wake] of this.#timers) {
      clearTimeout(timer);
      wake();
    }
    close(this.#client);
    close(this.#server);
  }

  /** Lets go of the client, and keeps what the server thinks is a connection until the server itself ends it. */
  #vanish(): void {
    this.#vanished = true;
    close(this.#client);
  }

  async #pass(from: Deno.TcpConn, to: Deno.TcpConn, faults: readonly Fault[]): Promise<void> {
    const end = endOf(faults);
    const buffer = new Uint8Array(16_384);
    let passed = 0;
    try {
      while (passed < end.after) {
        const count = await from.read(buffer);
        if (count === null) return await to.closeWrite();
        await this.#gate?.opened;
        if (this.#closed) return;
        const chunk = buffer.subarray(0, Math.min(count, end.after - passed));
        corrupt(chunk, passed, faults);
        await this.#write(to, chunk, faults);
        passed += chunk.length;
      }
      if (end.kind === "cut") this.close();
      if (end.kind === "vanish") this.#vanish();
      if (end.kind === "halfClose") await to.closeWrite();
      await this.#drain(from);
    } catch {
      // A reset or closed socket: that is what a proxy of faults is for. Both ends learn of it.
      if (!this.#vanished) return this.close();
      if (from === this.#server) await this.#drain(from).catch(() => {});
    }
  }

  async #write(to: Deno.TcpConn, chunk: Uint8Array, faults: readonly Fault[]): Promise<void> {
    let size = chunk.length;
    for (const fault of faults) {
      if (fault.kind === "delay") await this.#sleep(fault.milliseconds);
      if (fault.kind === "fragment") size = fault.size;
    }
    for (let start = 0; start < chunk.length; start += size) {
      const piece = chunk.subarray(start, start + size);
      for (let sent = 0; sent < piece.length;) sent += await to.write(piece.subarray(sent));
    }
  }

  /** Reads on after a stall or a half-close, so that the end of the sender is noticed, and passes nothing. */
  async #drain(from: Deno.TcpConn): Promise<void> {
    const buffer = new Uint8Array(16_384);
    while (!this.#closed) {
      if (await from.read(buffer) === null) return;
    }
  }

  #sleep(milliseconds: number): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    const wake = () => {
      this.#timers.delete(timer);
      resolve();
    };
    const timer = setTimeout(wake, milliseconds);
    this.#timers.set(timer, wake);
    return promise;
  }
}

/** How and where a direction ends; without such a fault never. */
function endOf(faults: readonly Fault[]): { kind: "cut" | "vanish" | "stall" | "halfClose"; after: number } {
  for (const fault of faults) {
    if ("after" in fault) return fault;
  }
  return { kind: "stall", after: Infinity };
}

function corrupt(chunk: Uint8Array, offset: number, faults: readonly Fault[]): void {
  for (const fault of faults) {
    if (fault.kind !== "corrupt") continue;
    const at = fault.at - offset;
    const byte = chunk[at];
    if (byte !== undefined) chunk[at] = byte ^ fault.mask;
  }
}

function close(conn: Deno.TcpConn): void {
  try {
    conn.close();
  } catch {
    // Closed already.
  }
}

/** Starts a proxy in front of `target`, a TCP port of 127.0.0.1. */
export function startProxy(target: number, options: ProxyOptions = {}): Proxy {
  return new Proxy(target, options);
}
