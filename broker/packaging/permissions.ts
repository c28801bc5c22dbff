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

/** The socket on which systemd listens to services. */
const NOTIFICATIONS = "/run/systemd/notify";

const { configuration, state, runtime, logs, credentials } = FOLDERS;
const READ = [configuration, credentials, "/etc/ssl/certs"];
const WRITTEN = [state, runtime, logs];

/** Where systemd looks for the unit. */
export const UNIT = "/etc/systemd/system/mqtt-broker.service";

/**
 * Flags of the broker: listeners and bridges, systemd, and folders: those that it only reads, and those that it writes
 * to as well; nothing else of the machine. `administered` is what its commands write.
 */
export function brokerPermissions(
  read: readonly string[] = READ,
  written: readonly string[] = WRITTEN,
  administered: readonly string[] = [],
): string[] {
  return [
    "--allow-net",
    `--allow-read=${[...read, ...written].join(",")}`,
    `--allow-write=${[...written, NOTIFICATIONS, ...administered].join(",")}`,
    // What systemd tells a service, see sd_notify(3).
    "--allow-env=NOTIFY_SOCKET,WATCHDOG_USEC,WATCHDOG_PID",
    // Whether it is root who runs it, and the name that bridges have by default.
    "--allow-sys=uid,hostname",
  ];
}

/**
 * Flags of the binary, which has the commands `passwd` and `install-service` in it. The service may not do what these
 * may: it has a user of its own, and systemd lets it write to the other folders alone.
 */
export function binaryPermissions(read?: readonly string[], written?: readonly string[]): string[] {
  return brokerPermissions(read, written, [configuration, UNIT]);
}

/** Flags of the command line client: servers, files that the user names, and the files with defaults. */
export const CLIENT_PERMISSIONS: readonly string[] = [
  "--allow-net",
  "--allow-read",
  "--allow-env=HOME,XDG_CONFIG_HOME",
];

/** Sockets of datagrams, by which systemd is told, are not stable in Deno yet. */
export const UNSTABLE: readonly string[] = ["--unstable-net"];
