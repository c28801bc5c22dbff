/** Bridges between brokers of ours: loops, addresses, start types, servers that know no bridges. */

import { assert, assertEquals } from "@std/assert";
import { quietPort } from "../faults/broker_killer.ts";
import { bounded, startBroker, until } from "../support/broker.ts";
import { Proxy } from "../support/proxy.ts";
import { RawClient } from "../support/raw_client.ts";
import {
  bridgeOptions,
  bridgeTo,
  hastyBridgeTo,
  listenTo,
  publishTo,
  settled,
  startBrokerOn,
  statusOf,
} from "./support.ts";

for (
  const [name, options] of [
    ["5.0", { protocolVersion: 5 }],
    ["3.1.1", { protocolVersion: 4 }],
    ["3.1.1 without try_private", { protocolVersion: 4, tryPrivate: false }],
  ] as const
) {
  Deno.test(`bridge: no loop over topics that go both ways, ${name}`, () =>
    bounded(async () => {
      await using one = await startBroker();
      await using two = await startBroker();
      await using atOne = await listenTo(one.port, "b/#");
      await using atTwo = await listenTo(two.port, "b/#");
      await using bridge = bridgeTo(one.broker, two.port, {
        ...options,
        topics: [{ pattern: "b/#", direction: "both", qos: 2 }],
      });
      await settled(bridge);
      await until(() => two.broker.counts().subscriptions === 2, "its subscription there");
      await publishTo(one.port, "b/1", "x", { qos: 2 });
      await publishTo(two.port, "b/2", "y", { qos: 2 });
      await atOne.count(2);
      await atTwo.count(2);
      await publishTo(one.port, "b/end", "", { qos: 2 });
      await publishTo(two.port, "b/end", "", { qos: 2 });
      await atOne.count(4);
      await atTwo.count(4);
      assertEquals(atTwo.lines.filter((line) => !line.startsWith("b/end")).sort(), ["b/1=x q2", "b/2=y q2"]);
      // A broker that is not told of a bridge sends its own message back, once.
      const echo = name === "3.1.1 without try_private" ? ["b/1=x q2"] : [];
      assertEquals(atOne.lines.filter((line) => !line.startsWith("b/end")).sort(), [...echo, "b/1=x q2", "b/2=y q2"]);
    }));
}

Deno.test("bridge: chains and stars, each message once everywhere", () =>
  bounded(async () => {
    await using hub = await startBroker();
    await using left = await startBroker();
    await using right = await startBroker();
    const options = { protocolVersion: 5, topics: [{ pattern: "#", direction: "both", qos: 1 }] } as const;
    await using one = bridgeTo(left.broker, hub.port, { ...options, remoteClientId: "left" });
    await using two = bridgeTo(right.broker, hub.port, { ...options, remoteClientId: "right" });
    await settled(one);
    await settled(two);
    await until(() => hub.broker.counts().subscriptions === 2, "both subscriptions");
    const listeners = await Promise.all([left, hub, right].map(({ port }) => listenTo(port, "m/#")));
    await publishTo(left.port, "m/1", "left", { qos: 1 });
    await publishTo(right.port, "m/2", "right", { qos: 1 });
    for (const listener of listeners) await listener.count(2);
    await publishTo(hub.port, "m/3", "hub", { qos: 1 });
    for (const listener of listeners) {
      await listener.count(3);
      assertEquals([...listener.lines].sort(), ["m/1=left q1", "m/2=right q1", "m/3=hub q1"]);
      await listener[Symbol.asyncDispose]();
    }
  }));

Deno.test(
  "bridge: connects from the address that it is given",
  { ignore: Deno.build.os !== "linux" },
  () =>
    bounded(async () => {
      await using one = await startBroker();
      const addresses: string[] = [];
      await using two = await startBroker({ authenticate: ({ peer }) => (addresses.push(peer.address), true) });
      await using bridge = bridgeTo(one.broker, two.port, {
        localAddress: "127.0.0.3",
        topics: [{ pattern: "a", qos: 1 }],
      });
      await settled(bridge);
      assert(addresses.every((address) => address.startsWith("127.0.0.3:")), addresses.join());
      await using listener = await listenTo(two.port, "a");
      await publishTo(one.port, "a", "b", { qos: 1 });
      await listener.count(1);
    }),
);

Deno.test("bridge: another address when the first one fails, and back when it is there again", () =>
  bounded(async () => {
    await using ours = await startBroker();
    await using second = await startBroker();
    const first = quietPort();
    await using bridge = hastyBridgeTo(ours.broker, [first, second.port], {
      restartTimeout: { base: 0.1, cap: 0.2 },
      topics: [{ pattern: "out/#", qos: 1 }],
    });
    await settled(bridge);
    assertEquals(new URL(bridge.status.address).port, String(second.port));
    await using main = startBrokerOn(first);
    main.open();
    await until(() => bridge.status.connects === 2 && bridge.status.state === "connected", "the main address");
    assertEquals(new URL(bridge.status.address).port, String(first));
    await publishTo(ours.port, "out/x", "1", { qos: 1 });
    await until(() => bridge.status.forwarded === 1, "a message to the main address");
  }, 30_000));

