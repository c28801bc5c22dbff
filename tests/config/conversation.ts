/**
 * What a broker answers to a script, byte by byte.
 *
 * @module
 */

import { AssertionError } from "@std/assert";
import { encodePacket } from "../../codec/encode.ts";
import { Framer } from "../../codec/framer.ts";
import type { Packet, ProtocolVersion } from "../../codec/packets.ts";
import { type Link, tcpLink } from "../support/raw_link.ts";
import { connectPacket, type RawConnectOptions } from "../support/raw_packets.ts";

/** Longest wait for bytes, in milliseconds: a watchdog, not an expectation. */
const PATIENCE = 5_000;
const PINGREQ = new Uint8Array([0xc0, 0x00]);

/** A listener of the broker. */
export interface Endpoint {
  readonly port: number;
  readonly protocol: "tcp" | "tcp6" | "tls" | "ws" | "wss" | "unix";
  /** Path of the Unix socket. */
  readonly path: string;
  /** PEM of the authority of the server's certificate. */
  readonly caCert?: string;
}

/** What a client shows: PEM. */
export interface ClientCertificate {
  readonly cert: string;
  readonly key: string;
}

/** Talks with a broker at its listeners and writes down all that it says: `name 20020000`, `name closed`. */
export class Conversation implements AsyncDisposable {
  /** What was received, in the order in which the script asked for it. */
  readonly lines: string[] = [];
  /** Certificates of clients by a name that a test gives them. */
  readonly certificates: Readonly<Record<string, ClientCertificate>>;
  /** The listener that clients connect to unless they say which. */
  readonly #first: number;
  readonly #endpoints: readonly Endpoint[];
  readonly #clients: Talker[] = [];

  constructor(
    endpoints: readonly Endpoint[],
    first: number,
    certificates: Readonly<Record<string, ClientCertificate>>,
  ) {
    this.#endpoints = endpoints;
    this.#first = first;
    this.certificates = certificates;
  }

  /** Opens a connection to a listener; sends nothing. */
  async open(
    name: string,
    version: ProtocolVersion = 4,
    listener: number = this.#first,
    certificate?: ClientCertificate,
  ): Promise<Talker> {
    const endpoint = this.#endpoints[listener];
    if (endpoint === undefined) throw new AssertionError(`Expected a port for listener ${listener}`);
    const talker = new Talker(name, version, await openLink(endpoint, certificate), this.lines);
    this.#clients.push(talker);
    return talker;
  }

  /** Opens a connection and connects with the talker's name as client identifier, unless told otherwise. */
  async connect(
    name: string,
    version: ProtocolVersion = 4,
    options: RawConnectOptions = {},
    listener?: number,
    certificate?: ClientCertificate,
  ): Promise<Talker> {
    const talker = await this.open(name, version, listener, certificate);
    await talker.sends(connectPacket({ version, clientId: name, keepAlive: 60, ...options }));
    return talker;
  }

  // deno-lint-ignore require-await -- an AsyncDisposable
  async [Symbol.asyncDispose](): Promise<void> {
    for (const client of this.#clients) client.abort();
  }
}

async function openLink(endpoint: Endpoint, certificate?: ClientCertificate): Promise<Link> {
  const { port, protocol, path, caCert } = endpoint;
  const caCerts = caCert === undefined ? [] : [caCert];
  switch (protocol) {
    case "tcp":
    case "tcp6": {
      const connection = await Deno.connect({ hostname: protocol === "tcp" ? "127.0.0.1" : "::1", port });
      connection.setNoDelay(true);
      return tcpLink(connection);
    }
    case "unix":
      return tcpLink(await Deno.connect({ transport: "unix", path }));
    case "tls":
      return tcpLink(await Deno.connectTls({ hostname: "localhost", port, caCerts, ...certificate }));
    case "ws":
      return await webSocketLink(`ws://127.0.0.1:${port}/mqtt`);
    case "wss":
      return await webSocketLink(`wss://localhost:${port}/mqtt`, Deno.createHttpClient({ caCerts }));
  }
}

async function webSocketLink(url: string, client?: Deno.HttpClient): Promise<Link> {
  const socket = new WebSocket(url, { protocols: ["mqtt"], client });
  socket.binaryType = "arraybuffer";
  const { readable, writable } = new TransformStream<Uint8Array, Uint8Array>(undefined, { highWaterMark: 1_000 });
  const writer = writable.getWriter();
  const reader = readable.getReader();
  const end = () => {
    client?.close();
    client = undefined;
    writer.close().catch(() => {});
  };
  socket.onmessage = ({ data }) => void writer.write(new Uint8Array(data)).catch(() => {});
  socket.onclose = end;
  const opened = Promise.withResolvers<void>();
  socket.onopen = () => opened.resolve();
  socket.onerror = () => {
    opened.reject(new AssertionError(`Expected a WebSocket at ${url}`));
    end();
  };
  await opened.promise;
  return {
    read: async () => (await reader.read()).value,
    // deno-lint-ignore require-await -- a Link writes asynchronously
    write: async (bytes) => {
      if (socket.readyState === WebSocket.OPEN) socket.send(bytes.slice());
    },
    close: () => socket.close(),
  };
}

/** One connection of a conversation. */
export class Talker {
  readonly #name: string;
  readonly #version: ProtocolVersion;
  readonly #link: Link;
  readonly #lines: string[];
  readonly #framer = new Framer();
  #ended = false;
  #aborted = false;

