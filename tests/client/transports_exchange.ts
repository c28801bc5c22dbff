/**
 * What every transport must carry.
 *
 * @module
 */

import { assertEquals } from "@std/assert";
import { connect, type ConnectInit } from "../../client/mod.ts";

/** Larger than the buffers of sockets and streams on the way. */
const LARGE = 1_000_000;

/** Connects to `url`; publishes to itself with all QoS, among it a payload that does not fit one read; and closes. */
export async function exchange(url: string, init: ConnectInit, size: number = LARGE): Promise<void> {
  await using client = await connect(url, { reconnect: false, ...init });
  await using subscription = client.subscribe("exchange/#", { qos: 2 });
  assertEquals(await subscription.ready, [2]);
  const large = Uint8Array.from({ length: size }, (_, i) => i * 31);
  await client.publish("exchange/0", "zero", { qos: 0 });
  await client.publish("exchange/1", large, { qos: 1 });
  await client.publish("exchange/2", "two", { qos: 2 });
  const received = new Map<string, Uint8Array>();
  for await (const message of subscription) {
    received.set(message.topic, message.bytes());
    if (received.size === 3) break;
  }
  assertEquals(received.get("exchange/0"), new TextEncoder().encode("zero"));
  assertEquals(received.get("exchange/1")?.length, large.length);
  assertEquals(received.get("exchange/1")?.every((byte, i) => byte === large[i]), true);
  assertEquals(received.get("exchange/2"), new TextEncoder().encode("two"));
}
