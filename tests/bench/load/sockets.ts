/**
 * TCP sockets straight from libc, without an event loop: one system call costs what it costs and no more. So one core
 * can load a broker that handles millions of messages per second, and a latency is taken the moment `poll` returns.
 *
 * Linux only, like the rest of the benchmark. Every call returns at once, except `connectTo` (immediate on the loopback
 * interface, as the kernel answers for a listening server) and `poll`, which is what the generator waits in.
 *
 * @module
 */

const AF_INET = 2;
const SOCK_STREAM_CLOEXEC = 1 | 0o2000000;
const IPPROTO_TCP = 6;
const TCP_NODELAY = 1;
const MSG_DONTWAIT = 0x40;
const MSG_NOSIGNAL = 0x4000;
const F_GETFL = 3;
const F_SETFL = 4;
const O_NONBLOCK = 0o4000;
const EINTR = 4;
const EAGAIN = 11;
const ECONNRESET = 104;

/** `events` and `revents` bits of `poll`. */
export const POLLIN = 1;
export const POLLOUT = 4;

const libc = Deno.dlopen("libc.so.6", {
  socket: { parameters: ["i32", "i32", "i32"], result: "i32" },
  connect: { parameters: ["i32", "buffer", "u32"], result: "i32" },
  setsockopt: { parameters: ["i32", "i32", "i32", "buffer", "u32"], result: "i32" },
  send: { parameters: ["i32", "buffer", "usize", "i32"], result: "isize" },
  recv: { parameters: ["i32", "buffer", "usize", "i32"], result: "isize" },
  ppoll: { parameters: ["buffer", "usize", "buffer", "pointer"], result: "i32" },
  close: { parameters: ["i32"], result: "i32" },
  fcntl: { parameters: ["i32", "i32", "i32"], result: "i32" },
  __errno_location: { parameters: [], result: "pointer" },
});

function errno(): number {
  const location = libc.symbols.__errno_location();
  return location === null ? 0 : new Deno.UnsafePointerView(location).getInt32();
}

/** Opens a connection to `hostname` (IPv4 in dotted form) with TCP_NODELAY set; returns the file descriptor. */
export function connectTo(hostname: string, port: number): number {
  const fd = libc.symbols.socket(AF_INET, SOCK_STREAM_CLOEXEC, 0);
  if (fd < 0) throw new Error(`Cannot open a socket: errno ${errno()}`);
  const address = new Uint8Array(16);
  const view = new DataView(address.buffer);
  view.setUint16(0, AF_INET, true);
  view.setUint16(2, port);
  address.set(hostname.split(".").map(Number), 4);
  if (libc.symbols.connect(fd, address, address.length) !== 0) {
    const code = errno();
    libc.symbols.close(fd);
    throw new Error(`Cannot connect to ${hostname}:${port}: errno ${code}`);
  }
  libc.symbols.setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, new Uint8Array([1, 0, 0, 0]), 4);
  return fd;
}

/** Sends what the socket takes now; returns the number of bytes, 0 when it takes none. */
export function send(fd: number, bytes: Uint8Array<ArrayBuffer>): number {
  const sent = Number(libc.symbols.send(fd, bytes, BigInt(bytes.length), MSG_DONTWAIT | MSG_NOSIGNAL));
  if (sent >= 0) return sent;
  const code = errno();
  if (code === EAGAIN || code === EINTR) return 0;
  throw new Error(`Cannot send to the broker: errno ${code}`);
}

/** Receives what is there; returns the number of bytes, 0 when nothing is there, -1 at the end of the stream. */
export function receive(fd: number, into: Uint8Array<ArrayBuffer>): number {
  const received = Number(libc.symbols.recv(fd, into, BigInt(into.length), MSG_DONTWAIT));
  if (received > 0) return received;
  if (received === 0) return -1;
  const code = errno();
  if (code === EAGAIN || code === EINTR) return 0;
  if (code === ECONNRESET) return -1;
  throw new Error(`Cannot receive from the broker: errno ${code}`);
}

/** Has libraries that read and write the socket by themselves return at once, too. */
export function setNonBlocking(fd: number): void {
  libc.symbols.fcntl(fd, F_SETFL, libc.symbols.fcntl(fd, F_GETFL, 0) | O_NONBLOCK);
}

/** Does nothing for some milliseconds. */
export function pause(milliseconds: number): void {
  new PollSet().wait(milliseconds);
}

/** Closes a socket. */
export function close(fd: number): void {
  libc.symbols.close(fd);
}

/** The argument of `poll`: a growing array of `struct pollfd { int fd; short events; short revents; }`. */
export class PollSet {
  #words = new Int32Array(2 * 16);
  #halves = new Int16Array(this.#words.buffer);
  readonly #timeout = new BigInt64Array(2);
  #length = 0;

  /** Number of descriptors watched. */
  get length(): number {
    return this.#length;
  }

  /** Watches `fd`; returns its place in the set. */
  add(fd: number, events: number): number {
    if (2 * this.#length === this.#words.length) this.#grow();
    const place = this.#length++;
    this.#words[2 * place] = fd;
    this.watch(place, events);
    return place;
  }

  /** Changes what is watched; 0 still reports errors and hang-ups. */
  watch(place: number, events: number): void {
    this.#halves[4 * place + 2] = events;
  }

  /** Fills the place with the last descriptor of the set. */
  remove(place: number): void {
    const last = --this.#length;
    this.#words[2 * place] = this.#words[2 * last] ?? -1;
    this.#words[2 * place + 1] = this.#words[2 * last + 1] ?? 0;
  }

  /** What happened at the place in the last `wait`: 0, or bits of POLLIN, POLLOUT, POLLERR, POLLHUP. */
  happened(place: number): number {
    return this.#halves[4 * place + 3] ?? 0;
  }

  /** Waits until something happens, `milliseconds` (fractions count) at most; returns how many descriptors it is. */
  wait(milliseconds: number): number {
    const whole = Math.max(0, Math.round(milliseconds * 1e6));
    this.#timeout[0] = BigInt(Math.floor(whole / 1e9));
    this.#timeout[1] = BigInt(whole % 1e9);
    return libc.symbols.ppoll(this.#words, BigInt(this.#length), this.#timeout, null);
  }

  #grow(): void {
    const words = new Int32Array(2 * this.#words.length);
    words.set(this.#words);
    this.#words = words;
    this.#halves = new Int16Array(words.buffer);
  }
}
