/** The will message: MQTT 5.0 sections 3.1.2.5 to 3.1.2.7, 3.1.3.2 and 3.14.4. */

import { assert, assertEquals } from "@std/assert";
import type { DisconnectProperties, WillProperties } from "../../codec/properties.ts";
import { type BrokerTest, until, withBroker } from "../support/broker.ts";
import type { RawClient } from "../support/raw_client.ts";
import { field, rawConnect, toText } from "../support/raw_packets.ts";

/** A client that watches topic `will`. */
async function watch({ connect }: BrokerTest): Promise<RawClient> {
  const watcher = await connect();
  await watcher.subscribe("will", { qos: 2 });
  return watcher;
}

/** A connected client with a will, by default without delay and a session that ends with the connection. */
function mortal(
  { connect }: BrokerTest,
  properties: WillProperties = {},
  sessionExpiryInterval = 0,
  clientId = "mortal",
): Promise<RawClient> {
  const will = { topic: "will", payload: "farewell", properties };
  return connect({ clientId, will, cleanStart: false, properties: { sessionExpiryInterval } });
}

Deno.test(
  "mqtt 5.0 broker: publishes the will with topic, payload, QoS and properties when the connection breaks [MQTT-3.1.2-7] [MQTT-3.1.2-8] [MQTT-3.1.2-9] [MQTT-3.1.2-14]",
  withBroker(async (test) => {
    const watcher = await watch(test);
    const properties = {
      payloadFormatIndicator: 1,
      messageExpiryInterval: 77,
      contentType: "text/plain",
      responseTopic: "answer",
      correlationData: Uint8Array.of(1, 0, 255),
      userProperties: [["k", "v"]],
    } as const;
    for (const qos of [0, 1, 2] as const) {
      const client = await test.connect({ will: { topic: "will", payload: `farewell ${qos}`, qos, properties } });
      assertEquals(await watcher.publications(), []);
      await client.close();
      await watcher.expect("publish", { topic: "will", payload: `farewell ${qos}`, qos, retain: false, properties });
    }
    const late = await test.connect();
    await late.subscribe("will");
    assertEquals(await late.publications(), [], "a will without Will Retain is not retained");
  }),
);

Deno.test(
  "mqtt 5.0 broker: Will Retain makes the will a retained message [MQTT-3.1.2-15]",
  withBroker(async (test) => {
    const client = await test.connect({ will: { topic: "will", payload: "farewell", qos: 1, retain: true } });
    await client.close();
    await until(() => test.broker.counts().retained === 1, "the will to be retained");
    const watcher = await watch(test);
    await watcher.expect("publish", { topic: "will", payload: "farewell", qos: 1, retain: true });
  }),
);

Deno.test(
  "mqtt 5.0 broker: an empty will with Will Retain deletes the retained message [MQTT-3.1.2-15] [MQTT-3.3.1-6]",
  withBroker(async (test) => {
    const publisher = await test.connect();
    await publisher.publish("will", "old", { qos: 1, retain: true });
    const client = await test.connect({ will: { topic: "will", payload: "", retain: true } });
    await client.close();
    await until(() => test.broker.counts().retained === 0, "the retained message to be deleted");
  }),
);

Deno.test(
  "mqtt 5.0 broker: DISCONNECT 0 discards the will [MQTT-3.1.2-8] [MQTT-3.1.2-10] [MQTT-3.14.4-3]",
  withBroker(async (test) => {
    const watcher = await watch(test);
    for (const delay of [0, 5]) {
      const client = await mortal(test, { willDelayInterval: delay }, 100, `mortal${delay}`);
      await client.disconnect();
    }
    await until(() => test.broker.counts().connections === 1, "the connections to end");
    test.clock.advance(1_000_000);
    assertEquals(await watcher.publications(), []);
  }),
);

Deno.test(
  "mqtt 5.0 broker: DISCONNECT 0x04 and any code of an error publish the will [MQTT-3.1.2-8]",
  withBroker(async (test) => {
    const watcher = await watch(test);
    for (const code of [0x04, 0x80, 0x81, 0x82, 0x83, 0x90, 0x93, 0x94, 0x95, 0x96, 0x97, 0x98, 0x99]) {
      const client = await mortal(test);
      await client.disconnect(code);
      await watcher.expect("publish", { topic: "will", payload: "farewell" });
    }
    assertEquals(await watcher.publications(), []);
  }),
);

