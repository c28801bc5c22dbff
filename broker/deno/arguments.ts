/**
 * The broker's command line into values.
 *
 * @module
 */

import { parseArgs } from "@std/cli/parse-args";
import type { AdminAddress } from "../config/admin_options.ts";
import type { Durability } from "../sqlite_store.ts";
import type { LogFormat } from "./log_format.ts";
import type { CertificateFiles } from "./tls_options.ts";

/** What the command line asks for. */
export type Command =
  | { readonly kind: "help" }
  | { readonly kind: "version" }
  | { readonly kind: "run"; readonly arguments: RunArguments };

/** How the broker is to run. */
export interface RunArguments {
  readonly configFile: string | undefined;
  /** Empty: the default one. */
  readonly ports: readonly number[];
  /** Undefined: loopback. */
  readonly host: string | undefined;
  readonly verbose: boolean;
  readonly daemon: boolean;
  /** Whether `--daemon` has started it: it is in the background already, and nobody sees its standard error. */
  readonly daemonized: boolean;
  /** Whether only the configuration is to be checked. */
  readonly testConfig: boolean;
  readonly logFormat: LogFormat;
  readonly store: string | undefined;
  readonly durability: Durability;
  readonly maxQueued: number | undefined;
  /** Where the broker can be looked into; undefined: the configuration file says. */
  readonly admin: AdminAddress | undefined;
  readonly adminTokenFile: string | undefined;
  readonly adminTls: CertificateFiles | undefined;
}

/** A command line that means nothing. */
export class UsageError extends Error {
  override readonly name = "UsageError";
}

/** Options with a value. */
const VALUED = [
  "config-file",
  "port",
  "host",
  "log-format",
  "store",
  "durability",
  "max-queued",
  "admin",
  "admin-token-file",
  "admin-cert",
  "admin-key",
] as const;
/** Options without one. */
const SWITCHES = ["verbose", "daemon", "test-config", "help", "version"] as const;

/** Reads the arguments. Throws {@linkcode UsageError} for one that is unknown or wrong. */
export function parseArguments(args: string[]): Command {
  const unknown: string[] = [];
  const flags = parseArgs(args, {
    string: VALUED,
    // What a broker that goes to the background tells itself is for no one else.
    boolean: [...SWITCHES, "daemonized"],
    collect: ["port"],
    alias: { c: "config-file", p: "port", b: "host", v: "verbose", d: "daemon", h: "help" },
    unknown: (argument) => {
      unknown.push(argument);
      return false;
    },
  });
  if (flags.help) return { kind: "help" };
  if (flags.version) return { kind: "version" };
  if (unknown.length > 0) {
    throw new UsageError(
      `Cannot start: options must be among --${[...VALUED, ...SWITCHES].join(", --")}, received ${unknown.join(" ")}`,
    );
  }
  const configFile = notEmpty("--config-file", flags["config-file"], "a path");
  if (configFile !== undefined && flags.host !== undefined) {
    throw new UsageError("Cannot start: --host must not stand with --config-file: use listener in the file");
  }
  return {
    kind: "run",
    arguments: {
      configFile,
      ports: flags.port.map((port) => wholeNumber("--port", port, 0, 65_535)),
      host: notEmpty("--host", flags.host, "an address"),
      verbose: flags.verbose,
      daemon: flags.daemon,
      daemonized: flags.daemonized,
      testConfig: flags["test-config"],
      logFormat: oneOf("--log-format", flags["log-format"] ?? "text", ["text", "json"]),
      store: notEmpty("--store", flags.store, "a path"),
      durability: oneOf("--durability", flags.durability ?? "full", ["full", "normal"]),
      maxQueued: flags["max-queued"] === undefined
        ? undefined
        : wholeNumber("--max-queued", flags["max-queued"], 1, 1_000_000),
      admin: flags.admin === undefined ? undefined : adminAddress(flags.admin),
      adminTokenFile: notEmpty("--admin-token-file", flags["admin-token-file"], "a path"),
      adminTls: adminTls(flags["admin-cert"], flags["admin-key"]),
    },
  };
}

function adminTls(cert: string | undefined, key: string | undefined): CertificateFiles | undefined {
  const certFile = notEmpty("--admin-cert", cert, "a path");
  const keyFile = notEmpty("--admin-key", key, "a path");
  if (certFile === undefined && keyFile === undefined) return undefined;
  if (certFile !== undefined && keyFile !== undefined) return { certFile, keyFile };
  throw new UsageError("Cannot start: --admin-cert and --admin-key must stand together");
}

/** `9001`, `0.0.0.0:9001` or `[::1]:9001`. */
function adminAddress(text: string): AdminAddress {
  const [, hostname = "127.0.0.1", port = ""] = /^(?:(\[[0-9A-Fa-f:.]+\]|[^:[\]]+):)?(\d+)$/.exec(text) ?? [];
  if (port === "" || Number(port) > 65_535) {
    throw new UsageError(
      `Cannot start: --admin must be a port or an address and a port, received ${JSON.stringify(text)}`,
    );
  }
  return { hostname: hostname.replace(/^\[|\]$/g, ""), port: Number(port) };
}

/** An option at the end of the line, or before another one, has an empty value. */
function notEmpty(name: string, value: string | undefined, what: string): string | undefined {
  if (value === "") throw new UsageError(`Cannot start: ${name} must be followed by ${what}`);
  return value;
}

function oneOf<const T extends string>(name: string, text: string, words: readonly T[]): T {
  const found = words.find((word) => word === text);
  if (found !== undefined) return found;
  throw new UsageError(`Cannot start: ${name} must be ${words.join(" or ")}, received ${JSON.stringify(text)}`);
}

function wholeNumber(name: string, text: string, from: number, to: number): number {
  const value = Number(text);
  if (/^\d+$/.test(text) && value >= from && value <= to) return value;
  throw new UsageError(
    `Cannot start: ${name} must be a whole number from ${from} to ${to}, received ${JSON.stringify(text)}`,
  );
}