Deno.test("bridge: with round_robin all addresses are equal", () =>
  bounded(async () => {
    await using ours = await startBroker();
    await using second = await startBroker();
    const first = quietPort();
    await using bridge = bridgeTo(ours.broker, [first, second.port], {
      roundRobin: true,
      topics: [{ pattern: "out/#", qos: 1 }],
    });
    await settled(bridge);
    await using main = startBrokerOn(first);
    main.open();
    second.broker.disconnect(() => true);
    await until(() => bridge.status.connects === 2, "the next address");
    assertEquals(new URL(bridge.status.address).port, String(first));
  }));

Deno.test("bridge: a lazy one connects when enough waits, QoS 0 included, and goes when nothing does", () =>
  bounded(async () => {
    await using ours = await startBroker();
    await using other = await startBroker();
    await using there = await listenTo(other.port, "out/#");
    await using bridge = hastyBridgeTo(ours.broker, other.port, {
      startType: "lazy",
      threshold: 3,
      idleTimeout: 5,
      topics: [{ pattern: "out/#", qos: 1 }],
    });
    await bridge.ready;
    for (let round = 1; round <= 2; round++) {
      await publishTo(ours.port, "out/x", "1", { qos: 1 });
      await publishTo(ours.port, "out/x", "2");
      assertEquals([bridge.status.state, bridge.status.connects], ["idle", round - 1]);
      await publishTo(ours.port, "out/x", "3", { qos: 1 });
      await there.count(3 * round);
      assertEquals(there.lines.slice(-3), ["out/x=1 q1", "out/x=2 q0", "out/x=3 q1"]);
      await until(() => bridge.status.state === "idle", "an end, as nothing comes or goes", 10_000);
    }
    assertEquals(bridge.status.connects, 2);
  }, 30_000));

for (const answer of ["refuses", "closes"] as const) {
  Deno.test(`bridge: a server that ${answer} because of try_private is asked again without`, () =>
    bounded(async () => {
      await using ours = await startBroker();
      await using other = await startBroker();
      await using there = await listenTo(other.port, "out/#");
      await using proud = new ProudServer(other.port, answer);
      await using bridge = bridgeTo(ours.broker, proud.port, { topics: [{ pattern: "out/#", qos: 1 }] });
      await publishTo(ours.port, "out/x", "1", { qos: 1 });
      await there.count(1);
      await until(() => bridge.status.state === "connected", "a connection");
      assertEquals(proud.levels, [0x84, 0x04]);
    }));
}

/** A server of MQTT 3.1.1 that knows no bridges, in front of one that does. */
class ProudServer implements AsyncDisposable {
  /** Protocol levels of the connections so far. */
  readonly levels: number[] = [];
  readonly #listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  readonly #running: Promise<unknown>[] = [];
  readonly #open: Deno.TcpConn[] = [];

  constructor(target: number, answer: "refuses" | "closes") {
    this.#running.push(this.#accept(target, answer));
  }

  get port(): number {
    return this.#listener.addr.port;
  }

  async #accept(target: number, answer: "refuses" | "closes"): Promise<void> {
    for await (const client of this.#listener) {
      const first = new Uint8Array(4_096);
      const length = await client.read(first) ?? 0;
      const level = first[8] ?? 0;
      this.levels.push(level);
      if (level > 0x80) {
        if (answer === "refuses") await client.write(Uint8Array.of(0x20, 2, 0, 1));
        client.close();
        continue;
      }
      const server = await Deno.connect({ hostname: "127.0.0.1", port: target });
      this.#open.push(client, server);
      await server.write(first.subarray(0, length));
      this.#running.push(
        client.readable.pipeTo(server.writable).catch(() => {}),
        server.readable.pipeTo(client.writable).catch(() => {}),
      );
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#listener.close();
    for (const connection of this.#open) {
      try {
        connection.close();
      } catch (error) {
        if (!(error instanceof Deno.errors.BadResource)) throw error;
      }
    }
    await Promise.all(this.#running);
  }
}

Deno.test("bridge: what the other broker refuses is counted, and holds up nothing", () =>
  bounded(async () => {
    await using ours = await startBroker();
    await using other = await startBroker({ authorizePublish: (_client, { topic }) => topic !== "out/secret" });
    await using there = await listenTo(other.port, "out/#");
    const lines: string[] = [];
    await using bridge = hastyBridgeTo(ours.broker, other.port, {
      protocolVersion: 5,
      maxPacketSize: 60,
      topics: [{ pattern: "out/#", qos: 1 }],
    }, { debug: false, write: (_level, line) => lines.push(line) });
    await settled(bridge);
    await publishTo(ours.port, "out/secret", "1", { qos: 1 });
    await publishTo(ours.port, "out/large", "2".repeat(100), { qos: 1 });
    await publishTo(ours.port, "out/x", "3", { qos: 1 });
    await there.count(1);
    assertEquals(there.lines, ["out/x=3 q1"]);
    await until(() => bridge.status.queuedMessages === 0, "an empty queue");
    assertEquals([bridge.status.forwarded, bridge.status.dropped], [1, 2]);
    const told = () =>
      lines.map((line) => Number(line.match(/messages dropped: (\d+), the last one on out/)?.[1] ?? 0));
    await until(() => told().reduce((sum, count) => sum + count, 0) === 2, "lines about them", 10_000);
  }, 30_000));

