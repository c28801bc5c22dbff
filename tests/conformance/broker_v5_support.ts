/** What several conformance tests of the broker for MQTT 5.0 share. */

import { AssertionError } from "@std/assert";
import type { RawClient } from "../support/raw_client.ts";

/**
 * A CONNECT is refused: the standard leaves it to the server whether a CONNACK goes before the close. If one comes, its
 * code must be one of these.
 */
export async function expectRefusal(client: RawClient, ...reasonCodes: number[]): Promise<void> {
  const connack = await client.expectOptional("connack");
  if (connack !== undefined && !reasonCodes.includes(connack.reasonCode)) {
    throw new AssertionError(`Expected a refusal, received CONNACK 0x${connack.reasonCode.toString(16)}`);
  }
  await client.expectClosed();
}

/**
 * A CONNECT of a version that the broker does not serve is refused. If a CONNACK comes, it is that of 5.0 with code
 * 0x84 for a newer version, and that of 3.1.1 with code 1, which any older client can read, for another one.
 */
export async function expectVersionRefusal(client: RawClient, level: number): Promise<void> {
  client.version = level >= 5 ? 5 : 4;
  await expectRefusal(client, level >= 5 ? 0x84 : 1);
}
