/**
 * The server behind the admin listener.
 *
 * It is built on `node:http`, which Deno has: unlike `Deno.serve`, it bounds how many connections there are and how long
 * each may take to say what it wants, so that nobody can use up the sockets of the clients.
 *
 * @module
 */

import type { IncomingMessage, Server, ServerResponse } from "node:http";
import type { Server as HttpsServer } from "node:https";
import type { Socket } from "node:net";
import process from "node:process";
import { Duplex } from "node:stream";
import { type AdminHandler, createAdminHandler } from "../admin/handler.ts";
import type { Broker } from "../broker.ts";
import { HttpError } from "../http_request.ts";
import type { ListenerPolicy } from "../listener_policy.ts";
import { acceptWebSocket } from "../websocket_handshake.ts";
import { webSocketTransport } from "../websocket_transport.ts";
import type { AdminListener, AdminListenOptions } from "./listen_admin.ts";
import { tcpAddress } from "./socket_transport.ts";
import { loadTlsContext } from "./tls_context.ts";
import type { CertificateFiles } from "./tls_options.ts";

/** Connections at one time, streams and WebSockets included. */
const MOST_CONNECTIONS = 128;
/** Requests of one connection that wait for their answers; a client that asks for more at a time is cut off. */
const MOST_UNANSWERED = 256;
/** Milliseconds before an answer: the runtime looks at its other sockets meanwhile. */
const REST = 1;
/** Bytes of a head: a topic of 65,535 bytes in percent-encoding fits. */
const LARGEST_HEAD = 262_144;
/** Milliseconds for a head, for a whole request, and between two of them. */
const TIMEOUTS = { headersTimeout: 10_000, requestTimeout: 15_000, keepAliveTimeout: 5_000, handshakeTimeout: 10_000 };
/** Milliseconds until the other end has taken some more of an answer; one who does not would stay for ever. */
const MOST_WAIT = 30_000;
/** Bytes of a body that nobody wants, beyond which the connection ends. */
const MOST_DROPPED = 4_194_304;
/** Milliseconds between two looks at who takes too long. */
const LOOK = 1_000;

/** The requests of one connection that wait for their answers. */
interface Queue {
  length: number;
  /** Settles with the last of them. */
  end: Promise<void>;
}

/** Listens, and hands requests to the handler. */
export class AdminServer implements AdminListener {
  readonly #broker: Broker;
  readonly #handler: AdminHandler;
  readonly #policy: () => ListenerPolicy;
  readonly #server: Server | HttpsServer;
  readonly #tls: CertificateFiles | undefined;
  readonly #mostWait: number;
  /** Those that the handler has let through to MQTT. */
  readonly #accepted = new WeakSet<Request>();
  /** All, handshakes and WebSockets included: the server ends neither of them, but waits for them. */
  readonly #sockets = new Set<Socket>();
  /** What each connection has asked for. */
  readonly #queues = new WeakMap<Socket, Queue>();
  /** Those that became WebSockets. */
  readonly #upgraded = new Set<Socket>();
  readonly #forget: () => void;
  #address = { hostname: "", port: 0 };
  #closed: Promise<void> | undefined;

