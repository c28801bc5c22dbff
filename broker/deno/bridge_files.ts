/**
 * The files that the bridges of a configuration name.
 *
 * @module
 */

import type { TlsInit } from "../bridge/mod.ts";
import type { BridgeOptions } from "../bridge/options.ts";
import type { BridgeConfiguration, BridgeTlsConfiguration } from "../config/configuration.ts";

/** The options of the bridges, certificates included. Throws an error that names the file that cannot be read. */
export function bridgesOf(configurations: readonly BridgeConfiguration[]): readonly BridgeOptions[] {
  return configurations.map(({ options, tls }) => {
    return tls === undefined ? options : { ...options, tls: tlsInitOf(options.name, tls) };
  });
}

function tlsInitOf(name: string, tls: BridgeTlsConfiguration): TlsInit {
  const { caFile, caPath, certFile, keyFile, insecure, alpn } = tls;
  const authorities = [
    ...caFile === undefined ? [] : [read(name, "bridge_cafile", caFile)],
    ...caPath === undefined ? [] : filesOf(name, caPath).map((file) => read(name, "bridge_capath", file)),
  ];
  return {
    ca: authorities.length === 0 ? undefined : authorities,
    cert: certFile && read(name, "bridge_certfile", certFile),
    key: keyFile && read(name, "bridge_keyfile", keyFile),
    anyName: insecure,
    alpnProtocols: alpn === undefined ? undefined : [alpn],
  };
}

/** The certificates in a folder, by their names as Mosquitto wants them. */
function filesOf(name: string, folder: string): string[] {
  return attempt(name, "bridge_capath", folder, () => {
    const files = [...Deno.readDirSync(folder)].filter((entry) => !entry.isDirectory && entry.name.endsWith(".crt"));
    if (files.length === 0) throw new Error("it has no file that ends with .crt");
    return files.map((entry) => `${folder}/${entry.name}`);
  });
}

function read(name: string, option: string, path: string): string {
  return attempt(name, option, path, () => Deno.readTextFileSync(path));
}

function attempt<T>(name: string, option: string, path: string, task: () => T): T {
  try {
    return task();
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new Error(`Cannot make bridge ${name}: ${option} must be readable, received ${path} (${reason})`);
  }
}
