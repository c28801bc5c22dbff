/** Where brokers go wrong with sessions and wills: take-over, expiry, and clients that come and go at once. */

import { assert, assertEquals } from "@std/assert";
import type { ConnectRequest } from "../../broker/hooks.ts";
import { until, withBroker } from "../support/broker.ts";
import { toText } from "../support/raw_packets.ts";

const kept = { sessionExpiryInterval: 1_000 };

Deno.test(
  "broker pitfall: session present means that state exists, not that there are subscriptions",
  withBroker(async ({ connect }) => {
    await (await connect({ clientId: "s", properties: kept })).disconnect();
    const again = await connect({ clientId: "s", cleanStart: false, properties: kept });
    assertEquals(again.connack?.sessionPresent, true);
    await again.subscribe("a");
    await again.unsubscribe("a");
    await again.disconnect();
    assertEquals((await connect({ clientId: "s", cleanStart: false })).connack?.sessionPresent, true);
  }),
);

Deno.test(
  "broker pitfall: take-over: the old connection is through, its will included, when the new one has its CONNACK",
  withBroker(async ({ connect, open, broker }) => {
    const watcher = await connect();
    await watcher.subscribe("will");
    const old = await connect({ clientId: "s", properties: kept, will: { topic: "will", payload: "of the old" } });
    await old.subscribe("a", { qos: 1 });
    const next = await open();
    await next.sendConnect({ clientId: "s", cleanStart: false, properties: kept });
    await next.expect("connack", { sessionPresent: true });
    await watcher.send({ type: "pingreq" });
    await watcher.expect("publish", { payload: "of the old" });
    await watcher.expect("pingresp");
    await old.expectDisconnect(0x8e);
    assertEquals(broker.counts().sessions, 2);
    assertEquals(broker.counts().subscriptions, 2);
  }),
);

Deno.test(
  "broker pitfall: what the old connection still sends after a take-over is not handled",
  withBroker(async ({ connect }) => {
    const watcher = await connect();
    await watcher.subscribe("a");
    const old = await connect({ clientId: "s" });
    old.pause();
    await connect({ clientId: "s" });
    await old.publish("a", "from beyond");
    old.resume();
    await old.expectDisconnect(0x8e);
    assertEquals(await watcher.publications(), []);
  }),
);

Deno.test(
  "broker pitfall: of many clients that fight for one identifier, one is left",
  withBroker(async ({ connect, broker }) => {
    const clients = await Promise.all(
      Array.from(
        { length: 25 },
        (_, at) => connect({ clientId: "s", cleanStart: at % 3 === 0, properties: at % 2 === 0 ? kept : {} }),
      ),
    );
    await until(() => broker.counts().connections === 1, "all but one to end");
    assertEquals(broker.counts().sessions, 1);
    await until(() => clients.filter(({ ended }) => !ended).length === 1, "all but one to see their end");
    for (const client of clients) {
      if (client.ended) await client.expectDisconnect(0x8e);
      else assertEquals(await client.barrier(), []);
    }
  }),
);

Deno.test("broker pitfall: two CONNECTs of one identifier that are decided in the wrong order", async () => {
  const decisions: ((yes: boolean) => void)[] = [];
  const authenticate = () => new Promise<boolean>((resolve) => decisions.push(resolve));
  await withBroker({ authenticate }, async ({ open, broker }) => {
    const first = await open();
    await first.sendConnect({ clientId: "s", properties: kept });
    await until(() => decisions.length === 1, "the first question");
    const second = await open();
    await second.sendConnect({ clientId: "s", properties: kept });
    await until(() => decisions.length === 2, "the second question");
    decisions[1]?.(true);
    await second.expect("connack", { reasonCode: 0 });
    decisions[0]?.(true);
    await first.expect("connack", { reasonCode: 0 });
    await second.expectDisconnect(0x8e);
    assertEquals(await first.barrier(), []);
    assertEquals(broker.counts().sessions, 1);
  })();
});

Deno.test("broker pitfall: a client that is gone before it was let in leaves nothing behind", async () => {
  const decisions: ((yes: boolean) => void)[] = [];
  const authenticate = ({ username }: ConnectRequest) =>
    username === "slow" ? new Promise<boolean>((resolve) => decisions.push(resolve)) : true;
  await withBroker({ authenticate }, async ({ open, connect, broker }) => {
    for (const [round, yes] of [true, false].entries()) {
      const ghost = await open();
      await ghost.sendConnect({ clientId: "s", username: "slow", will: { topic: "will", payload: "x" } });
      await until(() => decisions.length === round + 1, "the question");
      await ghost.close();
      decisions[round]?.(yes);
      await until(() => broker.counts().connections === 0, "the end to be handled");
      const { sessions, subscriptions, delayedWills, timers } = broker.counts();
      assertEquals([sessions, subscriptions, delayedWills, timers], [0, 0, 0, 0]);
    }
    await connect({ clientId: "s" });
  })();
});

Deno.test(
  "broker pitfall: a client identifier belongs to the user name that opened the session",
  withBroker(async ({ connect, open }) => {
    const owner = await connect({ clientId: "s", username: "ann", properties: kept });
    await owner.subscribe("secret", { qos: 1 });
    for (const username of ["bob", undefined, "Ann", ""]) {
      const thief = await open();
      await thief.sendConnect({ clientId: "s", cleanStart: false, ...(username !== undefined && { username }) });
      const { reasonCode } = await thief.expect("connack", { sessionPresent: false });
      assert([0x85, 0x87].includes(reasonCode));
      await thief.expectClosed();
    }
    assertEquals(await owner.barrier(), [], "the owner is still connected");
    await owner.disconnect();
    const thief = await open();
    await thief.sendConnect({ clientId: "s", cleanStart: true, username: "bob" });
    assert((await thief.expect("connack")).reasonCode >= 0x80, "nor can a stranger destroy it");
    const again = await connect({ clientId: "s", cleanStart: false, username: "ann", properties: kept });
    assertEquals(again.connack?.sessionPresent, true);
    await again.disconnect(0, { sessionExpiryInterval: 0 });
    await connect({ clientId: "s", username: "bob" });
  }),
);

