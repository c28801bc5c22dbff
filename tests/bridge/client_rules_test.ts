/** To the other broker a bridge is a client like any other. */

import { assert, assertEquals } from "@std/assert";
import { bounded, startBroker } from "../support/broker.ts";
import { accept, bridgeTo } from "./support.ts";

Deno.test(
  "mqtt 3.1.1 broker: a bridge obeys the rules for clients: CONNECT first, identifiers, DUP after a break [MQTT-7.0.0-1]",
  () =>
    bounded(async () => {
      await using ours = await startBroker();
      using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
      await using bridge = bridgeTo(ours.broker, listener.addr.port, {
        protocolVersion: 4,
        tryPrivate: false,
        cleanSession: false,
        notifications: false,
        attemptUnsubscribe: false,
        topics: [{ pattern: "out/#", qos: 1 }, { pattern: "in/#", direction: "in", qos: 1 }],
      });
      await bridge.ready;
      const first = await accept(listener);
      await first.expect("connect", { protocolVersion: 4, clientId: "gateway", cleanStart: false });
      await first.send({ type: "connack", sessionPresent: false, reasonCode: 0 });
      const { packetId, subscriptions } = await first.expect("subscribe");
      assert(packetId > 0);
      assertEquals(subscriptions.map(({ filter, qos }) => [filter, qos]), [["in/#", 1]]);
      await first.send({ type: "suback", packetId, reasonCodes: [1] });
      ours.broker.publish({ topic: "out/1", payload: "a", qos: 1 });
      const sent = await first.expect("publish", { topic: "out/1", qos: 1, dup: false });
      assert(sent.packetId !== undefined && sent.packetId > 0 && sent.packetId !== packetId);
      const incoming = { type: "publish", topic: "in/1", qos: 1, retain: false, dup: false, packetId: 7 } as const;
      await first.send({ ...incoming, payload: new Uint8Array(1) });
      await first.expect("puback", { packetId: 7 });
      // Without an acknowledgement it comes again, with the same identifier.
      await first.close();
      await using second = await accept(listener);
      await second.expect("connect", { clientId: "gateway", cleanStart: false });
      await second.send({ type: "connack", sessionPresent: true, reasonCode: 0 });
      await second.expect("publish", { topic: "out/1", qos: 1, dup: true, packetId: sent.packetId });
      await second.send({ type: "puback", packetId: sent.packetId, reasonCode: 0 });
      await bridge[Symbol.asyncDispose]();
    }),
);
