/**
 * The broker as a service of systemd.
 *
 * @module
 */

import { FOLDERS } from "./permissions.ts";

/** Name of the unit and of its folders. */
export const SERVICE = "mqtt-broker";

/**
 * For a machine with little memory: V8 collects what is new after four megabytes, not thirty-two, and the C library has
 * one heap for all threads and gives back what V8's compiler has taken. Together 15 MB less; a busy broker on a large
 * machine is faster without. After one megabyte it would be 5 MB less, and 0.2 % of a core more. V8's compiler in the
 * middle, Maglev, is left out: at a gateway's pace what it makes does not pay for its making (6.7 % of a core with it,
 * 5.7 % without).
 */
export const ENVIRONMENT = {
  DENO_V8_FLAGS: "--max-semi-space-size=4,--no-maglev",
  MALLOC_ARENA_MAX: "1",
  MALLOC_MMAP_THRESHOLD_: "32768",
  MALLOC_TRIM_THRESHOLD_: "131072",
} as const;

/** The users of the sample configuration. */
export const USERS: string = `${FOLDERS.configuration}/users`;

/** The sample configuration, for a gateway: devices on one side, a server elsewhere on the other. */
export const GATEWAY_CONFIGURATION =
  `# The broker of a gateway. All options are those of mosquitto.conf; what is commented out is yours to fill in.

# Devices, on all interfaces. They say who they are: add users by
#   mqtt-broker passwd ${FOLDERS.configuration}/users NAME && systemctl restart ${SERVICE}
# The service has a user of its own, so systemd hands it files that only root may read: see LoadCredential= in the unit.
listener 1883
allow_anonymous false
password_file ${FOLDERS.credentials}/users

# The same with encryption.
#listener 8883
#certfile ${FOLDERS.configuration}/server.crt
#keyfile ${FOLDERS.credentials}/server.key

# What is acknowledged is on disk, also what waits for the server while it cannot be reached.
persistence true
persistence_location ${FOLDERS.state}

# A gateway has little memory: beyond this, messages are refused.
memory_limit 64000000
max_queued_messages 10000
log_dest stderr
log_type error
log_type warning
log_type notice

# The server that gets everything: at QoS 1, encrypted, oldest first when more waits than may.
#connection uplink
#address mqtt.example.com:8883
#bridge_cafile /etc/ssl/certs/ca-certificates.crt
#remote_username gateway
#remote_password secret
#bridge_protocol_version mqttv50
#cleansession false
#topic # out 1 "" gateways/1/
#topic commands/# in 1 "" gateways/1/
`;

/** The unit; `command` is what starts the broker, its arguments included. */
export function unitOf(command: readonly string[]): string {
  return `# The broker as a service: see systemd.service(5) and systemd.exec(5).

[Unit]
Description=MQTT broker
Wants=network-online.target
After=network-online.target

[Service]
# The broker tells when its listeners are open, and that it lives.
Type=notify
NotifyAccess=main
WatchdogSec=30
ExecStart=${command.map(quoted).join(" ")}
ExecReload=/bin/kill -HUP $MAINPID
Restart=always
RestartSec=2
TimeoutStopSec=30
LimitNOFILE=1048576

# A user of its own, and the folders ${FOLDERS.configuration}, ${FOLDERS.state}, ${FOLDERS.runtime} and ${FOLDERS.logs}.
DynamicUser=yes
ConfigurationDirectory=${SERVICE}
StateDirectory=${SERVICE}
StateDirectoryMode=0700
RuntimeDirectory=${SERVICE}
LogsDirectory=${SERVICE}
CacheDirectory=${SERVICE}
Environment=DENO_DIR=%C/${SERVICE}
# Little memory; a busy broker on a large machine is faster without these.
${Object.entries(ENVIRONMENT).map(([name, value]) => `Environment=${name}=${value}`).join("\n")}
UMask=0077
# Files that only root may read; they are in ${FOLDERS.credentials} then.
LoadCredential=users:${USERS}
#LoadCredential=server.key:${FOLDERS.configuration}/server.key

# Ports below 1024, and nothing else that is root's.
AmbientCapabilities=CAP_NET_BIND_SERVICE
CapabilityBoundingSet=CAP_NET_BIND_SERVICE
NoNewPrivileges=yes
ProtectSystem=strict
ProtectHome=yes
ProtectProc=invisible
ProcSubset=pid
ProtectClock=yes
ProtectHostname=yes
ProtectKernelLogs=yes
ProtectKernelModules=yes
ProtectKernelTunables=yes
ProtectControlGroups=yes
PrivateTmp=yes
PrivateDevices=yes
RestrictAddressFamilies=AF_INET AF_INET6 AF_UNIX
RestrictNamespaces=yes
RestrictRealtime=yes
RestrictSUIDSGID=yes
RemoveIPC=yes
LockPersonality=yes
SystemCallArchitectures=native
SystemCallFilter=@system-service
SystemCallErrorNumber=EPERM
# MemoryDenyWriteExecute cannot be had: JavaScript is compiled while it runs.

[Install]
WantedBy=multi-user.target
`;
}

/** An argument as systemd reads it. */
function quoted(argument: string): string {
  const escaped = argument.replaceAll("%", "%%").replaceAll("$", "$$$$");
  return /[\s"'\\]/.test(escaped) ? `"${escaped.replaceAll("\\", "\\\\").replaceAll('"', '\\"')}"` : escaped;
}
