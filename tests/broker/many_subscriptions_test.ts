/** A session with a great many subscriptions ends a part at a time, and gets nothing meanwhile. */

import { assertEquals, assertGreater } from "@std/assert";
import { bounded, startBroker, until } from "../support/broker.ts";
import { RawClient } from "../support/raw_client.ts";

const COUNT = 5_000;

Deno.test("broker: the subscriptions of a session that has ended go a part at a time, and count no more", () =>
  bounded(async () => {
    await using running = await startBroker({ sysInterval: 0 });
    await using other = await RawClient.connect(running.port, { clientId: "other" });
    await other.subscribe("$share/g/last", { qos: 1 });
    await using client = await RawClient.connect(running.port, { clientId: "c" });
    const filters = Array.from({ length: COUNT }, (_, at) => `a/${at}`);
    const subscriptions = [...filters, "$share/g/last", "last"].map((filter) => ({ filter, qos: 1 as const }));
    await client.send({ type: "subscribe", packetId: 1, subscriptions });
    await client.take("suback");
    const { broker } = running;
    const count = () => broker.counts().subscriptions;
    await client.close();
    while (count() === COUNT + 3) await new Promise((resolve) => setImmediate(resolve));
    assertGreater(count(), 1);
    for (let at = 0; at < 4; at++) broker.publish({ topic: "last", payload: "x", qos: 1 });
    await other.expectMany("publish", 4);
    await until(() => count() === 1, "an end of the subscriptions");
    assertEquals(broker.counts().trieNodes, 1);
  }));

Deno.test("broker: closing it leaves no timer for the subscriptions of sessions that end with it", () =>
  bounded(async () => {
    await using running = await startBroker({ sysInterval: 0 });
    await using client = await RawClient.connect(running.port, { clientId: "c" });
    await client.subscribe(Array.from({ length: COUNT }, (_, at) => `a/${at}`));
    await running.broker.close();
    await client.expectDisconnect(0x8b);
  }));
