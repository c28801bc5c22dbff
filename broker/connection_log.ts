/**
 * Log lines about clients, in Mosquitto's words.
 *
 * @module
 */

import type { Admission } from "./handshake.ts";
import type { ClientInfo } from "./hooks.ts";
import type { LogSink } from "./log.ts";
import type { ConnectionEnd } from "./sessions.ts";

/** A client was let in. */
export function logConnected(log: LogSink, admission: Admission, client: ClientInfo): void {
  const { packet, keepAlive } = admission;
  const { clientId, username, protocolVersion, peer } = client;
  const version = protocolVersion === 5 ? 5 : protocolVersion - 2;
  const user = username === undefined ? "" : `, u'${username}'`;
  log.write(
    "notice",
    `New client connected from ${peer.address} as ${clientId} (p${version}, c${
      packet.cleanStart ? 1 : 0
    }, k${keepAlive}${user}).`,
  );
  if (!log.debug) return;
  const { will } = packet;
  if (will === undefined) return log.write("debug", "No will message specified.");
  const retain = will.retain ? 1 : 0;
  log.write("debug", `Will message specified (${will.payload.length} bytes) (r${retain}, q${will.qos}).`);
  log.write("debug", `\t${will.topic}`);
}

/** A client has gone. */
export function logDisconnected(log: LogSink, client: ClientInfo, end: ConnectionEnd): void {
  switch (end.kind) {
    case "disconnect":
      return log.write("notice", `Client ${client.clientId} disconnected.`);
    case "takeover":
      return;
    case "failure":
      return log.write("notice", `Client ${client.clientId} closed its connection.`);
  }
}
