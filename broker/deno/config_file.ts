/**
 * The configuration that the command line asks for.
 *
 * @module
 */

import { type Configuration, LOG_TYPES, type LogConfiguration } from "../config/configuration.ts";
import { type ConfigurationSource, parseConfiguration } from "../config/parse.ts";
import type { RunArguments } from "./arguments.ts";
import { readUtf8File } from "./text_file.ts";

const FILES: ConfigurationSource = {
  readText: readUtf8File,
  listFolder: (path) => [...Deno.readDirSync(path)].filter((entry) => !entry.isDirectory).map(({ name }) => name),
};

/** Stands for the file where there is none. */
const EMPTY: ConfigurationSource = { readText: () => "", listFolder: () => [] };

/** Reads the configuration. Throws `ConfigurationError` with all that is wrong in it. */
export function configurationOf(args: RunArguments): Configuration {
  const { configFile, ports } = args;
  const localPorts = ports.length === 0 ? undefined : ports;
  const configuration = configFile === undefined
    ? withoutFile(args, parseConfiguration("", EMPTY, { localPorts }))
    : parseConfiguration(configFile, FILES, { localPorts });
  return { ...configuration, admin: adminOf(args, configuration), log: logOf(args, configuration) };
}

/** As with Mosquitto, what runs in the background logs to the system unless the file says where. */
function logOf({ verbose, daemonized }: RunArguments, { log }: Configuration): LogConfiguration {
  return {
    ...log,
    types: verbose ? LOG_TYPES : log.types,
    destinations: log.destinations ?? (daemonized ? [{ kind: "syslog" }] : undefined),
  };
}

/** The command line goes before the file. */
function adminOf(args: RunArguments, configuration: Configuration): Configuration["admin"] {
  const { admin, adminTokenFile, adminTls } = args;
  const address = admin ?? configuration.admin;
  if (address === undefined) return undefined;
  const { tokenFile, tls, hosts = [] } = configuration.admin ?? {};
  const { hostname, port } = address;
  return { hostname, port, tokenFile: adminTokenFile ?? tokenFile, tls: adminTls ?? tls, hosts };
}

/** Without a file the broker's own limits hold, and `--host` says where to listen. */
function withoutFile({ host }: RunArguments, configuration: Configuration): Configuration {
  if (host === undefined) return { ...configuration, options: {} };
  const listeners = configuration.listeners.flatMap((listener) => {
    const { address } = listener;
    if (address.kind !== "tcp" || address.hostname === "::1") return [];
    return [{ ...listener, address: { ...address, hostname: host } }];
  });
  return { ...configuration, options: {}, listeners, isLocalOnly: false };
}
