/**
 * What the programs may do, as flags of Deno: no more than they need.
 *
 * @module
 */

/** Folders of an installed broker; systemd makes those of a unit by the same names. */
export const FOLDERS = {
  /** Configuration, certificates, users: read. */
  configuration: "/etc/mqtt-broker",
  /** The store: read and written. */
  state: "/var/lib/mqtt-broker",
  /** Sockets and the process id: read and written. */
  runtime: "/run/mqtt-broker",
  /** Log files: read and written. */
  logs: "/var/log/mqtt-broker",
  /** Keys that systemd hands over to the unit: read. */
  credentials: "/run/credentials/mqtt-broker.service",
} as const;

const { configuration, state, runtime, logs, credentials } = FOLDERS;

/** Flags of the broker: all listeners, `systemd`, and the folders; nothing else of the machine. */
export const BROKER_PERMISSIONS: readonly string[] = [
  "--allow-net",
  `--allow-read=${[configuration, state, runtime, logs, credentials, "/etc/ssl/certs"].join(",")}`,
  `--allow-write=${[state, runtime, logs].join(",")}`,
  // What systemd tells a service, see sd_notify(3).
  "--allow-env=NOTIFY_SOCKET,WATCHDOG_USEC,WATCHDOG_PID",
  // Whether it is root who runs it, and the name that bridges have by default.
  "--allow-sys=uid,hostname",
];

/** Flags of the command line client: servers, files that the user names, and the files with defaults. */
export const CLIENT_PERMISSIONS: readonly string[] = ["--allow-net", "--allow-read", "--allow-env=HOME,XDG_CONFIG_HOME"];

/** Sockets of datagrams, by which systemd is told, are not stable in Deno yet. */
export const UNSTABLE: readonly string[] = ["--unstable-net"];