  constructor(broker: Broker, options: AdminListenOptions, mostWait: number = MOST_WAIT) {
    this.#broker = broker;
    this.#policy = () => options.token === undefined ? options.policy ?? {} : ADMIN_POLICY;
    this.#tls = options.tls;
    this.#mostWait = mostWait;
    this.#handler = createAdminHandler({
      ...options,
      broker,
      mqtt: { user: options.token === undefined ? "user" : "admin", handler: (request) => this.#accept(request) },
    });
    this.#server = serverOf(this.#tls);
    this.#server.maxConnections = MOST_CONNECTIONS;
    this.#server.on("connection", (socket: Socket) => {
      this.#sockets.add(socket);
      socket.once("close", () => this.#sockets.delete(socket));
    });
    this.#server.on("request", (message, response) => this.#enqueue(message, response));
    // This does not reject. What is accepted from the network is a Socket; the type allows for more.
    this.#server.on("upgrade", (message, socket, head) => void this.#upgrade(message, socket as Socket, head));
    this.#forget = broker.onClose(() => void this.close());
  }

  get address(): { readonly hostname: string; readonly port: number } {
    return this.#address;
  }

  async listen(hostname: string, port: number): Promise<void> {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    this.#server.once("error", reject);
    this.#server.listen({ host: hostname, port }, resolve);
    try {
      await promise;
    } catch (error) {
      this.#forget();
      this.#handler.close();
      throw error;
    }
    this.#server.off("error", reject);
    const address = this.#server.address();
    if (typeof address === "object" && address !== null) {
      this.#address = { hostname: address.address, port: address.port };
    }
  }

  reload(token?: string): void {
    const encryption = this.#tls === undefined ? undefined : encryptionOf(this.#tls);
    const isOther = token !== undefined && this.#handler.replaceToken(token);
    if (encryption !== undefined && "setSecureContext" in this.#server) this.#server.setSecureContext(encryption);
    // They have shown the one that holds no more.
    if (isOther) { for (const socket of this.#upgraded) socket.destroy(); }
  }

  close(): Promise<void> {
    return this.#closed ??= this.#close();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #close(): Promise<void> {
    this.#forget();
    this.#handler.close();
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#server.close(() => resolve());
    for (const socket of this.#sockets) socket.destroy();
    await promise;
  }

  #accept(request: Request): Response {
    this.#accepted.add(request);
    return new Response(null);
  }

  /** Answers the requests of a connection one after the other, and lets others have their turn before each. */
  #enqueue(message: IncomingMessage, response: ServerResponse): void {
    const { socket } = message;
    const queue = this.#queues.get(socket) ?? { length: 0, end: Promise.resolve() };
    this.#queues.set(socket, queue);
    if (queue.length === MOST_UNANSWERED) return void socket.destroy();
    queue.length++;
    // None of this rejects.
    queue.end = queue.end.then(async () => {
      if (!socket.destroyed) await new Promise((resolve) => setTimeout(resolve, REST));
      if (!socket.destroyed) await this.#answer(message, response);
      queue.length--;
    });
  }

  async #answer(message: IncomingMessage, response: ServerResponse): Promise<void> {
    try {
      const request = requestOf(message);
      const answer = request === undefined ? malformed() : await this.#handle(request, message);
      // Its headers ask for a WebSocket, but not in the way that makes one of the connection.
      if (request !== undefined && this.#accepted.has(request)) {
        return await send(malformed(), response, this.#mostWait);
      }
      // One that nobody has read. The other end listens when it has said all it had to say.
      if (request?.bodyUsed === false) await request.body?.cancel();
      await send(answer, response, this.#mostWait);
    } catch {
      // The other end has gone, or does not take what it asked for.
      message.socket.destroy();
    }
  }

  async #upgrade(message: IncomingMessage, socket: Socket, head: Uint8Array): Promise<void> {
    // Failures are seen where they are met.
    socket.on("error", () => {});
    this.#upgraded.add(socket);
    socket.once("close", () => this.#upgraded.delete(socket));
    try {
      const request = requestOf(message);
      const answer = request === undefined ? malformed() : await this.#handle(request, message);
      if (request !== undefined && this.#accepted.has(request)) return await this.#serve(message, socket, head);
      await refuse(answer, socket);
    } catch {
      socket.destroy();
    }
  }

  #handle(request: Request, { socket }: IncomingMessage): Promise<Response> {
    return this.#handler.handle(request, { remoteAddr: { transport: "tcp", hostname: socket.remoteAddress } });
  }

  async #serve(message: IncomingMessage, socket: Socket, head: Uint8Array): Promise<void> {
    const address = tcpAddress(socket.remoteAddress ?? "", socket.remotePort ?? 0);
    try {
      socket.write(await acceptWebSocket(handshakeOf(message), undefined));
    } catch (error) {
      if (!(error instanceof HttpError)) throw error;
      return await refuse(new Response(`${error.message}\n`, { status: error.status, headers: error.headers }), socket);
    }
    socket.setTimeout(0);
    socket.setNoDelay(true);
    if (head.length > 0) socket.unshift(head);
    // These are the streams of the Web, under types of their own.
    const { readable, writable } = Duplex.toWeb(socket) as { readable: ReadableStream; writable: WritableStream };
    const protocol = this.#tls === undefined ? "tcp" : "tls";
    const transport = { readable, writable, peer: { protocol, address } } as const;
    const onViolation = (reason: string) => {
      this.#broker.refuse(`Client ${address} broke the rules of WebSockets: ${reason}, closing.`);
    };
    await this.#broker.serve(webSocketTransport(transport, onViolation), this.#policy());
    socket.destroy();
  }
}

/** Who has shown the token of the admin listener may do everything. */
const ADMIN_POLICY: ListenerPolicy = {
  allowAnonymous: true,
  allowZeroLengthClientId: true,
  authenticate: () => true,
  authorizePublish: () => true,
  authorizeSubscribe: () => true,
  access: {
    mayPublish: () => true,
    maySubscribe: () => true,
    mayReceive: () => true,
    onChange: () => () => {},
  },
};

function serverOf(tls: CertificateFiles | undefined): Server | HttpsServer {
  const options = {
    ...TIMEOUTS,
    maxHeaderSize: LARGEST_HEAD,
    connectionsCheckingInterval: LOOK,
    shouldUpgradeCallback: mayUpgrade,
  };
  if (tls === undefined) return process.getBuiltinModule("node:http").createServer(options);
  return process.getBuiltinModule("node:https").createServer({ ...options, ...encryptionOf(tls) });
}

/** All others are answered as if they had not asked: Java's client offers HTTP/2 in this way with every request. */
function mayUpgrade({ method, url = "", headers }: IncomingMessage): boolean {
  return method === "GET" && url.startsWith("/mqtt") && headers.upgrade?.toLowerCase() === "websocket";
}

/** Throws an `Error` that names the file which cannot be used. */
function encryptionOf(files: CertificateFiles) {
  loadTlsContext(files);
  const { certFile, keyFile } = files;
  return { cert: Deno.readTextFileSync(certFile), key: Deno.readTextFileSync(keyFile), minVersion: "TLSv1.2" } as const;
}

/** Undefined for a request that cannot be one. */
function requestOf(message: IncomingMessage): Request | undefined {
  const { method = "GET", url = "", rawHeaders } = message;
  if (!url.startsWith("/")) return undefined;
  try {
    // Balancers ask in HTTP/1.0, without a host: then it is not ours, and only health is told.
    const headers = new Headers(message.headers.host === undefined ? { host: "" } : {});
    for (let i = 0; i + 1 < rawHeaders.length; i += 2) headers.append(rawHeaders[i] ?? "", rawHeaders[i + 1] ?? "");
    const body = method === "GET" || method === "HEAD" ? undefined : bodyOf(message);
    // The host is looked at in the headers; here, it could be anything.
    return new Request(`http://localhost${url}`, { method, headers, body });
  } catch {
    return undefined;
  }
}

/** The body as it comes. What is not read of it is dropped; if that is much, the connection ends. */
function bodyOf(message: IncomingMessage): ReadableStream<Uint8Array<ArrayBuffer>> {
  let dropped = 0;
  return new ReadableStream({
    start(controller) {
      message.on("data", (chunk: Uint8Array<ArrayBuffer>) => {
        controller.enqueue(chunk);
        message.pause();
      });
      message.once("end", () => controller.close());
      message.once("close", () => message.complete || controller.error(new Error("the body must be whole")));
      message.pause();
    },
    pull: () => void message.resume(),
    cancel() {
      message.removeAllListeners("data").removeAllListeners("end").removeAllListeners("close");
      message.on("data", ({ length }: Uint8Array) => {
        dropped += length;
        if (dropped > MOST_DROPPED) message.destroy();
      });
      message.resume();
    },
  }, { highWaterMark: 0 });
}

function malformed(): Response {
  const body = JSON.stringify({ error: "bad_request", message: "The request must be one of HTTP/1.1" });
  return new Response(body, { status: 400, headers: { "Content-Type": "application/json; charset=utf-8" } });
}

function handshakeOf({ method = "", url = "", headers }: IncomingMessage) {
  const entries = Object.entries(headers).map(([name, value]): [string, string] => [name, String(value)]);
  return { method, target: url, headers: new Map(entries) };
}

/** Writes a response, as fast as it is taken. Rejects when the other end has gone, or takes nothing for too long. */
async function send(answer: Response, response: ServerResponse, mostWait: number): Promise<void> {
  response.writeHead(answer.status, Object.fromEntries(answer.headers));
  const reader = answer.body?.getReader();
  response.once("close", () => void reader?.cancel().catch(() => {}));
  // Those who stream want to be heard before they say the first word.
  if (reader !== undefined) response.flushHeaders();
  for (let next = await reader?.read(); next?.done === false; next = await reader?.read()) {
    if (!response.write(next.value)) await taken("drain", response, mostWait);
  }
  const finished = taken("finish", response, mostWait);
  response.end();
  await finished;
}

/** Resolves when the other end has taken what was written. */
async function taken(event: "drain" | "finish", response: ServerResponse, mostWait: number): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  const fail = () => reject(new Error("Cannot answer: the other end must take what was written"));
  if (response.destroyed) fail();
  const timer = setTimeout(fail, mostWait);
  response.once(event, resolve).once("close", fail);
  try {
    await promise;
  } finally {
    clearTimeout(timer);
    response.off(event, resolve).off("close", fail);
  }
}

/** The same for a connection that wanted to become another one. */
async function refuse(answer: Response, socket: Socket): Promise<void> {
  const body = new Uint8Array(await answer.arrayBuffer());
  const headers = [...answer.headers, ["content-length", String(body.length)], ["connection", "close"]];
  const lines = headers.map(([name, value]) => `${name}: ${value}\r\n`);
  socket.write(`HTTP/1.1 ${answer.status} Refused\r\n${lines.join("")}\r\n`);
  socket.end(body);
}
