/** What a broker tells about itself to a program: its inspection, its observers, and the end of a session. */

import { assert, assertEquals, assertThrows } from "@std/assert";
import type { LogLevel } from "../../broker/mod.ts";
import { until, withBroker } from "../support/broker.ts";

Deno.test(
  "broker inspection: a client, its connection, subscriptions and what is in flight",
  withBroker(async ({ broker, clock, connect }) => {
    const connectedAt = clock.now();
    const will = { topic: "gone", payload: "ann has left", qos: 1, retain: true } as const;
    const properties = { sessionExpiryInterval: 60, receiveMaximum: 1, maximumPacketSize: 1_000 };
    const client = await connect({ clientId: "ann", username: "a", keepAlive: 30, will, properties });
    await client.subscribe("home/+", { qos: 1, noLocal: true, properties: { subscriptionIdentifiers: [7] } });
    await client.subscribe("$share/g/work/#", { qos: 2 });
    broker.publish({ topic: "home/a", payload: "one", qos: 1, properties: { contentType: "text/plain" } });
    broker.publish({ topic: "home/b", payload: "two", qos: 1 });
    await client.expect("publish");

    const { inspection } = broker;
    const [state, ...others] = inspection.clients();
    assert(state?.connection !== undefined);
    assertEquals(others, []);
    assertEquals(inspection.connected, 1);
    const { connection, ...session } = state;
    assertEquals(session, {
      clientId: "ann",
      username: "a",
      broker: undefined,
      expiryInterval: 60,
      expiresAt: Infinity,
      isStored: false,
      subscriptions: 2,
      inflight: 1,
      queued: 1,
      queuedBytes: 3,
      dropped: 0,
      incoming: 0,
    });
    assertEquals(connection.client.protocolVersion, 5);
    assertEquals(connection.connectedAt, connectedAt);
    assertEquals(connection.keepAlive, 30);
    assertEquals(connection.receiveMaximum, 1);
    assertEquals(connection.maximumPacketSize, 1_000);
    assertEquals(connection.cleanStart, true);
    assertEquals(new TextDecoder().decode(connection.will?.payload), "ann has left");
    assertEquals([connection.will?.topic, connection.will?.qos, connection.will?.retain], ["gone", 1, true]);

    const [plain, shared] = inspection.subscriptions("ann");
    assertEquals([plain?.filter, plain?.share, plain?.identifier, plain?.noLocal], ["home/+", undefined, 7, true]);
    assertEquals([shared?.filter, shared?.share, shared?.identifier, shared?.qos], ["work/#", "g", undefined, 2]);
    assertEquals([...inspection.subscriptions()].length, 2);
    assertEquals(inspection.sharedSubscriptions, 1);

    const [message] = inspection.inflight("ann");
    assertEquals([message?.packetId, message?.phase, message?.message?.topic], [1, "publish", "home/a"]);
    assertEquals(message?.message?.properties(), { contentType: "text/plain" });

    const endedAt = clock.now();
    await client.close();
    await until(() => inspection.connected === 0, "the client to be gone");
    assertEquals(inspection.session("ann")?.connection, undefined);
    assertEquals(inspection.session("ann")?.expiresAt, endedAt + 60_000);
    assertEquals([...inspection.sessions()].map(({ clientId }) => clientId), ["ann"]);
    assertEquals(inspection.session("bob"), undefined);
  }),
);

Deno.test(
  "broker inspection: retained messages, those of $ topics included, expired ones left out",
  withBroker((test) => {
    const { broker, clock } = test;
    const at = clock.now();
    for (const topic of ["a", "a/b", "$own/c", "/d"]) broker.publish({ topic, payload: topic, retain: true, qos: 2 });
    broker.publish({ topic: "e", payload: "", retain: true, properties: { messageExpiryInterval: 5 } });
    broker.publish({ topic: "f", payload: "f", retain: true, properties: { messageExpiryInterval: 5 } });
    const { inspection } = broker;
    const topics = (filter?: string) => [...inspection.retained(filter)].map(({ topic }) => topic).sort();
    assertEquals(topics(), ["$own/c", "/d", "a", "a/b", "f"]);
    assertEquals(topics("#"), ["/d", "a", "a/b", "f"]);
    assertEquals(topics("a/#"), ["a", "a/b"]);
    assertEquals(inspection.retainedMessage("f")?.expiresAt, at + 5_000);
    const text = (message: { payload: Uint8Array } | undefined) => new TextDecoder().decode(message?.payload);
    const [looked, unlooked] = inspection.retained("a/#");
    assertEquals(text(looked), "a");
    for (const topic of ["a", "a/b"]) broker.publish({ topic, payload: "", retain: true });
    broker.publish({ topic: "new", payload: "in its place", retain: true });
    assertEquals([text(looked), text(unlooked)], ["a", ""]);
    for (const topic of ["a", "a/b"]) broker.publish({ topic, payload: topic, retain: true, qos: 2 });
    broker.publish({ topic: "new", payload: "", retain: true });
    clock.advance(5_000);
    assertEquals(topics(), ["$own/c", "/d", "a", "a/b"]);
    assertEquals(inspection.retainedMessage("f"), undefined);
    assertEquals(inspection.retainedMessage("a")?.qos, 2);
    assertEquals(inspection.retainedMessage("a")?.expiresAt, Infinity);
    return Promise.resolve();
  }),
);

