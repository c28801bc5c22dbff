/**
 * What the platform allows: a broker that is none. It knows QoS 0, exact topics, and nothing else, and moves bytes as the
 * real one is meant to: a chunk in, the packets copied to the output buffers of their subscribers, one write for each
 * connection at the end of the chunk. No limits, no checks, no errors: for `deno task bench --with skeleton` only.
 *
 *     deno run -A tests/bench/skeleton.ts --port 1883
 *
 * @module
 */

const decoder = new TextDecoder();

/** Subscribers by topic. */
const subscribers = new Map<string, Set<Client>>();
/** Connections whose output buffer got something during this chunk. */
const dirty: Client[] = [];

/** One connection. */
class Client {
  readonly #conn: Deno.Conn;
  #input = new Uint8Array(512);
  #output = new Uint8Array(1024);
  #spare: Uint8Array<ArrayBuffer> | undefined;
  #length = 0;
  #writing = false;
  // The topic of the packet before: publishers repeat themselves, so that most topics are compared, not decoded.
  #topic = new Uint8Array(0);
  #matched: Set<Client> = new Set();

  constructor(conn: Deno.Conn) {
    this.#conn = conn;
  }

  async serve(): Promise<void> {
    let filled = 0;
    for (;;) {
      const received = await this.#conn.read(this.#input.subarray(filled));
      if (received === null) return;
      filled += received;
      const used = this.#packets(filled);
      this.#input.copyWithin(0, used, filled);
      filled -= used;
      for (const client of dirty) client.flush();
      dirty.length = 0;
      if (filled + received > this.#input.length / 2 && this.#input.length < 256 * 1024) this.#grow(filled);
    }
  }

  /** Appends a packet to the output; it leaves at the end of the chunk. */
  put(bytes: Uint8Array, start: number, end: number): void {
    if (this.#length === 0) dirty.push(this);
    const size = end - start;
    if (this.#length + size > this.#output.length) this.#growOutput(this.#length + size);
    // A short copy byte by byte is faster than `set` with a new view.
    const output = this.#output;
    let at = this.#length;
    if (size > 256) output.set(bytes.subarray(start, end), at);
    else for (let from = start; from < end; from++) output[at++] = bytes[from]!; // within both arrays
    this.#length += size;
  }

  /** Writes what has gathered, unless a write is under way: that one will see to it. */
  flush(): void {
    if (!this.#writing) void this.#write();
  }

  async #write(): Promise<void> {
    this.#writing = true;
    while (this.#length > 0) {
      const bytes = this.#output;
      const length = this.#length;
      this.#output = this.#spare ?? new Uint8Array(bytes.length);
      this.#length = 0;
      for (let sent = 0; sent < length;) sent += await this.#conn.write(bytes.subarray(sent, length));
      if (bytes.length >= this.#output.length) this.#spare = bytes;
    }
    this.#writing = false;
  }

  #packets(filled: number): number {
    const bytes = this.#input;
    let at = 0;
    while (at + 2 <= filled) {
      let body = at + 1;
      let length = 0;
      for (let shift = 0; body < filled; shift += 7) {
        const byte = bytes[body++]!; // body is below filled
        length |= (byte & 0x7f) << shift;
        if (byte < 0x80) break;
      }
      const end = body + length;
      if (end > filled) return at;
      this.#packet(bytes[at]! >> 4, at, body, end);
      at = end;
    }
    return at;
  }

  #packet(type: number, at: number, body: number, end: number): void {
    const bytes = this.#input;
    if (type === 3) {
      for (const client of this.#match(body)) client.put(bytes, at, end);
    } else if (type === 1) {
      this.#answer([0x20, 2, 0, 0]);
    } else if (type === 8) {
      this.#answer([0x90, 3, bytes[body]!, bytes[body + 1]!, 0]);
      for (let next = body + 2; next < end;) {
        const size = (bytes[next]! << 8) | bytes[next + 1]!;
        const topic = decoder.decode(bytes.subarray(next + 2, next + 2 + size));
        subscribersOf(topic).add(this);
        next += 3 + size;
      }
    }
  }

  #match(body: number): Set<Client> {
    const bytes = this.#input;
    const size = (bytes[body]! << 8) | bytes[body + 1]!;
    const known = this.#topic;
    let same = size === known.length;
    for (let k = 0; same && k < size; k++) same = bytes[body + 2 + k] === known[k];
    if (same) return this.#matched;
    this.#topic = bytes.slice(body + 2, body + 2 + size);
    this.#matched = subscribersOf(decoder.decode(this.#topic));
    return this.#matched;
  }

  #answer(bytes: number[]): void {
    this.put(new Uint8Array(bytes), 0, bytes.length);
  }

  #grow(filled: number): void {
    const larger = new Uint8Array(Math.max(2 * this.#input.length, 64 * 1024));
    larger.set(this.#input.subarray(0, filled));
    this.#input = larger;
  }

  #growOutput(size: number): void {
    const larger = new Uint8Array(Math.max(2 * this.#output.length, size));
    larger.set(this.#output.subarray(0, this.#length));
    this.#output = larger;
    this.#spare = undefined;
  }
}

function subscribersOf(topic: string): Set<Client> {
  let clients = subscribers.get(topic);
  if (clients === undefined) subscribers.set(topic, clients = new Set());
  return clients;
}

if (import.meta.main) {
  const port = Number(Deno.args[Deno.args.indexOf("--port") + 1]);
  const listener = Deno.listen({ hostname: "127.0.0.1", port });
  for await (const conn of listener) {
    conn.setNoDelay(true);
    // A broken connection is the generator's end.
    new Client(conn).serve().catch((error) => console.error(error.message)).finally(() => conn.close());
  }
}
