/**
 * Log lines about clients, in Mosquitto's words.
 *
 * @module
 */

import type { Packet } from "../codec/packets.ts";
import type { Peer } from "../engine/transport.ts";
import type { BrokerCore } from "./core.ts";
import type { Admission } from "./handshake.ts";
import type { ClientInfo } from "./hooks.ts";
import type { LogSink } from "./log.ts";

/** Who comes and goes is logged unless the options say otherwise. */
export function logPassage({ options, log }: Pick<BrokerCore, "options" | "log">, line: string): void {
  if (options.connectionMessages) log.write("notice", line);
}

/** Somebody has come who has said nothing yet. */
export function newConnectionLine({ address, localPort }: Peer): string {
  return `New connection from ${address}${localPort === undefined ? "" : ` on port ${localPort}`}.`;
}

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

/** A packet has come that is no PUBLISH; a line of level `debug`. */
export function logReceived(log: LogSink, clientId: string, packet: Packet): void {
  log.write("debug", `Received ${packet.type.toUpperCase()} from ${clientId}${receivedDetails(packet)}`);
}

function receivedDetails(packet: Packet): string {
  switch (packet.type) {
    case "puback":
    case "pubcomp":
      return ` (Mid: ${packet.packetId}, RC:${packet.reasonCode})`;
    case "pubrec":
    case "pubrel":
      return ` (Mid: ${packet.packetId})`;
    default:
      return "";
  }
}

/** What a line says in brackets about a packet that is sent and is no PUBLISH, with a blank in front. */
export function sentDetails(packet: Packet): string {
  if (packet.type === "connack") return ` (${packet.sessionPresent ? 1 : 0}, ${packet.reasonCode})`;
  if (packet.type === "disconnect") return ` (rc${packet.reasonCode})`;
  return "";
}