  constructor(name: string, version: ProtocolVersion, link: Link, lines: string[]) {
    this.#name = name;
    this.#version = version;
    this.#link = link;
    this.#lines = lines;
  }

  /** Sends packets, and hears the broker out. */
  async sends(...packets: Packet[]): Promise<void> {
    for (const packet of packets) await this.#write(encodePacket(packet, this.#version));
    await this.hears();
  }

  /** Sends hexadecimal digits, and hears the broker out. */
  async sendsBytes(hex: string): Promise<void> {
    await this.#write(Uint8Array.fromHex(hex.replaceAll(" ", "")));
    await this.hears();
  }

  /** Writes down all that the broker has to say up to the answer to a PINGREQ, or its end. */
  async hears(): Promise<void> {
    await this.#write(PINGREQ);
    while (!this.#ended) {
      if (this.#takePackets()) return;
      const chunk = await this.#read();
      if (chunk === undefined) {
        this.#ended = true;
        this.#lines.push(`${this.#name} closed`);
        return;
      }
      this.#framer.push(chunk);
    }
  }

  /** Sends DISCONNECT and waits for the end. */
  async leaves(): Promise<void> {
    await this.#write(Uint8Array.fromHex("e000"));
    await this.hears();
  }

  /** Ends the connection without a word. */
  abort(): void {
    if (this.#aborted) return;
    this.#aborted = true;
    this.#link.close();
  }

  /** True: the answer to the PINGREQ was among them. */
  #takePackets(): boolean {
    const framer = this.#framer;
    while (framer.next()) {
      const bytes = framer.bytes.slice(framer.start, framer.end);
      if (bytes[0] === 0xd0) return true;
      this.#lines.push(`${this.#name} ${withoutChance(bytes)}`);
    }
    return false;
  }

  async #read(): Promise<Uint8Array | undefined> {
    const expired = Promise.withResolvers<never>();
    const timer = setTimeout(
      () => expired.reject(new AssertionError(`Expected an answer to ${this.#name} within ${PATIENCE} ms`)),
      PATIENCE,
    );
    try {
      return await Promise.race([this.#link.read(), expired.promise]);
    } catch (error) {
      // A reset is an end like any other: one broker closes with unread bytes, the other one reads them first.
      if (error instanceof AssertionError) throw error;
      return undefined;
    } finally {
      clearTimeout(timer);
    }
  }

  #write(bytes: Uint8Array): Promise<void> {
    // Who writes to a connection that is gone learns it by reading.
    return this.#link.write(bytes).catch(() => {});
  }
}

/** Hexadecimal, with zeros for the random part of an assigned client identifier. */
function withoutChance(bytes: Uint8Array): string {
  const text = Array.from(bytes, (byte) => String.fromCharCode(byte)).join("");
  const match = /[0-9A-F]{8}(-[0-9A-F]{4}){3}-[0-9A-F]{12}/.exec(text);
  if (match !== null) bytes.fill(0x30, match.index, match.index + match[0].length);
  return bytes.toHex();
}
