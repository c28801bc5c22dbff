/**
 * Accepts connections and leads each through its handshakes to the broker.
 *
 * @module
 */

import type { Transport } from "../../engine/transport.ts";
import type { Broker } from "../broker.ts";
import type { ListenerPolicy } from "../listener_policy.ts";
import { readProxyHeader } from "../proxy_protocol.ts";
import { acceptHttp } from "./http_connection.ts";
import type { LimitName } from "../limits.ts";
import {
  assertListenOptions,
  DEFAULT_HANDSHAKE_TIMEOUT,
  DEFAULT_MAX_HANDSHAKES,
  type ListenerChanges,
  type ListenOptions,
} from "./listen_options.ts";
import { type GateLimits, ListenerGate, type RefusalCounts, type Visit } from "./listener_gate.ts";
import { SocketTransport, tcpAddress } from "./socket_transport.ts";
import { postLookout } from "./lookout.ts";
import type { ServerSocket } from "./sockets.ts";
import { loadTlsContext, type TlsContext } from "./tls_context.ts";
import { acceptTls } from "./tls_transport.ts";
import type { RevocationLists } from "./certificate.ts";
import type { VerifiedCertificates } from "./verified_certificates.ts";

export type { RefusalCounts } from "./listener_gate.ts";

/** Milliseconds to wait when connections cannot be accepted, e.g. because no file descriptor is left. */
const ACCEPT_PAUSE = 100;
/** Milliseconds for a file to be sent. */
const FILE_TIMEOUT = 60_000;
/** Milliseconds for a peer to close that was answered. */
const LINGER = 2_000;

/** Where a connection stands that is no client yet. */
type Step = "proxy" | "tls" | "http";

const NOT_FOUND = 404;

const NAMES: Readonly<Record<Step, string>> = { proxy: "PROXY", tls: "TLS", http: "WebSocket" };

/** The limits behind the refusals; for others the peer alone is to blame. */
const LIMITS: Readonly<Partial<Record<keyof RefusalCounts, LimitName>>> = {
  connections: "maxConnections",
  handshakes: "maxHandshakes",
  timeouts: "handshakeTimeout",
};

/** The policy may change, and goes before the options. */
function limitsOf({ policy = {}, ...options }: ListenOptions): GateLimits {
  return {
    // That of the policy is for all of its listeners together, and the broker's business.
    maxConnections: options.maxConnections ?? Infinity,
    get maxHandshakes() {
      return policy.maxHandshakes ?? options.maxHandshakes ?? DEFAULT_MAX_HANDSHAKES;
    },
    get maxConnectionRate() {
      return policy.maxConnectionRate ?? options.maxConnectionRate ?? Infinity;
    },
  };
}

/** The listener behind `listen`. */
export class SocketListener implements AsyncDisposable {
  readonly address: { readonly hostname: string; readonly port: number };
  readonly #broker: Broker;
  #options: ListenOptions;
  readonly #policy: ListenerPolicy;
  readonly #socket: ServerSocket;
  readonly #gate: ListenerGate;
  readonly #refused: RefusalCounts = { connections: 0, handshakes: 0, timeouts: 0, proxy: 0, tls: 0, http: 0 };
  readonly #accepting: Promise<void>;
  readonly #forget: () => void;
  /** Closes those that are no clients yet. */
  readonly #aborts = new Set<() => void>();
  #tls: TlsContext | undefined;
  #isOpen = true;

  /** Reads the certificates, then opens the socket. */
  constructor(broker: Broker, options: ListenOptions, open: () => ServerSocket) {
    this.#broker = broker;
    this.#options = options;
    this.#policy = options.policy ?? {};
    this.#gate = new ListenerGate(limitsOf(options));
    if (options.tls !== undefined) this.#tls = loadTlsContext(options.tls);
    this.#socket = open();
    this.address = this.#socket.address;
    this.#forget = broker.onClose(() => void this.close());
    postLookout(broker);
    this.#accepting = this.#acceptAll();
  }

