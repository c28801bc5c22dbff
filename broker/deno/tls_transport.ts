/**
 * The server's side of TLS over any transport.
 *
 * `Deno.listenTls` cannot ask for a client certificate, and a server of `node:net` accepts nothing more once it has
 * run out of file descriptors; so connections are accepted as all others are, and `node:tls` gets each as a stream.
 * *Measured* with 10 pairs at QoS 0: 0.22 µs of CPU per message, as with the sockets of `node:net` below; 3.6 for
 * Mosquitto.
 *
 * @module
 */

import process from "node:process";
import type { Duplex } from "node:stream";
import type { TLSSocket } from "node:tls";
import type { PeerCertificate, Transport } from "../../engine/transport.ts";
import { readCertificate } from "./certificate.ts";
import { hex } from "./der.ts";
import { nodeTls, type TlsContext } from "./tls_context.ts";

/** What runs over a connection, by its name in ALPN (RFC 7301). */
export type ApplicationProtocol = "mqtt" | "http/1.1";

/**
 * Shakes hands; resolves with the decrypted connection, over which `protocol` is to run. Rejects, and breaks the
 * connection, when that fails.
 */
export async function acceptTls(
  transport: Transport,
  context: TlsContext,
  protocol: ApplicationProtocol,
): Promise<Transport> {
  const wire = new Wire();
  const stream = duplexOf(transport, wire);
  const { requireCertificate, secureContext, byServerName } = context;
  const { TLSSocket } = nodeTls();
  const socket = new TLSSocket(stream, {
    isServer: true,
    secureContext,
    requestCert: requireCertificate,
    rejectUnauthorized: requireCertificate,
    SNICallback: (name, answer) => answer(null, byServerName.get(name.toLowerCase()) ?? secureContext),
    ALPNCallback({ protocols }) {
      const chosen = chosenProtocol(protocols, protocol);
      // Deno would leave it at that, without a word.
      if (chosen === undefined) fail(new Error(`the client offers ${protocols.join(", ")}, not ${protocol}`));
      return chosen;
    },
  });
  const { promise, resolve, reject } = Promise.withResolvers<PeerCertificate | undefined>();
  const fail = (error: unknown) => {
    socket.destroy();
    stream.destroy();
    reject(error);
  };
  // At once, not after a turn: one that is refused must not get the ticket that would let it resume this session.
  socket.once("secure", () => {
    try {
      resolve(requireCertificate ? verifiedCertificate(socket, context) : undefined);
    } catch (error) {
      fail(error);
    }
  });
  // Beyond the handshake, errors are met by those who read and write; without a listener they end the process.
  for (const end of [socket, stream]) end.on("error", fail);
  for (const event of ["close", "end"]) socket.once(event, () => reject(new Error("the connection ended early")));
  const certificate = await promise.catch((error) => {
    fail(error);
    throw error;
  });
  const peer = { ...transport.peer, protocol: "tls", certificate } as const;
  return { ...streamsOf(socket, wire), onAdmitted: transport.onAdmitted, peer };
}

/**
 * What is agreed on with a client that offers protocols; undefined ends the handshake. A web browser must not be led here
 * to say something that another protocol understands; names that we have never heard of are let pass, as Mosquitto does.
 */
function chosenProtocol(offered: readonly string[], ours: ApplicationProtocol): string | undefined {
  if (offered.includes(ours)) return ours;
  return offered.find((name) => !/^(?:h2|h3|http\/)/.test(name));
}

/**
 * `node:tls` verifies certificates, but refuses wrong ones only for its own servers: whoever makes sockets has to ask.
 * That is why everything but a clear yes is a no.
 */
function verifiedCertificate(socket: TLSSocket, { revocationLists, verified }: TlsContext): PeerCertificate {
  const der = socket.getPeerCertificate()?.raw;
  if (!(der instanceof Uint8Array)) throw new Error("the client must show a certificate");
  const certificate = readCertificate(der);
  const { createHash } = process.getBuiltinModule("node:crypto");
  const fingerprint = hex(createHash("sha256").update(der).digest());
  const now = Date.now();
  const isKnown = socket.isSessionReused() ? verified.has(fingerprint) && now <= certificate.notAfter : undefined;
  const problem = isKnown === false ? "it was not verified when the session began" : verifyError(socket);
  if (problem !== undefined) {
    const hint = certificate.version < 3 ? "; certificates of clients must be X.509 of version 3" : "";
    throw new Error(`the certificate of ${certificate.subject} cannot be verified: ${problem}${hint}`);
  }
  const revocation = revocationLists?.check(certificate, now);
  if (revocation !== undefined) throw new Error(`the certificate of ${certificate.subject} is refused: ${revocation}`);
  verified.add(fingerprint, certificate);
  const { commonName, subject, serialNumber } = certificate;
  return { commonName, subject, serialNumber, fingerprint };
}