Deno.test(
  "broker pitfall: unless configured otherwise",
  withBroker({ bindClientIdToUser: false }, async ({ connect }) => {
    const ann = await connect({ clientId: "s", username: "ann", properties: kept });
    const bob = await connect({ clientId: "s", cleanStart: false, username: "bob" });
    assertEquals(bob.connack?.sessionPresent, true);
    await ann.expectDisconnect(0x8e);
  }),
);

/** How a client with a will ends, and whether and when (seconds after the end) its will comes. */
const wills: readonly [what: string, delay: number, expiry: number, end: string, after: number | undefined][] = [
  ["no delay, the network fails", 0, 100, "close", 0],
  ["DISCONNECT 0x00", 0, 100, "disconnect 0", undefined],
  ["DISCONNECT 0x00 with a delay", 10, 100, "disconnect 0", undefined],
  ["DISCONNECT 0x04", 0, 100, "disconnect 4", 0],
  ["DISCONNECT 0x04 with a delay", 10, 100, "disconnect 4", 10],
  ["a delay shorter than the session", 10, 100, "close", 10],
  ["a delay longer than the session", 100, 10, "close", 10],
  ["a delay and a session that ends at once", 100, 0, "close", 0],
  ["a delay and a session for ever", 50, 0xffff_ffff, "close", 50],
  ["take-over without a delay", 0, 100, "take over", 0],
  ["take-over with a delay", 10, 100, "take over", undefined],
  ["take-over with a clean start", 10, 100, "take over cleanly", 0],
  ["take-over with a clean start and no delay", 0, 100, "take over cleanly", 0],
  ["take-over of a session that ends with it", 10, 0, "take over", 0],
];

for (const [what, willDelayInterval, sessionExpiryInterval, end, after] of wills) {
  Deno.test(
    `broker pitfall: the will, ${what}: ${after === undefined ? "never" : `after ${after} s`}`,
    withBroker(async ({ connect, clock, broker }) => {
      const watcher = await connect();
      await watcher.subscribe("will");
      const properties = { sessionExpiryInterval };
      const will = { topic: "will", payload: "x", properties: { willDelayInterval } };
      const client = await connect({ clientId: "s", properties, will });
      if (end === "close") await client.close();
      else if (end.startsWith("disconnect")) await client.disconnect(Number(end.slice(-1)));
      else await connect({ clientId: "s", cleanStart: end === "take over cleanly", properties });
      const left = end.startsWith("take over") ? 2 : 1;
      await until(() => broker.counts().connections === left, "the connection to end");
      if (after !== undefined) {
        clock.advance(Math.max(0, after * 1_000 - 10));
        if (after > 0) assertEquals(await watcher.publications(), []);
        clock.advance(20);
        await watcher.expect("publish", { payload: "x" });
      }
      clock.advance(1_000_000);
      assertEquals(await watcher.publications(), []);
      assertEquals(broker.counts().delayedWills, 0);
    }),
  );
}

Deno.test(
  "broker pitfall: a session that expires while its will waits publishes it once",
  withBroker(async ({ connect, clock, broker }) => {
    const watcher = await connect();
    await watcher.subscribe("will");
    const properties = { willDelayInterval: 10 };
    const client = await connect({
      clientId: "s",
      properties: { sessionExpiryInterval: 10 },
      will: { topic: "will", payload: "x", properties },
    });
    await client.close();
    await until(() => broker.counts().connections === 1, "the connection to end");
    clock.advance(60_000);
    assertEquals((await watcher.publications()).map(({ payload }) => toText(payload)), ["x"]);
    assertEquals([broker.counts().sessions, broker.counts().delayedWills, broker.counts().timers], [1, 0, 0]);
  }),
);

Deno.test(
  "broker pitfall: session expiry is unsigned, counts from the close, and DISCONNECT cannot raise it from 0",
  withBroker(async ({ connect, clock, broker }) => {
    const day = 86_400_000;
    for (
      const [sessionExpiryInterval, lives] of [[0x7fff_ffff, true], [0x8000_0000, true], [0xffff_fffe, true]] as const
    ) {
      const clientId = `s${sessionExpiryInterval}`;
      await (await connect({ clientId, properties: { sessionExpiryInterval } })).disconnect();
      await until(() => broker.counts().connections === 0, "the connection to end");
      clock.advance(20_000 * day);
      const again = await connect({ clientId, cleanStart: false });
      assertEquals(again.connack?.sessionPresent, lives);
      await again.disconnect();
    }
    const client = await connect({ clientId: "zero" });
    await client.send({ type: "disconnect", reasonCode: 0, properties: { sessionExpiryInterval: 1 } });
    await client.expectDisconnect(0x82);
  }),
);

Deno.test(
  "broker pitfall: an empty client identifier: 5.0 gets one, 3.1.1 needs a clean session, 3.1 needs an identifier",
  withBroker(async ({ connect, open }) => {
    const v5 = await connect({ clientId: "", cleanStart: false });
    assert((v5.connack?.properties?.assignedClientIdentifier ?? "").length > 0);
    await connect({ clientId: "", version: 4, cleanStart: true });
    const v4 = await open(4);
    await v4.sendConnect({ clientId: "", cleanStart: false });
    await v4.expectRefused(2);
    const v3 = await open(3);
    await v3.sendConnect({ clientId: "", cleanStart: true });
    await v3.expectRefused(2);
  }),
);
