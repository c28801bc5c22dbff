/**
 * Our broker as a program whose configuration file has a listener of every kind, and clients' certificates for it.
 *
 * @module
 */

import { startConfigured } from "../config/program.ts";
import { CertificateAuthority, type KeyPair, SERVER } from "../support/certificates.ts";

/** A port for each kind of listener. `mutual` ones want a certificate that is not on the revocation list. */
export interface Ports {
  readonly tcp: number;
  readonly tls: number;
  readonly mutualTls: number;
  readonly ws: number;
  readonly wss: number;
  readonly mutualWss: number;
}

/** The broker, and what clients need to reach it. */
export interface OurListeners extends AsyncDisposable {
  readonly ports: Ports;
  /** Path of the Unix socket. */
  readonly socket: string;
  /** Certificate of the authority that has signed the server's. */
  readonly caFile: string;
  /** A certificate that is good. */
  readonly device: KeyPair;
  /** One that was revoked. */
  readonly lost: KeyPair;
  /** All that the broker has logged so far. */
  readonly log: string;
}

/** Makes certificates and starts the broker. */
export async function startOurListeners(): Promise<OurListeners> {
  await using stack = new AsyncDisposableStack();
  const authority = stack.use(await CertificateAuthority.create());
  const server = await authority.issue({ subject: "/CN=localhost", extensions: SERVER });
  const device = await authority.issue({ subject: "/O=Acme/CN=device-7" });
  const lost = await authority.issue({ subject: "/O=Acme/CN=lost" });
  const crl = await authority.revocationList([lost]);
  const encrypted = [`certfile ${server.certFile}`, `keyfile ${server.keyFile}`];
  const mutual = [...encrypted, `cafile ${authority.caFile}`, "require_certificate true", `crlfile ${crl}`];
  const broker = stack.use(
    await startConfigured([
      ...["allow_anonymous true", "max_queued_messages 0", "max_inflight_messages 0"],
      ...["listener {port} 127.0.0.1"],
      ...["listener 0 {folder}/mqtt.sock"],
      ...["listener {port2} 127.0.0.1", ...encrypted],
      ...["listener {port3} 127.0.0.1", ...mutual],
      ...["listener {port4} 127.0.0.1", "protocol websockets"],
      ...["listener {port5} 127.0.0.1", "protocol websockets", ...encrypted],
      ...["listener {port6} 127.0.0.1", "protocol websockets", ...mutual],
    ]),
  );
  const [tcp = 0, tls = 0, mutualTls = 0, ws = 0, wss = 0, mutualWss = 0] = broker.ports;
  const all = stack.move();
  return {
    ports: { tcp, tls, mutualTls, ws, wss, mutualWss },
    socket: `${broker.folder}/mqtt.sock`,
    caFile: authority.caFile,
    device,
    lost,
    get log() {
      return broker.process.stderr;
    },
    [Symbol.asyncDispose]: () => all.disposeAsync(),
  };
}
