/** Topic aliases in both directions: MQTT 5.0 sections 3.1.2.11.5, 3.2.2.3.8 and 3.3.2.3.4. */

import { assert, assertEquals } from "@std/assert";
import { withBroker } from "../support/broker.ts";
import { publishPacket } from "../support/raw_packets.ts";

Deno.test(
  "mqtt 5.0 broker: takes every alias from 1 to the maximum that it announced [MQTT-3.3.2-12]",
  withBroker({ maxTopicAlias: 300 }, async ({ connect }) => {
    const watcher = await connect();
    await watcher.subscribe("#");
    const client = await connect();
    const maximum = client.connack?.properties?.topicAliasMaximum ?? 0;
    assertEquals(maximum, 300);
    for (let topicAlias = 1; topicAlias <= maximum; topicAlias++) {
      await client.send(publishPacket(`t/${topicAlias}`, "set", { properties: { topicAlias } }));
    }
    for (let topicAlias = maximum; topicAlias >= 1; topicAlias--) {
      await client.send(publishPacket("", "use", { properties: { topicAlias } }));
    }
    await client.barrier();
    const topics = (await watcher.publications()).map(({ topic }) => topic);
    const expected = Array.from({ length: maximum }, (_, at) => `t/${at + 1}`);
    assertEquals(topics, [...expected, ...expected.toReversed()]);
  }),
);

Deno.test(
  "mqtt 5.0 broker: an alias can be given a new topic, and does not travel [MQTT-3.3.2-12] [MQTT-3.1.2-27]",
  withBroker(async ({ connect }) => {
    const watcher = await connect();
    await watcher.subscribe("#", { qos: 1 });
    const client = await connect();
    const userProperties = [["k", "v"]] as const;
    const alias = { topicAlias: 1 };
    for (
      const [name, topic, properties] of [
        ["a", "a", alias],
        ["", "a", { payloadFormatIndicator: 1, topicAlias: 1, messageExpiryInterval: 100, userProperties }],
        ["b", "b", { ...alias, contentType: "x" }],
        ["", "b", { responseTopic: "r", ...alias }],
      ] as const
    ) {
      await client.publish(name, "x", { qos: 1, properties });
      const packet = await watcher.expect("publish", { topic });
      const { topicAlias: _, ...rest } = { ...properties } as Record<string, unknown>;
      assertEquals({ ...packet.properties }, rest);
    }
  }),
);

Deno.test(
  "mqtt 5.0 broker: an alias works with every QoS, retained messages and what is queued [MQTT-3.3.2-12]",
  withBroker(async ({ connect }) => {
    const absent = await connect({ clientId: "absent", properties: { sessionExpiryInterval: 100 } });
    await absent.subscribe("a", { qos: 2 });
    await absent.disconnect();
    const client = await connect();
    await client.publish("a", "0", { properties: { topicAlias: 2 } });
    await client.publish("", "1", { qos: 1, retain: true, properties: { topicAlias: 2 } });
    await client.publish("", "2", { qos: 2, properties: { topicAlias: 2 } });
    const back = await connect({ clientId: "absent", cleanStart: false });
    await back.expect("publish", { topic: "a", payload: "1", properties: { topicAlias: undefined } });
    await back.expect("publish", { topic: "a", payload: "2", properties: { topicAlias: undefined } });
    const late = await connect();
    await late.subscribe("#");
    await late.expect("publish", { topic: "a", payload: "1", retain: true });
  }),
);

Deno.test(
  "mqtt 5.0 broker: alias 0, or one above the maximum, ends the connection with 0x94 [MQTT-3.3.2-8] [MQTT-3.3.2-9]",
  withBroker({ maxTopicAlias: 5 }, async ({ connect }) => {
    const watcher = await connect();
    await watcher.subscribe("#");
    for (const hex of ["23 00 00", "23 00 06", "23 ff ff"]) {
      const client = await connect();
      await client.sendBytes(`30 07 00 01 61 03 ${hex}`);
      await client.expectDisconnect(0x94);
    }
    assertEquals(await watcher.publications(), []);
  }),
);

Deno.test(
  "mqtt 5.0 broker: with a Topic Alias Maximum of 0 no alias is fine [MQTT-3.3.2-9]",
  withBroker({ maxTopicAlias: 0 }, async ({ connect }) => {
    const client = await connect({ properties: { topicAliasMaximum: 10 } });
    assertEquals(client.connack?.properties?.topicAliasMaximum ?? 0, 0);
    await client.send(publishPacket("a", "x", { properties: { topicAlias: 1 } }));
    await client.expectDisconnect(0x94);
  }),
);

