/**
 * The CONNECT that a client's settings make.
 *
 * @module
 */

import type { ConnectPacket } from "../codec/packets.ts";
import type { ConnectProperties } from "../codec/properties.ts";
import type { Settings } from "./settings.ts";

/** The protocol's limit for a packet, in bytes. */
export const LARGEST_PACKET = 268_435_460;

/** The CONNECT for one attempt. */
export function connectPacket(
  settings: Settings,
  clientId: string,
  cleanStart: boolean,
  authenticationData?: Uint8Array,
): ConnectPacket {
  const { protocolVersion, keepAlive, will, username, password } = settings;
  const packet: ConnectPacket = { type: "connect", protocolVersion, clientId, cleanStart, keepAlive };
  if (settings.isBridge) packet.isBridge = true;
  if (will !== undefined) packet.will = will;
  if (username !== undefined) packet.username = username;
  if (password !== undefined) packet.password = password;
  if (protocolVersion === 5) packet.properties = connectProperties(settings, authenticationData);
  return packet;
}

function connectProperties(settings: Settings, authenticationData: Uint8Array | undefined): ConnectProperties {
  const { sessionExpiryInterval, maximumPacketSize, topicAliasMaximum, authentication } = settings;
  const properties: ConnectProperties = { ...settings.properties, receiveMaximum: settings.receiveMaximum };
  if (sessionExpiryInterval !== 0) properties.sessionExpiryInterval = sessionExpiryInterval;
  if (maximumPacketSize < LARGEST_PACKET) properties.maximumPacketSize = maximumPacketSize;
  if (topicAliasMaximum !== 0) properties.topicAliasMaximum = topicAliasMaximum;
  if (authentication !== undefined) properties.authenticationMethod = authentication.method;
  if (authenticationData !== undefined) properties.authenticationData = authenticationData;
  return properties;
}
