/**
 * Listeners beside the plain one, in the language of mosquitto.conf, which both brokers read.
 *
 * @module
 */

import { CertificateAuthority, SERVER } from "../support/certificates.ts";
import type { Protocol } from "./load/channel.ts";

/** Lines for a configuration file; disposing removes what they name. */
export interface ExtraListener extends AsyncDisposable {
  readonly lines: readonly string[];
}

/** A listener on `port` of 127.0.0.1. */
export async function extraListener(protocol: Exclude<Protocol, "tcp">, port: number): Promise<ExtraListener> {
  const where = `listener ${port} 127.0.0.1`;
  if (protocol === "websocket") {
    return { lines: [where, "protocol websockets"], [Symbol.asyncDispose]: () => Promise.resolve() };
  }
  const authority = await CertificateAuthority.create();
  const { certFile, keyFile } = await authority.issue({ subject: "/CN=localhost", extensions: SERVER });
  return {
    // Started as root, a broker would else become a user who cannot read the key.
    lines: [where, `certfile ${certFile}`, `keyfile ${keyFile}`, "user root"],
    [Symbol.asyncDispose]: () => authority[Symbol.asyncDispose](),
  };
}
