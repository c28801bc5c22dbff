/**
 * Certificates and handshakes for the tests of TLS listeners.
 *
 * @module
 */

import { assertEquals } from "@std/assert";
import { connect as connectTls, type ConnectionOptions } from "node:tls";
import type { TlsOptions } from "../../broker/mod.ts";
import { duplexOf, streamsOf, Wire } from "../../broker/deno/tls_transport.ts";
import type { Transport } from "../../engine/transport.ts";
import { CertificateAuthority, hasOpenssl, type KeyPair, SERVER } from "../support/certificates.ts";
import { type ListenerTest, readToEnd, withListener } from "./support.ts";

/** What the tests of a file have in common. */
export interface World {
  readonly authority: CertificateAuthority;
  readonly server: KeyPair;
  readonly client: KeyPair;
  readonly ca: string;
}

/** Made once; undefined where there is no OpenSSL. */
export const world: World | undefined = hasOpenssl ? await makeWorld() : undefined;

async function makeWorld(): Promise<World> {
  const authority = await CertificateAuthority.create();
  globalThis.addEventListener("unload", () => Deno.removeSync(authority.folder, { recursive: true }));
  const server = await authority.issue({ subject: "/CN=localhost", extensions: SERVER });
  const client = await authority.issue({ subject: "/C=DE/O=Acme, Inc/CN=device-7" });
  return { authority, server, client, ca: await Deno.readTextFile(authority.caFile) };
}

/** Registers a test that needs certificates. */
export function tlsTest(
  name: string,
  options: (world: World) => Promise<Partial<TlsOptions>> | Partial<TlsOptions>,
  body: (test: ListenerTest, world: World) => Promise<void>,
  others: { readonly handshakeTimeout?: number; readonly protocol?: "websockets" } = {},
): void {
  Deno.test({
    name: `tls listener: ${name}`,
    ignore: !hasOpenssl,
    async fn() {
      if (world === undefined) return;
      const tls = { ...world.server, ...await options(world) };
      await withListener({ ...others, tls }, (context) => body(context, world))();
    },
  });
}

/** Shakes hands over a connection. */
export async function secure(transport: Transport, { ca }: World, options: ConnectionOptions = {}): Promise<Transport> {
  const wire = new Wire();
  const socket = connectTls({ socket: duplexOf(transport, wire), servername: "localhost", ca, ...options });
  await new Promise((resolve, reject) => {
    socket.once("secureConnect", resolve).once("error", reject).once("close", () => reject(new Error("closed")));
  });
  return { ...streamsOf(socket, wire), peer: { protocol: "tls", address: "client" } };
}

/** A certificate and its key, as a client shows them. */
export function credentials({ certFile, keyFile }: KeyPair): ConnectionOptions {
  return { cert: Deno.readTextFileSync(certFile), key: Deno.readTextFileSync(keyFile) };
}

/** With TLS 1.3 a client hears of a refusal after its own handshake. */
export async function assertRefused(connecting: () => Promise<Transport>): Promise<void> {
  let transport: Transport;
  try {
    transport = await connecting();
  } catch {
    return;
  }
  assertEquals(await readToEnd(transport), new Uint8Array(0));
}

/** Options for a listener that wants certificates. */
export const required = ({ authority }: World): Partial<TlsOptions> => ({
  caFile: authority.caFile,
  requireCertificate: true,
});
