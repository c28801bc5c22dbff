/** Networks that are slow, go silent, close one half or garble bytes. */

import { assert, assertEquals } from "@std/assert";
import { bounded, startBroker, until } from "../support/broker.ts";
import { ManualClock } from "../../engine/manual_clock.ts";
import { type ConnectionFaults, startProxy } from "../support/proxy.ts";
import { random } from "../support/random.ts";
import { RawClient } from "../support/raw_client.ts";
import { publishPacket, toText } from "../support/raw_packets.ts";

const WATCHDOG = 30_000;

/** A test with a broker, its clock, and a proxy in front of it with these faults. */
function withProxy(
  faults: (index: number) => ConnectionFaults,
  body: (test: { direct: number; port: number; clock: ManualClock; counts: () => Counts }) => Promise<void>,
): () => Promise<void> {
  return () =>
    bounded(async () => {
      const clock = new ManualClock();
      await using running = await startBroker({ clock, sysInterval: 0 });
      await using proxy = startProxy(running.port, { faults });
      await body({ direct: running.port, port: proxy.port, clock, counts: () => running.broker.counts() });
    }, WATCHDOG);
}

interface Counts {
  readonly connections: number;
  readonly sessions: number;
}

Deno.test(
  "broker: a connection that goes silent ends after 1.5 times its keep alive, and its will goes out",
  withProxy(() => ({ up: [{ kind: "stall", after: 60 }] }), async ({ direct, port, clock, counts }) => {
    await using watcher = await RawClient.connect(direct);
    await watcher.subscribe("will");
    await using client = await RawClient.connect(port, { keepAlive: 10, will: { topic: "will", payload: "stalled" } });
    await client.publish("a", new Uint8Array(200)); // beyond what passes
    clock.advance(10_000);
    assertEquals(await watcher.barrier(), []);
    clock.advance(15_100); // from the last bytes that came through
    await watcher.expect("publish", { payload: "stalled" });
    await client.expectDisconnect(0x8d);
    await until(() => counts().connections === 1, "the end of the silent connection");
  }),
);

Deno.test(
  "broker: a client takes over from its own half-open connection and goes on where it was",
  withProxy(() => ({ up: [{ kind: "stall", after: 120 }] }), async ({ direct, port, clock, counts }) => {
    const session = { clientId: "mobile", cleanStart: false, properties: { sessionExpiryInterval: 100 } };
    await using before = await RawClient.connect(port, session);
    await before.subscribe("a", { qos: 1 });
    await using publisher = await RawClient.connect(direct);
    await publisher.publish("a", "one", { qos: 1 });
    const { packetId = 0 } = await before.expect("publish", { payload: "one" });
    await before.publish("filler", new Uint8Array(200));
    await before.send({ type: "puback", packetId, reasonCode: 0 }); // gets lost
    await publisher.publish("a", "two", { qos: 1 });
    await using after = await RawClient.connect(direct, session);
    assertEquals(after.connack?.sessionPresent, true);
    await after.expect("publish", { payload: "one", packetId, dup: true });
    await after.expect("publish", { payload: "two", dup: true });
    clock.advance(5_000); // nobody answers when it is closed
    await until(() => counts().connections === 2, "the end of the half-open connection");
  }),
);

Deno.test(
  "broker: bytes that come one by one, and late, make the same packets",
  withProxy(
    () => ({
      up: [{ kind: "fragment", size: 1 }],
      down: [{ kind: "delay", milliseconds: 1 }, { kind: "fragment", size: 3 }],
    }),
    async ({ port }) => {
      for (const version of [3, 4, 5] as const) {
        await using client = await RawClient.connect(port, { version, autoAck: true });
        await client.subscribe("a/#", { qos: 2 });
        for (let at = 0; at < 20; at++) {
          const qos = at % 3 === 0 ? 0 : at % 3 === 1 ? 1 : 2;
          await client.publish(`a/${at}`, `${at}`.repeat(at), { qos });
          await client.take(
            "publish",
            ({ topic, payload }) => topic === `a/${at}` && toText(payload) === `${at}`.repeat(at),
          );
        }
        await client.disconnect();
      }
    },
  ),
);

Deno.test(
  "broker: a client that closes its sending half is gone: what it sent is handled, its will goes out",
  withProxy(() => ({ up: [{ kind: "halfClose", after: 100 }] }), async ({ direct, port, counts }) => {
    await using watcher = await RawClient.connect(direct);
    await watcher.subscribe("#");
    await using client = await RawClient.connect(port, { version: 4, will: { topic: "will", payload: "half" } });
    const bytesSoFar = 14 + client.clientId.length + 12;
    await client.publish("a", "last words");
    await client.publish("b", new Uint8Array(100 - bytesSoFar + 100)); // the proxy cuts inside
    await watcher.expect("publish", { topic: "a", payload: "last words" });
    await watcher.expect("publish", { topic: "will", payload: "half" });
    await client.expectClosed();
    await until(() => counts().connections === 1, "the end of the connection");
  }),
);

Deno.test(
  "broker: a client that cannot be reached any more is noticed when it closes",
  withProxy(() => ({ down: [{ kind: "halfClose", after: 4 }] }), async ({ direct, port, counts }) => {
    await using watcher = await RawClient.connect(direct);
    await watcher.subscribe("#");
    await using client = await RawClient.connect(port, { version: 4, will: { topic: "will", payload: "half" } });
    await client.expectClosed();
    await watcher.expect("publish", { topic: "will", payload: "half" });
    await until(() => counts().connections === 1, "the end of the connection");
  }),
);

Deno.test("broker: garbled bytes end at most their own connection", () =>
  bounded(async () => {
    const next = random(311);
    const garble = () =>
      ({ kind: "corrupt", at: Math.floor(next() * 300), mask: 1 + Math.floor(next() * 255) }) as const;
    let refused = 0;
    const write = (_level: string, line: string) => {
      if (/refused|disconnected:/.test(line)) refused++;
    };
    await using running = await startBroker({ sysInterval: 0, log: { debug: false, write } });
    await using proxy = startProxy(running.port, { faults: () => ({ up: [garble(), garble()] }) });
    await using witness = await RawClient.connect(running.port);
    await witness.subscribe("witness", { qos: 1 });
    for (let round = 0; round < 150; round++) {
      const version = round % 3 === 0 ? 3 : round % 3 === 1 ? 4 : 5;
      await using client = await RawClient.open(proxy.port, version);
      await client.sendConnect({ clientId: `garbled${round % 7}`, cleanStart: round % 2 === 0, username: "u" });
      for (let at = 0; at < 8; at++) {
        const packets = [
          publishPacket(`a/${at}`, `payload ${at}`, { qos: 1, packetId: at * 2 + 1 }),
          publishPacket(`a/${at}`, `payload ${at}`, { qos: 2, packetId: at * 2 + 2 }),
        ];
        await client.send(...packets, { type: "subscribe", packetId: 100, subscriptions: [{ filter: "a/+", qos: 2 }] });
      }
      await client.send({ type: "pingreq" });
      await witness.publish("witness", String(round), { qos: 1 });
      const { packetId = 0 } = await witness.take("publish", ({ payload }) => toText(payload) === String(round));
      await witness.send({ type: "puback", packetId, reasonCode: 0 });
    }
    assert(refused > 10, `the broker ends some garbled connections, it ended ${refused}`);
    assertEquals(await witness.barrier(), []);
    await until(() => running.broker.counts().connections === 1, "the end of all garbled connections");
  }, WATCHDOG));
