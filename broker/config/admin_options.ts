/**
 * Options of the admin listener, which Mosquitto does not have.
 *
 * @module
 */

import { HOST_NAME, hostNameOf } from "../host_name.ts";
import { isLoopback } from "../loopback.ts";
import type { AdminConfiguration } from "./configuration.ts";
import type { Draft } from "./draft.ts";
import { ConfigurationError, type Place } from "./errors.ts";
import { general, type Option } from "./option.ts";
import { path, type ValueKind } from "./values.ts";

/** What the file has said so far about the admin listener. */
export interface AdminDraft {
  address?: AdminAddress;
  tokenFile?: string;
  certFile?: string;
  keyFile?: string;
  hosts?: readonly string[];
}

/** Where the admin listener listens. */
export interface AdminAddress {
  readonly port: number;
  readonly hostname: string;
}

const hostName: ValueKind<string> = {
  expected: HOST_NAME,
  parse: (value) => hostNameOf(value) === undefined ? undefined : value,
};

/** Where it listens, who may use it, and the names by which it is asked for. */
export const ADMIN_OPTIONS: readonly Option[] = [
  general("admin_listener", portAndAddress(), ({ admin }, value) => admin.address = value),
  general("admin_token_file", path, ({ admin }, value) => admin.tokenFile = value),
  general("admin_certfile", path, ({ admin }, value) => admin.certFile = value),
  general("admin_keyfile", path, ({ admin }, value) => admin.keyFile = value),
  {
    ...general("admin_host", hostName, ({ admin }, value) => admin.hosts = [...admin.hosts ?? [], value]),
    once: false,
  },
];

/** The admin listener of a configuration; undefined for none. Throws {@linkcode ConfigurationError}. */
export function adminOf(draft: Draft, file: string): AdminConfiguration | undefined {
  const { address, tokenFile, certFile, keyFile, hosts = [] } = draft.general.admin;
  const placeOf = (name: string): Place => draft.seen.get(name) ?? { file, line: 0 };
  if (address === undefined) {
    for (const name of ["admin_token_file", "admin_certfile", "admin_keyfile", "admin_host"]) {
      const place = draft.seen.get(name);
      if (place !== undefined) draft.warn(place, `${name} does nothing without admin_listener`);
    }
    return undefined;
  }
  if (tokenFile === undefined && !isLoopback(address.hostname)) {
    throw ConfigurationError.at(
      placeOf("admin_listener"),
      `admin_listener must stand with admin_token_file, as ${address.hostname} is not loopback, received none`,
    );
  }
  const tls = certFile !== undefined && keyFile !== undefined ? { certFile, keyFile } : undefined;
  if (tls === undefined && (certFile ?? keyFile) !== undefined) {
    const [given, missing] = keyFile === undefined ? ["certfile", "keyfile"] : ["keyfile", "certfile"];
    throw ConfigurationError.at(placeOf(`admin_${given}`), `admin_${given} must stand with admin_${missing}`);
  }
  return { ...address, tokenFile, tls, hosts };
}

function portAndAddress(): ValueKind<AdminAddress> {
  return {
    expected: "a port from 0 to 65535 and, if wanted, an address",
    parse(value) {
      const [, port = "", hostname = "127.0.0.1"] = /^(\d+)(?:\s+(\S+))?$/.exec(value) ?? [];
      return port !== "" && Number(port) <= 65_535 ? { port: Number(port), hostname } : undefined;
    },
  };
}
