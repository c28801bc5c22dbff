/**
 * The properties of a publication in bytes.
 *
 * @module
 */

import type { ProtocolVersion } from "../codec/packets.ts";
import { propertiesLength, writeProperties } from "../codec/properties.ts";
import type { PublishOptions } from "./publication.ts";
import { NO_BYTES } from "./publish_writer.ts";

/** All but the message expiry interval, which counts down until it is sent; none before MQTT 5.0. Throws for misuse. */
export function publishProperties({ properties }: PublishOptions, version: ProtocolVersion): Uint8Array {
  if (properties === undefined || version < 5) return NO_BYTES;
  if ("topicAlias" in properties || "subscriptionIdentifiers" in properties) {
    throw new TypeError("Cannot publish: topic alias and subscription identifiers must be left to the client");
  }
  const { messageExpiryInterval, ...others } = properties;
  propertiesLength({ messageExpiryInterval }, "publish"); // throws for a value out of range
  return writeProperties(others, "publish");
}