  counts(): { connections: number; handshakes: number; refused: RefusalCounts } {
    return { connections: this.#gate.connections, handshakes: this.#gate.handshakes, refused: { ...this.#refused } };
  }

  reload(changes: ListenerChanges = this.#options): void {
    const { protocol, httpDir, origins, tls } = changes;
    const options = { ...this.#options, protocol, httpDir, origins, tls };
    assertListenOptions(options);
    const before = this.#tls;
    this.#tls = tls === undefined ? undefined : loadTlsContext(tls, before);
    this.#options = options;
    if (before !== undefined) this.#endRevoked(before.verified, this.#tls?.revocationLists);
  }

  #endRevoked(verified: VerifiedCertificates, lists: RevocationLists | undefined): void {
    if (lists === undefined) return;
    const now = Date.now();
    this.#broker.disconnect(({ peer }, listener) => {
      const known = listener === this.#policy && peer.certificate !== undefined
        ? verified.get(peer.certificate.fingerprint)
        : undefined;
      return known !== undefined && lists.check(known, now) === "revoked";
    });
  }

  close(): Promise<void> {
    if (this.#isOpen) {
      this.#isOpen = false;
      this.#forget();
      this.#gate.close();
      this.#socket.close();
      for (const abort of this.#aborts) abort();
    }
    return this.#accepting;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #acceptAll(): Promise<void> {
    while (this.#isOpen) {
      try {
        const conn = await this.#socket.accept();
        if (this.#gate.isBusy) await this.#gate.makeRoom(() => this.#noteRate(conn));
        this.#welcome(conn);
      } catch {
        // One that was gone before it was accepted, or no file descriptor left: others still want to be served.
        if (this.#isOpen) await new Promise((resolve) => setTimeout(resolve, ACCEPT_PAUSE));
      }
    }
  }

  #noteRate({ remoteAddr }: Deno.Conn): void {
    const where = remoteAddr.transport === "tcp" ? tcpAddress(remoteAddr.hostname, remoteAddr.port) : "unix";
    this.#broker.note(`Client connection from ${where} has to wait: it passes maxConnectionRate`, "maxConnectionRate");
  }

  #welcome(conn: Deno.Conn): void {
    const peer = this.#socket.welcome(conn);
    if (peer === undefined || !this.#isOpen) return conn.close();
    if (!this.#gate.hasRoom) {
      conn.close();
      return this.#refuse("connections", `Client connection from ${peer.address} denied: maxConnections exceeded.`);
    }
    const transport = new SocketTransport(conn, peer);
    const visit = this.#gate.enter(() => {
      visit.isEvicted = true;
      transport.abort();
      this.#refuse("handshakes", `Client ${peer.address} was the oldest of too many unfinished handshakes, closing.`);
    });
    // Neither of them rejects.
    void this.#serve(transport, visit);
  }

  async #serve(socket: SocketTransport, visit: Visit): Promise<void> {
    socket.onAdmitted = visit.admit;
    const transport = this.#isPlain ? socket : await this.#shakeHands(socket, visit);
    if (transport !== undefined) await this.#broker.serve(transport, this.#policy);
    visit.end();
  }

  /** Nothing comes before CONNECT. */
  get #isPlain(): boolean {
    return this.#tls === undefined && this.#options.protocol !== "websockets" && !this.#options.proxyProtocol;
  }

  /** Undefined: it became no client, and is closed. */
  async #shakeHands(socket: SocketTransport, visit: Visit): Promise<Transport | undefined> {
    const { handshakeTimeout = this.#options.handshakeTimeout ?? DEFAULT_HANDSHAKE_TIMEOUT } = this.#policy;
    const progress = new Progress(socket, visit, handshakeTimeout);
    const abort = () => socket.abort();
    this.#aborts.add(abort);
    let transport: Transport | undefined;
    try {
      return transport = await this.#stepThrough(socket, progress);
    } catch (error) {
      if (this.#isOpen && !progress.isEvicted) this.#explain(progress, error);
      return undefined;
    } finally {
      progress.stop();
      this.#aborts.delete(abort);
      if (transport === undefined) socket.abort();
    }
  }

  async #stepThrough(socket: SocketTransport, progress: Progress): Promise<Transport | undefined> {
    let transport: Transport = socket;
    if (this.#options.proxyProtocol) {
      transport = await readProxyHeader(transport, tcpAddress);
      progress.address = transport.peer.address;
    }
    if (this.#tls !== undefined) {
      progress.step = "tls";
      transport = await acceptTls(transport, this.#tls, this.#options.protocol === "websockets" ? "http/1.1" : "mqtt");
    }
    if (this.#options.protocol !== "websockets") return transport;
    progress.step = "http";
    const outcome = await acceptHttp(transport, this.#options, {
      onFile: () => progress.extend(FILE_TIMEOUT),
      onViolation: (reason) => {
        this.#refuse("http", `Client ${progress.address} broke the rules of WebSockets: ${reason}, closing.`);
      },
    });
    if (outcome.kind === "websocket") return outcome.transport;
    // A page that asks for a file which is not there did nothing wrong.
    if (outcome.error !== undefined && outcome.error.status !== NOT_FOUND) this.#fail(progress, outcome.error);
    progress.extend(LINGER);
    await outcome.ended();
    return undefined;
  }

  #explain(progress: Progress, error: unknown): void {
    if (progress.isAnswered) return;
    if (!progress.isLate) return this.#fail(progress, error);
    this.#refuse("timeouts", `Client ${progress.address} did not finish its handshake in time, closing.`);
  }

  #fail({ step, address }: Progress, error: unknown): void {
    const reason = error instanceof Error ? error.message : String(error);
    this.#refuse(step, `Client ${address} failed its ${NAMES[step]} handshake: ${reason}, closing.`);
  }

  #refuse(reason: keyof RefusalCounts, line: string): void {
    this.#refused[reason]++;
    this.#broker.refuse(line, LIMITS[reason]);
  }
}

/** How far the handshakes of one connection are, and how long they may still take. */
class Progress {
  step: Step = "proxy";
  /** For log lines. */
  address: string;
  isLate = false;
  /** It got an answer, so that its end is no failure. */
  isAnswered = false;
  readonly #socket: SocketTransport;
  readonly #visit: Visit;
  #timer: ReturnType<typeof setTimeout>;

  constructor(socket: SocketTransport, visit: Visit, timeout: number) {
    this.#socket = socket;
    this.#visit = visit;
    this.address = socket.peer.address;
    this.#timer = this.#limit(timeout);
  }

  get isEvicted(): boolean {
    return this.#visit.isEvicted;
  }

  /** It is no handshake any more, and has so much time to come to its end. */
  extend(timeout: number): void {
    this.isAnswered = true;
    this.#visit.admit();
    this.stop();
    this.#timer = this.#limit(timeout);
  }

  stop(): void {
    clearTimeout(this.#timer);
  }

  #limit(timeout: number): ReturnType<typeof setTimeout> {
    return setTimeout(() => {
      this.isLate = true;
      this.#socket.abort();
    }, timeout);
  }
}
