/**
 * Moves bytes between sockets and the parties of a scenario, in one thread and without promises.
 *
 * @module
 */

import { type Channel, type Connect, tcpChannel } from "./channel.ts";
import { POLLIN, POLLOUT, PollSet } from "./sockets.ts";

/** Whoever is at the generator's end of a connection. */
export interface Party {
  /** Takes whole packets from the first `filled` bytes and returns how many bytes they were. */
  receive(bytes: Uint8Array, filled: number): number;
  /** What to send next, if there is something; the bytes stay as they are until it is asked again. */
  next(): Uint8Array<ArrayBuffer> | undefined;
}

/** Size of a read buffer: the largest packet of the scenarios (64 KiB and its header) fits several times. */
const READ_SIZE = 256 * 1024;

/** One connection of the generator. */
export class Connection {
  /** Set by a party that shall not read: the subscriber that is stuck. */
  paused = false;
  /** The broker closed it. */
  ended = false;
  readonly #channel: Channel;
  readonly #input: Uint8Array<ArrayBuffer>;
  #filled = 0;
  #output: Uint8Array<ArrayBuffer> | undefined;

  constructor(readonly party: Party, channel: Channel, readSize: number) {
    this.#channel = channel;
    this.#input = new Uint8Array(readSize);
  }

  /** Descriptor for `poll`. */
  get fd(): number {
    return this.#channel.fd;
  }

  /** What to poll for: room to write is of interest while a write is unfinished only. */
  get interest(): number {
    if (this.ended) return 0;
    const isWriting = this.#output !== undefined || this.#channel.isUnsent;
    return (this.paused ? 0 : POLLIN) | (isWriting ? POLLOUT : 0);
  }

  /** Whether there may be something to read that `poll` does not know of. */
  get isUnread(): boolean {
    return !this.paused && !this.ended && this.#channel.isUnread;
  }

  /** Reads once and hands the packets over. */
  read(): void {
    const received = this.#channel.receive(this.#input.subarray(this.#filled));
    if (received < 0) this.#end();
    if (received <= 0) return;
    const filled = this.#filled + received;
    const used = this.party.receive(this.#input, filled);
    if (used === 0 && filled === this.#input.length) throw new Error("Cannot receive a packet larger than the buffer");
    if (used < filled) this.#input.copyWithin(0, used, filled);
    this.#filled = filled - used;
  }

  /** Sends what the party has, until the socket is full or the party has no more. */
  write(): void {
    if (!this.ended) this.#channel.flush();
    while (!this.ended) {
      this.#output ??= this.party.next();
      if (this.#output === undefined) return;
      const sent = this.#channel.send(this.#output);
      if (sent < this.#output.length) {
        this.#output = this.#output.subarray(sent);
        return;
      }
      this.#output = undefined;
    }
  }

  #end(): void {
    this.ended = true;
    if (!this.paused) throw new Error("Cannot go on: the broker closed a connection");
  }

  /** Closes the socket. */
  close(): void {
    this.ended = true;
    this.#channel.close();
  }
}

/** The connections of a scenario. */
export class Reactor {
  readonly #connections: Connection[] = [];
  readonly #polls = new PollSet();
  readonly #nothing = new PollSet();
  readonly #hostname: string;
  readonly #port: number;
  readonly #connect: Connect;

  constructor(hostname: string, port: number, connect: Connect = tcpChannel) {
    this.#hostname = hostname;
    this.#port = port;
    this.#connect = connect;
  }

  /** Connects a party. */
  add(party: Party, readSize = READ_SIZE): Connection {
    const connection = new Connection(party, this.#connect(this.#hostname, this.#port), readSize);
    this.#connections.push(connection);
    this.#polls.add(connection.fd, POLLIN);
    return connection;
  }

  /** One turn: writes what there is to write, waits for the brokers' bytes, reads each connection at most once. */
  turn(milliseconds: number): void {
    for (let place = 0; place < this.#connections.length; place++) {
      const connection = this.#connections[place]!; // place is within the array
      connection.write();
      this.#polls.watch(place, connection.interest);
    }
    const happened = this.#polls.wait(milliseconds) > 0;
    for (let place = 0; place < this.#connections.length; place++) {
      const connection = this.#connections[place]!;
      const isReadable = happened && (this.#polls.happened(place) & ~POLLOUT) !== 0;
      if ((isReadable || connection.isUnread) && !connection.ended) connection.read();
    }
  }

  /**
   * Turns until `done` says so; false when `seconds` passed before. Between turns it rests for `rest` milliseconds: a
   * broker that sends packet by packet would else keep the generator busy with wake-ups, and both would be slower for it.
   */
  run(done: () => boolean, seconds: number, rest = 0): boolean {
    const end = performance.now() + seconds * 1000;
    while (!done()) {
      if (performance.now() > end) return false;
      this.turn(10);
      if (rest > 0) this.rest(rest);
    }
    return true;
  }

  /** Sleeps for a moment. */
  rest(milliseconds: number): void {
    this.#nothing.wait(milliseconds);
  }

  /** Takes a connection out of the turns and leaves it open. */
  release(connection: Connection): void {
    const place = this.#connections.indexOf(connection);
    if (place < 0) return;
    const last = this.#connections.pop()!; // not empty: the connection is in it
    if (last !== connection) this.#connections[place] = last;
    this.#polls.remove(place);
  }

  /** Closes all connections that are still here. */
  close(): void {
    for (const connection of this.#connections) connection.close();
    this.#connections.length = 0;
  }
}
