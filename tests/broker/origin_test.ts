/** Clients that speak for another broker: what came from there does not go back. */

import { assertEquals } from "@std/assert";
import type { ConnectProperties } from "../../codec/properties.ts";
import { withBroker } from "../support/broker.ts";
import type { RawClient } from "../support/raw_client.ts";
import { testLives } from "./lives.ts";

/** What a bridge of another broker says in CONNECT. */
function ofBroker(...said: [identity: string, renames?: string]): ConnectProperties {
  const [identity, renames] = said;
  const userProperties: [string, string][] = [["x-mqtt-broker", identity]];
  if (renames !== undefined) userProperties.push(["x-mqtt-renames", renames]);
  return { userProperties };
}

Deno.test(
  "mqtt 5.0 broker: it says who it is to a bridge that has, and to nobody else",
  withBroker(async ({ broker, open }) => {
    for (
      const [properties, answer] of [
        [ofBroker("b"), [["x-mqtt-broker", broker.identity]]],
        [ofBroker("b".repeat(64)), [["x-mqtt-broker", broker.identity]]],
        [ofBroker("b".repeat(65)), undefined],
        [ofBroker(""), undefined],
        [{ userProperties: [["broker", "b"]] }, undefined],
        // A client that takes so little is told the rest.
        [{ ...ofBroker("b"), maximumPacketSize: 30 }, undefined],
        [{}, undefined],
      ] as const
    ) {
      const client = await open();
      await client.sendConnect({ properties });
      assertEquals((await client.expect("connack")).properties?.userProperties, answer);
    }
    assertEquals(/^[0-9a-f-]{36}$/.test(broker.identity), true);
  }),
);

Deno.test(
  "mqtt 5.0 broker: no local holds for all clients of another broker together, and only where it is asked for [MQTT-3.8.3-3]",
  withBroker(async ({ connect }) => {
    const clients = {
      from: await connect({ properties: ofBroker("b") }),
      back: await connect({ properties: ofBroker("b") }),
      other: await connect({ properties: ofBroker("c") }),
      plain: await connect(),
    };
    for (const client of Object.values(clients)) {
      await client.subscribe("with/#", { noLocal: true });
      await client.subscribe("without/#");
    }
    for (const [name, client] of Object.entries(clients)) {
      await client.publish(`with/${name}`, "1");
      await client.publish(`without/${name}`, "1");
    }
    const heard = Object.keys(clients).map(() => new Array<string>());
    // By the end of the first round, all of it has been handed out.
    for (const _round of [1, 2]) {
      for (const [index, client] of Object.values(clients).entries()) {
        for (const { topic, properties } of await client.publications()) {
          heard[index]?.push(topic);
          // What stood in CONNECT goes no further.
          assertEquals(properties?.userProperties, undefined);
        }
      }
    }
    const everything = Object.keys(clients).flatMap((name) => [`with/${name}`, `without/${name}`]);
    const but = (...left: string[]) => everything.filter((topic) => !left.includes(topic)).sort();
    assertEquals(heard.map((topics) => topics.sort()), [
      but("with/from", "with/back"),
      but("with/from", "with/back"),
      but("with/other"),
      but("with/plain"),
    ]);
  }),
);

Deno.test(
  "mqtt 5.0 broker: retained messages of another broker stay away from it, and nobody else",
  withBroker(async ({ connect }) => {
    const from = await connect({ properties: ofBroker("b") });
    await from.publish("r/from", "1", { qos: 1, retain: true });
    const plain = await connect();
    await plain.publish("r/plain", "1", { qos: 1, retain: true });
    const topics = async (properties: ConnectProperties, noLocal: boolean) => {
      const reader = await connect({ properties });
      await reader.subscribe("r/#", { noLocal });
      return (await reader.publications()).map(({ topic }) => topic).sort();
    };
    assertEquals(await topics(ofBroker("b"), true), ["r/plain"]);
    assertEquals(await topics(ofBroker("b"), false), ["r/from", "r/plain"]);
    assertEquals(await topics(ofBroker("c"), true), ["r/from", "r/plain"]);
    assertEquals(await topics({}, true), ["r/from", "r/plain"]);
    // Another message takes its place, and is of another origin.
    await plain.publish("r/from", "2", { qos: 1, retain: true });
    assertEquals(await topics(ofBroker("b"), true), ["r/from", "r/plain"]);
  }),
);

Deno.test(
  "mqtt 5.0 broker: a client speaks for whom its last CONNECT has named",
  withBroker(async ({ broker, connect }) => {
    const options = { clientId: "x", cleanStart: false };
    for (const [said, is] of [["b", "b"], ["c", "c"], [undefined, undefined], ["b", "b"]] as const) {
      const properties = { sessionExpiryInterval: 100, ...(said === undefined ? {} : ofBroker(said, "[]")) };
      await connect({ ...options, properties });
      assertEquals(broker.inspection.session("x")?.broker, is === undefined ? is : { identity: is, renames: "[]" });
    }
  }),
);

testLives(
  "it is known which broker a client that is away speaks for, and whose retained messages are",
  async (lives) => {
    const lasting = { sessionExpiryInterval: 100 };
    const away = await lives.connect({ clientId: "away", properties: { ...ofBroker("b", "[]"), ...lasting } });
    await away.subscribe("#", { qos: 1, noLocal: true });
    await away.publish("r/theirs", "1", { qos: 1, retain: true });
    await away.disconnect();
    await lives.crash();
    assertEquals(lives.broker.inspection.session("away")?.broker, { identity: "b", renames: "[]" });
    const from = await lives.connect({ properties: ofBroker("b") });
    await from.publish("r/again", "2", { qos: 1 });
    const plain = await lives.connect();
    await plain.publish("r/ours", "3", { qos: 1, retain: true });
    const topics = async (client: RawClient) => (await client.publications()).map(({ topic }) => topic);
    const back = await lives.connect({ clientId: "away", cleanStart: false, properties: ofBroker("b") });
    assertEquals(await topics(back), ["r/ours"]);
    await from.subscribe("r/#", { noLocal: true });
    assertEquals(await topics(from), ["r/ours"]);
  },
);
