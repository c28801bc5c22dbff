/** Large messages share memory on their way; nobody gets the bytes of another one. */

import { assert, assertEquals } from "@std/assert";
import { withBroker } from "../support/broker.ts";
import { random } from "../support/random.ts";

/** A message that shows any byte that is not its own. */
function payload(number: number, length: number): Uint8Array {
  const bytes = new Uint8Array(length).fill(number % 251);
  new DataView(bytes.buffer).setUint32(0, number);
  return bytes;
}

for (const qos of [0, 1] as const) {
  Deno.test(
    `broker large messages: of all sizes, to subscribers who read at their own pace and some who leave, QoS ${qos}`,
    withBroker({ maxOutputBytes: 64 * 1024 * 1024 }, async ({ connect }) => {
      const next = random(qos + 1);
      const options = { autoAck: true } as const;
      const [fast, slow, leaving] = [await connect(options), await connect(options), await connect(options)];
      for (const subscriber of [fast, slow, leaving]) await subscriber.subscribe("large/#", { qos });
      slow.pause();
      leaving.pause();
      const publisher = await connect(options);
      const lengths = Array.from({ length: 120 }, () => 4 + Math.floor(next() ** 2 * 400_000));
      for (const [number, length] of lengths.entries()) {
        if (number === 60) await leaving.close();
        if (number === 100) slow.resume();
        await publisher.publish(`large/${number}`, payload(number, length), { qos });
      }
      for (const subscriber of [fast, slow]) {
        const packets = await subscriber.expectMany("publish", lengths.length);
        for (const [number, packet] of packets.entries()) {
          assertEquals(packet.topic, `large/${number}`);
          const expected = payload(number, lengths[number] ?? 0);
          assertEquals(packet.payload.length, expected.length);
          assert(packet.payload.every((byte, index) => byte === expected[index]), `${packet.topic} has other bytes`);
        }
      }
    }),
  );
}