Deno.test(
  "broker inspection: messages and bytes are counted by QoS, in and out, and routes found and remembered",
  withBroker(async ({ broker, connect }) => {
    const client = await connect({ autoAck: true });
    await client.subscribe("t", { qos: 2 });
    for (const [qos, count] of [[0, 3], [1, 2], [2, 1]] as const) {
      for (let i = 0; i < count; i++) await client.publish("t", "x".repeat(qos + 1), { qos });
    }
    for (let i = 0; i < 6; i++) await client.expect("publish");
    const { received, sent, routes } = broker.inspection.metrics();
    assertEquals(received.messages, [3, 2, 1]);
    assertEquals(received.payloadBytes, [3, 4, 3]);
    assertEquals(sent.messages, [3, 2, 1]);
    assertEquals(sent.payloadBytes, [3, 4, 3]);
    // A topic is remembered from its second message on.
    assertEquals(routes.hits + routes.misses, 6);
    assert(routes.hits >= 4, `${routes.hits} hits`);
  }),
);

Deno.test(
  "broker inspection: an observer sees every message; one that fails is left out and stops nobody",
  async () => {
    const lines: [LogLevel, string][] = [];
    const log = { debug: false, write: (level: LogLevel, line: string) => void lines.push([level, line]) };
    await withBroker({ log, connectionMessages: false }, async ({ broker, connect }) => {
      const seen: string[] = [];
      broker.onPublish(() => {
        throw new Error("out of order");
      });
      const stop = broker.onPublish((topic, { qos, retain, payload }) => {
        seen.push(`${topic} ${qos} ${retain} ${new TextDecoder().decode(payload)}`);
      });
      const client = await connect();
      await client.publish("a/b", "hello", { qos: 1, retain: true });
      broker.publish({ topic: "c", payload: "own" });
      stop();
      broker.publish({ topic: "d", payload: "unseen" });
      assertEquals(seen, ["a/b 1 true hello", "c 0 false own"]);
    })();
    const failures = lines.filter(([level]) => level === "error");
    assertEquals(failures.length, 1);
    assert(failures[0]?.[1].includes("out of order"));
  },
);

Deno.test(
  "broker inspection: a session is ended for good, connected or not",
  withBroker(async ({ broker, connect }) => {
    const client = await connect({ clientId: "ann", properties: { sessionExpiryInterval: 600 } });
    await client.subscribe("a", { qos: 1 });
    assertEquals(broker.endSession("ann"), true);
    await client.expect("disconnect", { reasonCode: 0x98 });
    await client.expectClosed();
    assertEquals(broker.counts().sessions, 0);
    assertEquals(broker.counts().subscriptions, 0);
    const again = await connect({ clientId: "ann", cleanStart: false, properties: { sessionExpiryInterval: 600 } });
    assertEquals(again.connack?.sessionPresent, false);
    await again.disconnect();
    await until(() => broker.inspection.connected === 0, "the client to be gone");
    assertEquals(broker.endSession("ann"), true);
    assertEquals(broker.endSession("ann"), false);
    assertEquals(broker.counts().sessions, 0);
  }),
);

Deno.test(
  "broker inspection: a reason code that DISCONNECT cannot have ends nobody",
  withBroker(async ({ broker, connect }) => {
    const client = await connect({ clientId: "ann" });
    for (const reasonCode of [0x85, 0xff, 256, 1.5, -1]) {
      assertThrows(() => broker.disconnect(() => true, reasonCode), RangeError, "must be one of DISCONNECT");
      assertThrows(() => broker.endSession("ann", reasonCode), RangeError, "must be one of DISCONNECT");
    }
    await client.barrier();
    assertEquals(broker.disconnect(() => true, 0x8b), 1);
    await client.expect("disconnect", { reasonCode: 0x8b });
  }),
);
