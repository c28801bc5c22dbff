/** A gateway runs for months: what a message leaves behind adds up. */

import { assertLess } from "@std/assert";
import { memoryInUse } from "../broker/memory.ts";
import { bounded, startBroker, until } from "../support/broker.ts";
import { bridgeTo, settled } from "./support.ts";

for (const direction of ["out", "in"] as const) {
  Deno.test(`bridge: keeps nothing of messages that have gone ${direction}`, () =>
    bounded(async () => {
      await using ours = await startBroker();
      await using other = await startBroker();
      await using bridge = bridgeTo(ours.broker, other.port, {
        protocolVersion: 5,
        topics: [{ pattern: "m/#", direction, qos: 1 }],
      });
      await settled(bridge);
      if (direction === "in") await until(() => other.broker.counts().subscriptions === 1, "its subscription there");
      const source = direction === "out" ? ours : other;
      const carried = () => direction === "out" ? bridge.status.forwarded : bridge.status.received;
      async function carry(total: number): Promise<void> {
        while (carried() < total) {
          const wanted = carried() + 500;
          for (let i = 0; i < 500; i++) source.broker.publish({ topic: "m/1", payload: "21.5", qos: 1 });
          await until(() => carried() >= wanted, `${wanted} messages`, 10_000);
        }
      }
      await carry(5_000);
      const before = await memoryInUse();
      await carry(30_000);
      const after = await memoryInUse();
      // 60 bytes a message
      assertLess(after.heap - before.heap, 1_500_000);
    }));
}