Deno.test(
  "mqtt 5.0 broker: an alias that was never set is a Protocol Error [MQTT-3.3.2-9] [MQTT-4.13.1-1]",
  withBroker(async ({ connect }) => {
    const client = await connect();
    await client.send(publishPacket("", "x", { properties: { topicAlias: 3 } }));
    await client.expectDisconnect(0x82, 0x94);
  }),
);

Deno.test(
  "mqtt 5.0 broker: aliases end with the connection, also when the session goes on [MQTT-3.3.2-7]",
  withBroker(async ({ connect }) => {
    const properties = { sessionExpiryInterval: 100, topicAliasMaximum: 10 };
    const first = await connect({ clientId: "s", properties });
    await first.subscribe("a");
    for (let count = 0; count < 3; count++) {
      await first.publish("a", "x", { properties: { topicAlias: 1 } });
      await first.expect("publish");
    }
    await first.disconnect();
    const second = await connect({ clientId: "s", cleanStart: false, properties });
    await second.publish("a", "x");
    await second.expect("publish", { topic: "a" }); // the broker's own aliases begin anew as well
    await second.send(publishPacket("", "x", { properties: { topicAlias: 1 } }));
    await second.expectDisconnect(0x82, 0x94);
  }),
);

Deno.test(
  "mqtt 5.0 broker: aliases of one connection mean nothing on another [MQTT-3.3.2-7]",
  withBroker(async ({ connect }) => {
    const watcher = await connect();
    await watcher.subscribe("#");
    const first = await connect();
    const second = await connect();
    await first.publish("a", "1", { properties: { topicAlias: 1 } });
    await second.publish("b", "2", { properties: { topicAlias: 1 } });
    await first.publish("", "3", { qos: 1, properties: { topicAlias: 1 } });
    await second.publish("", "4", { qos: 1, properties: { topicAlias: 1 } });
    const received = (await watcher.publications()).map(({ topic, payload }) => `${topic}${(payload[0] ?? 0) - 48}`);
    assertEquals(received.sort(), ["a1", "a3", "b2", "b4"]);
  }),
);

for (const topicAliasMaximum of [undefined, 0]) {
  Deno.test(
    `mqtt 5.0 broker: sends no alias to a client whose Topic Alias Maximum is ${
      topicAliasMaximum ?? "absent"
    } [MQTT-3.1.2-27]`,
    withBroker(async ({ connect }) => {
      const properties = topicAliasMaximum === undefined ? undefined : { topicAliasMaximum };
      const client = await connect({ ...(properties && { properties }) });
      await client.subscribe("a", { qos: 1 });
      for (let count = 0; count < 5; count++) {
        await client.publish("a", "x", { qos: count % 2 === 0 ? 0 : 1 });
        await client.take("publish", ({ topic, properties }) => topic === "a" && properties?.topicAlias === undefined);
      }
      assertEquals(await client.barrier(), []);
    }),
  );
}

Deno.test(
  "mqtt 5.0 broker: sends aliases from 1 to the client's maximum only, and each stands for its topic [MQTT-3.1.2-26] [MQTT-3.3.2-11] [MQTT-3.3.2-8]",
  withBroker({ maxTopicAlias: 65_535 }, async ({ connect }) => {
    for (const topicAliasMaximum of [1, 3, 65_535]) {
      const client = await connect({ properties: { topicAliasMaximum } });
      await client.subscribe("t/#");
      const publisher = await connect();
      const sent: string[] = [];
      for (let round = 0; round < 6; round++) {
        for (let number = 0; number < 8; number++) {
          const topic = `t/${(round * number) % 8}`;
          sent.push(topic);
          await publisher.publish(topic, "x");
        }
      }
      await publisher.barrier();
      const known = new Map<number, string>();
      const received = (await client.publications()).map(({ topic, properties }) => {
        const alias = properties?.topicAlias;
        if (alias === undefined) return topic;
        assert(alias >= 1 && alias <= topicAliasMaximum, `alias ${alias} of ${topicAliasMaximum}`);
        if (topic !== "") known.set(alias, topic);
        return known.get(alias);
      });
      assertEquals(received, sent);
      await client.close();
    }
  }),
);
