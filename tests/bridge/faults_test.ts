/** Bridges over a network that cuts, stalls and corrupts. */

import { assertEquals, assertGreater } from "@std/assert";
import { connect } from "../../client/mod.ts";
import { bounded, startBroker, until } from "../support/broker.ts";
import { hasMosquitto, startMosquitto } from "../support/mosquitto.ts";
import { type ConnectionFaults, type Fault, Proxy } from "../support/proxy.ts";
import { random } from "../support/random.ts";
import { bridgeTo, hastyBridgeTo, listenTo, type RunningBridge, settled } from "./support.ts";

const MESSAGES = 300;
/** Connections with faults; those after them are good. */
const FAULTY = 12;

/** The payloads in the order of their first coming, and how many came more than once. */
function summary(payloads: readonly string[]): { readonly first: readonly number[]; readonly repeated: number } {
  const first = [...new Set(payloads)].map(Number);
  return { first, repeated: payloads.length - first.length };
}

const IN_ORDER = Array.from({ length: MESSAGES }, (_, index) => index);

function cuts(seed: number): (index: number) => ConnectionFaults {
  const next = random(seed);
  const faults = Array.from({ length: FAULTY }, (): ConnectionFaults => {
    const fault: Fault = { kind: "cut", after: 60 + Math.floor(next() * 1_500) };
    return next() < 0.5 ? { up: [fault] } : { down: [fault] };
  });
  return (index) => faults[index] ?? {};
}

/** Waits for the next connection. */
async function settledAgain(bridge: RunningBridge): Promise<void> {
  const { connects } = bridge.status;
  await until(() => bridge.status.connects > connects, "another connection", 10_000);
}

for (const protocolVersion of [4, 5] as const) {
  for (const qos of [1, 2] as const) {
    Deno.test({
      name: `bridge: cuts lose nothing of QoS ${qos} and keep the order, protocol level ${protocolVersion}, both ways`,
      ignore: !hasMosquitto,
      fn: () =>
        bounded(async () => {
          await using mosquitto = await startMosquitto(["max_queued_messages 0"]);
          await using ours = await startBroker();
          await using there = await listenTo(mosquitto.port, "out/#");
          await using here = await listenTo(ours.port, "in/#");
          await using proxy = new Proxy(mosquitto.port, { faults: cuts(10 * protocolVersion + qos) });
          await using bridge = bridgeTo(ours.broker, proxy.port, {
            protocolVersion,
            topics: [{ pattern: "out/#", qos }, { pattern: "in/#", direction: "in", qos }],
          });
          await bridge.ready;
          await using local = await connect(`mqtt://127.0.0.1:${ours.port}`);
          for (const index of IN_ORDER) await local.publish("out/x", String(index), { qos });
          await until(() => new Set(there.lines).size === MESSAGES, `all messages, not ${there.lines.length}`, 20_000);
          const out = summary(there.messages.map((message) => message.text()));
          assertEquals(out.first, IN_ORDER);
          if (qos === 2) assertEquals(out.repeated, 0);
          while (proxy.accepted <= FAULTY) {
            proxy.cut();
            await settledAgain(bridge);
          }
          // The session there has the subscription now, so nothing is lost from here on.
          await using remote = await connect(`mqtt://127.0.0.1:${mosquitto.port}`);
          const half = MESSAGES / 2;
          for (const index of IN_ORDER) {
            if (index === half) proxy.cut();
            await remote.publish("in/x", String(index), { qos });
          }
          await until(() => new Set(here.lines).size === MESSAGES, `all messages, not ${here.lines.length}`, 20_000);
          const incoming = summary(here.messages.map((message) => message.text()));
          assertEquals(incoming.first, IN_ORDER);
          if (qos === 2) assertEquals(incoming.repeated, 0);
          assertEquals(bridge.status.dropped, 0);
          assertGreater(bridge.status.connects, 1);
        }, 60_000),
    });
  }
}

Deno.test({
  name: "bridge: bytes that were changed on the way end the connection, and the next one goes on",
  ignore: !hasMosquitto,
  fn: () =>
    bounded(async () => {
      await using mosquitto = await startMosquitto();
      await using ours = await startBroker();
      await using there = await listenTo(mosquitto.port, "out/#");
      const next = random(3);
      const corrupt = (): ConnectionFaults => ({
        down: [{ kind: "corrupt", at: Math.floor(next() * 40), mask: 0xf0 }],
      });
      await using proxy = new Proxy(mosquitto.port, { faults: (index) => index < 5 ? corrupt() : {} });
      await using bridge = hastyBridgeTo(ours.broker, proxy.port, {
        topics: [{ pattern: "out/#", qos: 1 }],
        keepAlive: 5,
      });
      await bridge.ready;
      await using local = await connect(`mqtt://127.0.0.1:${ours.port}`);
      for (const index of IN_ORDER.slice(0, 50)) {
        await local.publish("out/x", String(index), { qos: 1 });
        if (index % 5 === 0) proxy.cut();
      }
      await until(() => new Set(there.lines).size === 50, `all messages, not ${there.lines.length}`, 25_000);
      assertEquals(summary(there.messages.map((message) => message.text())).first, IN_ORDER.slice(0, 50));
    }, 60_000),
});

Deno.test({
  name: "bridge: a line that says nothing any more is given up, and local traffic does not mind",
  ignore: !hasMosquitto,
  fn: () =>
    bounded(async () => {
      await using mosquitto = await startMosquitto();
      await using ours = await startBroker();
      await using there = await listenTo(mosquitto.port, "out/#");
      await using here = await listenTo(ours.port, "out/#");
      await using proxy = new Proxy(mosquitto.port);
      await using bridge = hastyBridgeTo(ours.broker, proxy.port, {
        topics: [{ pattern: "out/#", qos: 1 }],
        keepAlive: 5,
      });
      await settled(bridge);
      proxy.stall();
      await using local = await connect(`mqtt://127.0.0.1:${ours.port}`);
      for (const index of IN_ORDER) await local.publish("out/x", String(index), { qos: 1 });
      await here.count(MESSAGES);
      assertEquals(bridge.status.queuedMessages > 0, true);
      await until(() => new Set(there.lines).size === MESSAGES, "all messages over another connection", 30_000);
      assertEquals(summary(there.messages.map((message) => message.text())).first, IN_ORDER);
      assertEquals(bridge.status.connects, 2);
    }, 60_000),
});
