/** MQTT.js over connections that are cut at any byte: its own session state and ours together keep the promises. */

import { assertEquals, assertGreater } from "@std/assert";
import { connect, type MqttClient } from "mqtt";
import { bounded, startBroker, until } from "../support/broker.ts";
import { startProxy } from "../support/proxy.ts";
import { random } from "../support/random.ts";

const COUNT = 400;

/** An MQTT.js client that comes back at once whenever its connection breaks. */
function mqttJs(port: number, clientId: string, protocolVersion: 4 | 5): MqttClient {
  const client = connect({
    protocol: "mqtt",
    host: "127.0.0.1",
    port,
    clientId,
    protocolVersion,
    clean: false,
    reconnectPeriod: 1,
    properties: protocolVersion === 5 ? { sessionExpiryInterval: 1_000 } : undefined,
  });
  // Broken connections are what this is about.
  client.on("error", () => {});
  return client;
}

/**
 * A PUBREL that is sent again, because its PUBCOMP got lost, is answered by 0x92 (packet identifier not found). The
 * standard calls that no error in a recovery (MQTT 5.0 section 3.7.2.1); MQTT.js has the publication fail.
 */
function ignoreRepetition(error: unknown): void {
  if (!(error instanceof Error && "code" in error && error.code === 0x92)) throw error;
}

async function transfer(version: 4 | 5, qos: 1 | 2, seed: number): Promise<string[]> {
  await using running = await startBroker({ sysInterval: 0 });
  const next = random(seed);
  await using proxy = startProxy(running.port, {
    faults: () => {
      const fault = { kind: "cut", after: Math.floor(next() * 250) } as const;
      return next() < 0.5 ? { up: [fault] } : { down: [fault] };
    },
  });
  const received: string[] = [];
  const subscriber = mqttJs(proxy.port, "subscriber", version);
  const publisher = mqttJs(proxy.port, "publisher", version);
  try {
    subscriber.on("message", (_topic, payload) => received.push(new TextDecoder().decode(payload)));
    await subscriber.subscribeAsync("a", { qos });
    // One after the other: MQTT.js keeps no order among messages that it has waiting while it is away.
    for (let at = 0; at < COUNT; at++) await publisher.publishAsync("a", String(at), { qos }).catch(ignoreRepetition);
    await until(() => new Set(received).size >= COUNT, "all messages", 10_000);
    assertGreater(proxy.accepted, 30);
    return received;
  } finally {
    await Promise.all([publisher.endAsync(true), subscriber.endAsync(true)]);
  }
}

const EXPECTED = Array.from({ length: COUNT }, (_, at) => String(at));

for (const [name, version] of [["mqtt 3.1.1", 4], ["mqtt 5.0", 5]] as const) {
  Deno.test({
    name: `${name} broker: MQTT.js over cut connections gets QoS 2 exactly once and in order`,
    // A timer of MQTT.js for a connection that was cut may outlive its client.
    sanitizeOps: false,
    sanitizeResources: false,
    fn: () =>
      bounded(async () => {
        for (const seed of [1, 2]) assertEquals(await transfer(version, 2, seed), EXPECTED, `seed ${seed}`);
      }, 60_000),
  });

  Deno.test({
    name: `${name} broker: MQTT.js over cut connections loses no QoS 1 message`,
    sanitizeOps: false,
    sanitizeResources: false,
    fn: () =>
      bounded(async () => {
        const received = async (seed: number) => [...new Set(await transfer(version, 1, seed))];
        for (const seed of [1, 2]) assertEquals(await received(seed), EXPECTED, `seed ${seed}`);
      }, 60_000),
  });
}