function verifyError(socket: TLSSocket): string | undefined {
  const ask: unknown = Reflect.get(Object(Reflect.get(socket, "ssl")), "verifyError");
  if (typeof ask !== "function") return "this version of Deno does not tell";
  const answer: unknown = Reflect.apply(ask, Reflect.get(socket, "ssl"), []);
  if (answer === undefined || answer === null || answer === "") return undefined;
  return answer instanceof Error ? answer.message : String(answer);
}

/**
 * What both sides have to know of each other, as Deno's TLS does not tell: to it, pausing a socket means that what comes
 * piles up in it; so nothing more is read below as long as nobody reads above. And what is written above after the
 * connection has broken below seems to succeed.
 */
export class Wire {
  /** Why nothing can be sent any more. */
  failure: Error | undefined;
  // The handshake reads for itself.
  #isOn = true;
  #waiting: (() => void) | undefined;

  /** Has the next encrypted bytes read. */
  turnOn(): void {
    this.#isOn = true;
    this.#waiting?.();
    this.#waiting = undefined;
  }

  /** Decrypted bytes are there. */
  turnOff(): void {
    this.#isOn = false;
  }

  /** Calls `task` as soon as bytes are wanted. */
  await(task: () => void): void {
    if (this.#isOn) task();
    else this.#waiting = task;
  }
}

/** The encrypted side: a transport as a stream of Node's. */
export function duplexOf({ readable, writable }: Transport, wire: Wire): Duplex {
  const { Duplex } = process.getBuiltinModule("node:stream");
  const reader = readable.getReader();
  const writer = writable.getWriter();
  writer.closed.catch(() => {});
  const read = (stream: Duplex) =>
    reader.read().then(
      // The chunk is read over; Node keeps it.
      ({ value, done }) => void stream.push(done ? null : value.slice()),
      (error) => void stream.destroy(error),
    );
  return new Duplex({
    read() {
      wire.await(() => read(this));
    },
    write(chunk, _encoding, done) {
      writer.write(chunk).then(() => done(), (error) => {
        wire.failure = error;
        done(error);
      });
    },
    final(done) {
      writer.close().then(() => done(), done);
    },
    destroy(error, done) {
      wire.failure ??= error ?? closedError();
      writer.abort(error).catch(() => {});
      reader.cancel(error).catch(() => {});
      done(error);
    },
  });
}

/** The decrypted side. */
export function streamsOf(socket: TLSSocket, wire: Wire): Pick<Transport, "readable" | "writable"> {
  return { readable: readableOf(socket, wire), writable: writableOf(socket, wire) };
}

function readableOf(socket: TLSSocket, wire: Wire): ReadableStream<Uint8Array> {
  let isOpen = true;
  return new ReadableStream({
    start(controller) {
      const end = (act: () => void) => {
        if (isOpen) act();
        isOpen = false;
      };
      wire.turnOff();
      socket.on("data", (chunk: Uint8Array) => {
        wire.turnOff();
        // A plain array: the `slice` of Node's own kind does not copy.
        if (isOpen) controller.enqueue(new Uint8Array(chunk.buffer, chunk.byteOffset, chunk.length));
      });
      socket.on("end", () => end(() => controller.close()));
      socket.on("error", (error) => end(() => controller.error(error)));
      socket.on("close", () => end(() => controller.error(closedError())));
    },
    pull: () => wire.turnOn(),
    cancel() {
      isOpen = false;
      socket.destroy();
    },
  }, { highWaterMark: 0 });
}

function writableOf(socket: TLSSocket, wire: Wire): WritableStream<Uint8Array> {
  return new WritableStream({
    start(controller) {
      // `abort` is called when the write in flight has ended, which it may never do.
      controller.signal.addEventListener("abort", () => socket.destroy());
    },
    write: (chunk) =>
      new Promise((resolve, reject) => {
        if (chunk.length === 0) return resolve();
        if (socket.destroyed || wire.failure !== undefined) return reject(wire.failure ?? closedError());
        socket.write(chunk, (error) => error ? reject(error) : resolve());
      }),
    close: () =>
      new Promise((resolve) => {
        if (socket.destroyed) return resolve();
        socket.once("close", () => resolve());
        socket.end(() => resolve());
      }),
  });
}

function closedError(): Error {
  return new Error("Cannot go on: the connection is closed");
}