Deno.test(
  "mqtt 5.0 broker: a protocol error publishes the will [MQTT-3.1.2-8]",
  withBroker(async (test) => {
    const watcher = await watch(test);
    const client = await mortal(test);
    await client.sendConnect();
    await client.expectDisconnect(0x82);
    await watcher.expect("publish", { topic: "will" });
  }),
);

Deno.test(
  "mqtt 5.0 broker: the end of the stream without DISCONNECT publishes the will, once [MQTT-3.1.2-8] [MQTT-3.1.2-10]",
  withBroker(async (test) => {
    const watcher = await watch(test);
    const client = await mortal(test, {}, 50);
    await client.close();
    await watcher.expect("publish", { topic: "will" });
    test.clock.advance(100_000); // the session ends and finds no will any more
    const again = await test.connect({ clientId: "mortal", cleanStart: false });
    await again.close();
    await until(() => test.broker.counts().connections === 1, "the connection to end");
    assertEquals(await watcher.publications(), []);
  }),
);

Deno.test(
  "mqtt 5.0 broker: a new CONNECT of the same session without a will has none [MQTT-3.1.2-10] [MQTT-3.1.2-7]",
  withBroker(async (test) => {
    const watcher = await watch(test);
    await (await mortal(test, { willDelayInterval: 10 }, 100)).close();
    await until(() => test.broker.counts().connections === 1, "the connection to end");
    const again = await test.connect({
      clientId: "mortal",
      cleanStart: false,
      properties: { sessionExpiryInterval: 10 },
    });
    await again.close();
    await until(() => test.broker.counts().connections === 1, "the connection to end");
    test.clock.advance(1_000_000);
    assertEquals(await watcher.publications(), []);
  }),
);

Deno.test(
  "mqtt 5.0 broker: the will waits for its Will Delay Interval [MQTT-3.1.2-8] [MQTT-3.1.3-9]",
  withBroker(async (test) => {
    const watcher = await watch(test);
    const client = await mortal(test, { willDelayInterval: 10 }, 100);
    await client.close();
    await until(() => test.broker.counts().connections === 1, "the connection to end");
    test.clock.advance(9_900);
    assertEquals(await watcher.publications(), []);
    test.clock.advance(200);
    await watcher.expect("publish", { topic: "will", payload: "farewell" });
  }),
);

Deno.test(
  "mqtt 5.0 broker: a longer Will Delay Interval ends with the session [MQTT-3.1.2-8]",
  withBroker(async (test) => {
    const watcher = await watch(test);
    const client = await mortal(test, { willDelayInterval: 1_000 }, 10);
    await client.close();
    await until(() => test.broker.counts().connections === 1, "the connection to end");
    test.clock.advance(9_900);
    assertEquals(await watcher.publications(), []);
    test.clock.advance(200);
    await watcher.expect("publish", { topic: "will", payload: "farewell" });
  }),
);

Deno.test(
  "mqtt 5.0 broker: a session that ends with its connection publishes the will at once, whatever its delay [MQTT-3.1.2-8]",
  withBroker(async (test) => {
    const watcher = await watch(test);
    await (await mortal(test, { willDelayInterval: 1_000 }, 0)).close();
    await watcher.expect("publish", { topic: "will" });
    const client = await mortal(test, { willDelayInterval: 1_000 }, 100);
    const lowered: DisconnectProperties = { sessionExpiryInterval: 0 };
    await client.disconnect(0x04, lowered);
    await watcher.expect("publish", { topic: "will" });
  }),
);

Deno.test(
  "mqtt 5.0 broker: a Clean Start ends the session and publishes the delayed will [MQTT-3.1.2-8]",
  withBroker(async (test) => {
    const watcher = await watch(test);
    await (await mortal(test, { willDelayInterval: 1_000 }, 2_000)).close();
    await until(() => test.broker.counts().connections === 1, "the connection to end");
    await test.connect({ clientId: "mortal", cleanStart: true });
    await watcher.expect("publish", { topic: "will" });
  }),
);

Deno.test(
  "mqtt 5.0 broker: a client that is back within the delay has not died [MQTT-3.1.3-9] [MQTT-3.1.2-8]",
  withBroker(async (test) => {
    const watcher = await watch(test);
    await (await mortal(test, { willDelayInterval: 10 }, 100)).close();
    await until(() => test.broker.counts().connections === 1, "the connection to end");
    test.clock.advance(9_000);
    const back = await mortal(test, { willDelayInterval: 10 }, 100);
    assertEquals(back.connack?.sessionPresent, true);
    test.clock.advance(1_000_000);
    assertEquals(await watcher.publications(), []);
    await back.close(); // and its new will counts from its own end
    await until(() => test.broker.counts().connections === 1, "the connection to end");
    test.clock.advance(9_900);
    assertEquals(await watcher.publications(), []);
    test.clock.advance(200);
    await watcher.expect("publish", { topic: "will" });
    assertEquals(await watcher.publications(), []);
  }),
);