Deno.test("bridge: the retain flag stays behind where it is not wanted", () =>
  bounded(async () => {
    await using ours = await startBroker();
    await using other = await startBroker({ retainAvailable: false, maximumQoS: 1 });
    await using there = await listenTo(other.port, "out/#");
    await publishTo(ours.port, "out/x", "1", { qos: 2, retain: true });
    await using _bridge = bridgeTo(ours.broker, other.port, {
      protocolVersion: 5,
      notifications: false,
      topics: [{ pattern: "out/#", qos: 2 }],
    });
    await there.count(1);
    assertEquals(there.lines, ["out/x=1 q1"]);
    await using plain = await startBroker();
    await using atPlain = await listenTo(plain.port, "out/#");
    await using second = bridgeTo(ours.broker, plain.port, {
      name: "second",
      remoteClientId: "second",
      outgoingRetain: false,
      topics: [{ pattern: "out/#", qos: 2 }],
    });
    await atPlain.count(1);
    assertEquals(atPlain.lines, ["out/x=1 q2"]);
    assert(second.status.forwarded <= 1);
  }));

Deno.test("bridge: topics that are no more, or go another way now, are given back on both sides", () =>
  bounded(async () => {
    await using other = await startBroker();
    const before = bridgeOptions(other.port, {
      topics: [{ pattern: "a/#", direction: "both", qos: 1 }, { pattern: "b/#", qos: 1 }],
    });
    await using ours = await startBroker({ bridges: [before] });
    await until(() => other.broker.inspection.session("gateway")?.subscriptions === 1, "a subscription there");
    ours.broker.update({ bridges: [bridgeOptions(other.port, { topics: [{ pattern: "a/#", qos: 1 }] })] });
    await ours.broker.ready;
    await until(() => statusOf(ours.broker).state === "connected", "a connection of the bridge");
    assertEquals([...ours.broker.inspection.subscriptions("local.gateway")].map(({ filter }) => filter), ["a/#"]);
    await until(
      () => other.broker.inspection.session("gateway")?.subscriptions === 0,
      "an end of the subscription there",
    );
  }));

Deno.test("bridge: nobody else takes up its session, and no limit of clients is in its way", () =>
  bounded(async () => {
    await using other = await startBroker();
    await using ours = await startBroker({
      maximumQoS: 0,
      maxPublishRate: 1,
      maxSubscriptions: 1,
      retainAvailable: false,
      bridges: [bridgeOptions(other.port, {
        protocolVersion: 5,
        topics: [{ pattern: "a", qos: 1 }, { pattern: "b", qos: 1 }, { pattern: "in/#", direction: "in", qos: 2 }],
      })],
    });
    await using here = await listenTo(ours.port, "in/#");
    await until(() => statusOf(ours.broker).state === "connected", "a connection of the bridge");
    await using thief = await RawClient.open(ours.port);
    await thief.sendConnect({ clientId: "local.gateway", cleanStart: false });
    await thief.expectRefused(0x87);
    await until(() => other.broker.counts().subscriptions === 1, "its subscription");
    for (let i = 0; i < 20; i++) await publishTo(other.port, "in/x", String(i), { qos: 2, retain: true });
    await here.count(20);
    assertEquals(here.lines[19], "in/x=19 q2");
    const { state, dropped } = statusOf(ours.broker);
    assertEquals([state, dropped], ["connected", 0]);
  }, 30_000));

Deno.test("bridge: QoS 0 that comes faster than it can go on is dropped and counted, and slows nobody down", () =>
  bounded(async () => {
    await using ours = await startBroker();
    await using other = await startBroker();
    await using proxy = new Proxy(other.port);
    await using bridge = bridgeTo(ours.broker, proxy.port, { topics: [{ pattern: "out/#" }] });
    await settled(bridge);
    await until(() => ours.broker.inspection.session("local.gateway")?.connection !== undefined, "its session");
    proxy.stall();
    await using here = await listenTo(ours.port, "end");
    const payload = "x".repeat(10_000);
    for (let i = 0; i < 8_000; i++) {
      ours.broker.publish({ topic: "out/x", payload });
      if (i % 200 === 0) await new Promise((resolve) => setTimeout(resolve, 0));
    }
    ours.broker.publish({ topic: "end", payload: "" });
    await here.count(1);
    await until(
      () => bridge.status.dropped > 0 || ours.broker.counts().dropped.outputFull > 0,
      "messages to be dropped",
    );
    proxy.resume();
  }, 30_000));