Deno.test(
  "mqtt 5.0 broker: take-over publishes a will without delay [MQTT-3.1.4-3]",
  withBroker(async (test) => {
    const watcher = await watch(test);
    const client = await mortal(test, {}, 100);
    await mortal(test, {}, 100);
    await client.expectDisconnect(0x8e);
    await watcher.expect("publish", { topic: "will" });
    assertEquals(await watcher.publications(), []);
  }),
);

Deno.test(
  "mqtt 5.0 broker: take-over publishes the will of a session with expiry 0, or when Clean Start is 1 [MQTT-3.1.4-3]",
  withBroker(async (test) => {
    const watcher = await watch(test);
    await mortal(test, { willDelayInterval: 1_000 }, 0, "a");
    await test.connect({ clientId: "a", cleanStart: false });
    await watcher.expect("publish", { topic: "will" });
    await mortal(test, { willDelayInterval: 1_000 }, 2_000, "b");
    await test.connect({ clientId: "b", cleanStart: true });
    await watcher.expect("publish", { topic: "will" });
    assertEquals(await watcher.publications(), []);
  }),
);

Deno.test(
  "mqtt 5.0 broker: take-over of a session that goes on cancels a delayed will [MQTT-3.1.4-3] [MQTT-3.1.3-9]",
  withBroker(async (test) => {
    const watcher = await watch(test);
    const client = await mortal(test, { willDelayInterval: 10 }, 100);
    await test.connect({ clientId: "mortal", cleanStart: false, properties: { sessionExpiryInterval: 100 } });
    await client.expectDisconnect(0x8e);
    test.clock.advance(1_000_000);
    assertEquals(await watcher.publications(), []);
  }),
);

Deno.test(
  "mqtt 5.0 broker: the will's user properties keep their order and repeated names [MQTT-3.1.3-10]",
  withBroker(async (test) => {
    const watcher = await watch(test);
    const userProperties = [["b", "1"], ["a", "2"], ["b", "1"], ["", ""], ["a", "0"]] as const;
    await (await mortal(test, { userProperties })).close();
    await watcher.expect("publish", { properties: { userProperties } });
  }),
);

Deno.test(
  "mqtt 5.0 broker: a will holds no Will Delay Interval when it is published [MQTT-3.3.2-15]",
  withBroker(async (test) => {
    const watcher = await watch(test);
    await (await mortal(test, { willDelayInterval: 3, responseTopic: "r" })).close();
    const { properties } = await watcher.expect("publish", { properties: { responseTopic: "r" } });
    assert(!("willDelayInterval" in (properties ?? {})));
  }),
);

Deno.test(
  "mqtt 5.0 broker: the will goes where the session's own subscriptions want it, too [MQTT-4.5.0-1]",
  withBroker(async (test) => {
    const client = await test.connect({
      clientId: "mortal",
      will: { topic: "will", payload: "farewell", qos: 1 },
      properties: { sessionExpiryInterval: 100 },
    });
    await client.subscribe("will", { qos: 1 });
    await client.close();
    await until(() => test.broker.counts().connections === 0, "the connection to end");
    const back = await test.connect({ clientId: "mortal", cleanStart: false });
    const { payload } = await back.expect("publish", { topic: "will", qos: 1 });
    assertEquals(toText(payload), "farewell");
  }),
);

Deno.test(
  "mqtt 5.0 broker: refuses a will topic with wildcards or of length 0 [MQTT-4.7.0-1] [MQTT-4.7.3-1]",
  withBroker(async ({ open }) => {
    for (const topic of ["a/#", "+", "a/+/b", "#", ""]) {
      const client = await open();
      await client.sendBytes(rawConnect(0x06, field("a"), Uint8Array.of(0), field(topic), field("x")));
      const connack = await client.expectOptional("connack");
      assert([undefined, 0x90, 0x81, 0x82].includes(connack?.reasonCode), `${topic}: ${connack?.reasonCode}`);
      await client.expectClosed();
    }
  }),
);
