/** Hooks: who may connect, publish, subscribe; at once or later, in order all the same. */

import { assert, assertEquals, assertGreater } from "@std/assert";
import type {
  AccessRules,
  AccessSubject,
  ClientInfo,
  ConnectRequest,
  PublishRequest,
  SubscribeRequest,
} from "../../broker/mod.ts";
import { until, withBroker } from "../support/broker.ts";
import { random } from "../support/random.ts";
import { publishPacket, toText } from "../support/raw_packets.ts";

/** A decision that takes its time, another one for each call. */
function later<T>(value: T, next: () => number): Promise<T> {
  return new Promise((resolve) => setTimeout(() => resolve(value), Math.floor(next() * 6)));
}

Deno.test("broker hooks: authenticate sees what CONNECT says", async () => {
  const seen: ConnectRequest[] = [];
  await withBroker({
    authenticate(request) {
      seen.push({ ...request, password: request.password?.slice() });
      return true;
    },
  }, async ({ connect }) => {
    await connect({ clientId: "a", username: "ann", password: "secret", properties: { receiveMaximum: 7 } });
    await connect({ version: 4, clientId: "b", cleanStart: false });
    await connect({ clientId: "" });
    const [a, b, c] = seen;
    assertEquals(a?.clientId, "a");
    assertEquals([a?.username, toText(a?.password ?? new Uint8Array()), a?.cleanStart], ["ann", "secret", true]);
    assertEquals([a?.protocolVersion, a?.properties.receiveMaximum, a?.peer.protocol], [5, 7, "tcp"]);
    assertEquals([b?.username, b?.password, b?.cleanStart, b?.protocolVersion], [undefined, undefined, false, 4]);
    assertEquals(c?.clientId.startsWith("auto-"), true);
  })();
});

Deno.test(
  "broker hooks: authenticate refuses with false, with a code, with a reason",
  withBroker({
    authenticate: ({ username }) => {
      if (username === "code") return { reasonCode: 0x8a };
      if (username === "reason") return { reasonCode: 0x87, reasonString: "not on Sundays" };
      return false;
    },
  }, async ({ open, broker }) => {
    for (const [username, reasonCode] of [["no", 0x86], ["code", 0x8a], ["reason", 0x87]] as const) {
      const client = await open();
      await client.sendConnect({ username });
      await client.expectRefused(reasonCode);
    }
    assertEquals(broker.counts().sessions, 0);
  }),
);

Deno.test(
  "broker hooks: a hook that throws or rejects refuses this client and harms nobody",
  withBroker({
    authenticate: ({ username }) => {
      if (username === "throw") throw new Error("database is down");
      return username === "reject" ? Promise.reject(new Error("database is down")) : true;
    },
    authorizePublish: (_client, { topic }) => {
      if (topic === "throw") throw new Error("database is down");
      return topic === "reject" ? Promise.reject(new Error("database is down")) : true;
    },
    authorizeSubscribe: (_client, { filter }) => {
      if (filter === "throw") throw new Error("database is down");
      return filter === "reject" ? Promise.reject(new Error("database is down")) : true;
    },
  }, async ({ connect, open }) => {
    const witness = await connect();
    await witness.subscribe("#");
    for (const username of ["throw", "reject"]) {
      for (const version of [4, 5] as const) {
        const client = await open(version);
        await client.sendConnect({ username });
        const refusal = await client.expectOptional("connack");
        if (refusal !== undefined) assertGreater(refusal.reasonCode, 0);
        await client.expectClosed();
      }
    }
    for (const topic of ["throw", "reject"]) {
      const publisher = await connect();
      await publisher.send(publishPacket(topic, "", { qos: 1, packetId: 1 }));
      await publisher.expectDisconnect(0x83);
      const subscriber = await connect();
      await subscriber.send({ type: "subscribe", packetId: 1, subscriptions: [{ filter: topic, qos: 0 }] });
      await subscriber.expectDisconnect(0x83);
    }
    await witness.publish("fine", "", { qos: 1 });
    assertEquals((await witness.publications()).map(({ topic }) => topic), ["fine"]);
  }),
);

// What a program without types may give: a forgotten `return`, a promise of another kind, a function that became async.
const FORBIDDEN: Readonly<Record<string, unknown>> = {
  nothing: undefined,
  text: "false",
  thenable: { then: (resolve: (value: boolean) => void) => resolve(false) },
  object: { accepted: "no" },
};

for (const [name, answer] of Object.entries(FORBIDDEN)) {
  // The types forbid these answers.
  const wrong = answer as boolean;
  Deno.test(
    `broker hooks: an answer that is neither true nor false refuses: ${name}`,
    withBroker({
      authenticate: ({ username }) => username === "hook" ? wrong : true,
      authorizePublish: (_client, { topic }) =>
        topic === "later" ? Promise.resolve(wrong) : topic === "hook" ? wrong : true,
      authorizeSubscribe: (_client, { filter }) =>
        filter === "later" ? Promise.resolve(wrong) : filter === "hook" ? wrong : true,
      access: {
        mayPublish: (_client, topic) => topic === "rule" ? wrong : true,
        maySubscribe: (_client, { filter }) => filter === "rule" ? wrong : true,
        mayReceive: (_client, topic) => topic === "secret" ? wrong : true,
        onChange: () => () => {},
      },
    }, async ({ broker, connect, open }) => {
      const refused = await open(5);
      await refused.sendConnect({ username: "hook" });
      const refusal = await refused.expectOptional("connack");
      if (refusal !== undefined) assertGreater(refusal.reasonCode, 0x7f);
      await refused.expectClosed();
      const client = await connect();
      const asked = ["hook", "later", "rule", "#"];
      assertEquals((await client.trySubscribe(asked)).reasonCodes, [0x87, 0x87, 0x87, 0]);
      const publisher = await connect();
      for (const topic of ["hook", "later", "rule"]) {
        await publisher.send(publishPacket(topic, "", { qos: 1, packetId: 1 }));
        await publisher.expect("puback", { reasonCode: 0x87 });
      }
      broker.publish({ topic: "secret", payload: "" });
      await publisher.publish("fine", "", { qos: 1 });
      assertEquals((await client.publications()).map(({ topic }) => topic), ["fine"]);
    }),
  );
}

Deno.test(
  "broker hooks: an access rule that is asynchronous by mistake, and rejects, refuses and harms nobody",
  withBroker({
    access: {
      // The types forbid a promise.
      mayPublish: (_client, topic) =>
        topic === "late" ? Promise.reject(new Error("no rules")) as unknown as boolean : true,
      maySubscribe: () => true,
      mayReceive: () => true,
      onChange: () => () => {},
    },
  }, async ({ connect }) => {
    const client = await connect();
    await client.send(publishPacket("late", "", { qos: 1, packetId: 1 }));
    await client.expect("puback", { reasonCode: 0x87 });
    await client.subscribe("#");
    await client.publish("fine", "", { qos: 1 });
    assertEquals((await client.publications()).map(({ topic }) => topic), ["fine"]);
  }),
);

Deno.test("broker hooks: access rules that throw refuse what was asked, whoever's turn it is, and the log says so", async () => {
  const lines: string[] = [];
  const fail = (client: AccessSubject, topic: string): boolean => {
    if (topic.startsWith("bad/") && client.username === "victim") throw new Error("no rules");
    return true;
  };
  const access: AccessRules = {
    mayPublish: fail,
    mayReceive: fail,
    maySubscribe: (client, { filter }) => fail(client, filter),
    onChange: () => () => {},
  };
  const log = { debug: false, subscriptions: false, write: (_: string, line: string) => lines.push(line) };
  await withBroker({ access, log }, async ({ broker, connect, clock }) => {
    const victim = await connect({ username: "victim" });
    const { reasonCodes } = await victim.trySubscribe(["bad/a", "+/a", "$share/g/+/b", "fine"]);
    assertEquals(reasonCodes, [0x87, 0, 0, 0]);
    const witness = await connect();
    await witness.subscribe("#");
    // By another client, by the application, and by a timer.
    const other = await connect({
      will: { topic: "bad/a", payload: new Uint8Array(), qos: 0, retain: false, properties: { willDelayInterval: 1 } },
      properties: { sessionExpiryInterval: 10 },
    });
    await other.publish("bad/a", "", { qos: 1 });
    await other.publish("bad/b", "", { qos: 1 });
    broker.publish({ topic: "bad/a", payload: "" });
    await other.send({ type: "disconnect", reasonCode: 0x04 });
    await other.expectClosed();
    clock.advance(1_000);
    await victim.send(publishPacket("bad/c", "", { qos: 1, packetId: 1 }));
    await victim.expect("puback", { reasonCode: 0x87 });
    await victim.publish("fine", "");
    assertEquals((await victim.publications()).map(({ topic }) => topic), ["fine"]);
    const seen = (await witness.publications()).map(({ topic }) => topic);
    assertEquals(seen, ["bad/a", "bad/b", "bad/a", "bad/a", "fine"]);
  })();
  assert(lines.some((line) => line.includes("Access rules failed for client") && line.includes("no rules")));
});

Deno.test("broker hooks: authorizePublish sees the message, and the real topic of an alias", async () => {
  const seen: [string, string, number, boolean, string][] = [];
  await withBroker({
    authorizePublish(client: ClientInfo, { topic, qos, retain, payload }: PublishRequest) {
      seen.push([client.clientId, topic, qos, retain, toText(payload)]);
      return true;
    },
  }, async ({ connect }) => {
    const client = await connect({ clientId: "p", will: { topic: "w", payload: "last", qos: 1, retain: true } });
    await client.publish("a", "1", { properties: { topicAlias: 1 } });
    await client.publish("", "2", { qos: 1, properties: { topicAlias: 1 } });
    await client.publish("b", "3", { qos: 2, retain: true });
    await client.close();
    await until(() => seen.length === 4, "the will");
    assertEquals(seen, [["p", "a", 0, false, "1"], ["p", "a", 1, false, "2"], ["p", "b", 2, true, "3"], [
      "p",
      "w",
      1,
      true,
      "last",
    ]]);
  })();
});

Deno.test(
  "broker hooks: a refused publication is told to 5.0 clients, counted, and reaches nobody",
  withBroker({ authorizePublish: (_client, { topic }) => topic !== "secret" }, async ({ connect, broker }) => {
    const watcher = await connect();
    await watcher.subscribe("#");
    const client = await connect();
    await client.send(
      publishPacket("secret", "", { qos: 0, retain: true }),
      publishPacket("secret", "", { qos: 1, packetId: 1 }),
      publishPacket("secret", "", { qos: 2, packetId: 2 }),
    );
    await client.expect("puback", { packetId: 1, reasonCode: 0x87 });
    await client.expect("pubrec", { packetId: 2, reasonCode: 0x87 });
    // A refused QoS 2 exchange is over: the identifier is free.
    await client.publish("open", "", { qos: 2, packetId: 2 });
    assertEquals((await watcher.publications()).map(({ topic }) => topic), ["open"]);
    assertEquals(broker.counts().dropped.notAuthorized, 3);
    assertEquals(broker.counts().retained, 0);
  }),
);

Deno.test(
  "broker hooks: a will that its client may not publish stays unpublished",
  withBroker({ authorizePublish: (_client, { topic }) => Promise.resolve(topic !== "secret") }, async (test) => {
    const watcher = await test.connect();
    await watcher.subscribe("#");
    await (await test.connect({ will: { topic: "secret", payload: "" } })).close();
    await (await test.connect({ will: { topic: "open", payload: "" } })).close();
    await watcher.expect("publish", { topic: "open" });
    await until(() => test.broker.counts().dropped.notAuthorized === 1, "the refusal");
    assertEquals(await watcher.barrier(), []);
  }),
);

Deno.test("broker hooks: authorizeSubscribe sees filters, share names and QoS, and decides about each", async () => {
  const seen: SubscribeRequest[] = [];
  await withBroker({
    authorizeSubscribe(_client, request) {
      seen.push({ ...request });
      return !request.filter.startsWith("secret");
    },
  }, async ({ connect }) => {
    const client = await connect();
    const { reasonCodes } = await client.trySubscribe([
      { filter: "a/#", qos: 1 },
      { filter: "secret/#", qos: 2 },
      { filter: "$share/group/b", qos: 2 },
      { filter: "$share/group/secret", qos: 0 },
    ]);
    assertEquals(reasonCodes, [1, 0x87, 2, 0x87]);
    assertEquals(seen, [
      { filter: "a/#", share: undefined, qos: 1 },
      { filter: "secret/#", share: undefined, qos: 2 },
      { filter: "b", share: "group", qos: 2 },
      { filter: "secret", share: "group", qos: 0 },
    ]);
    await client.publish("secret/x", "", { qos: 1 });
    await client.publish("a/x", "", { qos: 1 });
    assertEquals((await client.publications()).map(({ topic }) => topic), ["a/x"]);
  })();
});

Deno.test("broker hooks: decisions that take their time change no order, neither of answers nor of messages", async () => {
  const next = random(7);
  await withBroker({
    authenticate: () => later(true, next),
    authorizePublish: () => next() < 0.5 ? true : later(true, next),
    authorizeSubscribe: () => next() < 0.5 ? true : later(true, next),
  }, async ({ connect }) => {
    const watcher = await connect({ autoAck: true });
    await watcher.subscribe("a", { qos: 2 });
    const client = await connect();
    const count = 60;
    const packets = Array.from(
      { length: count },
      (_, at) =>
        at % 10 === 9
          ? { type: "subscribe" as const, packetId: at + 1, subscriptions: [{ filter: `f/${at}`, qos: 0 as const }] }
          : publishPacket("a", String(at), { qos: at % 2 === 0 ? 1 : 0, ...(at % 2 === 0 && { packetId: at + 1 }) }),
    );
    await client.send(...packets, { type: "pingreq" });
    const answers: number[] = [];
    for (let packet = await client.next(); packet.type !== "pingresp"; packet = await client.next()) {
      if ("packetId" in packet) answers.push(packet.packetId ?? 0);
    }
    const expected = packets.flatMap((packet) => packet.packetId ?? []);
    assertEquals(answers, expected);
    const payloads = packets.flatMap((packet) => packet.type === "publish" ? [toText(packet.payload)] : []);
    for (const payload of payloads) assertEquals(toText((await watcher.take("publish")).payload), payload);
  })();
});

Deno.test("broker hooks: a client that waits for a decision holds up nobody else", async () => {
  const decision = Promise.withResolvers<boolean>();
  await withBroker({
    authenticate: ({ username }) => username === "slow" ? decision.promise : true,
    authorizePublish: (_client, { topic }) => topic === "slow" ? decision.promise : true,
  }, async ({ connect, open, clock }) => {
    const other = await connect({ keepAlive: 10 });
    await other.subscribe("#", { qos: 0 });
    const connecting = await open();
    await connecting.sendConnect({ username: "slow" });
    const publishing = await connect({ keepAlive: 10 });
    const payload = "bytes that must survive the wait";
    await publishing.send(publishPacket("slow", payload, { qos: 1, packetId: 1 }), publishPacket("then", "after"));
    for (let at = 0; at < 50; at++) await other.publish("fast", "x".repeat(100), { qos: 1 });
    assertEquals((await other.publications()).length, 50);
    clock.advance(9_000);
    decision.resolve(true);
    await connecting.expect("connack", { reasonCode: 0 });
    await publishing.expect("puback", { packetId: 1 });
    await other.expect("publish", { topic: "slow", payload });
    await other.expect("publish", { topic: "then", payload: "after" });
  })();
});

Deno.test("broker hooks: a client that goes while the application decides leaves nothing behind", async () => {
  const decision = Promise.withResolvers<boolean>();
  await withBroker({
    authenticate: ({ username }) => username === "slow" ? decision.promise : true,
    authorizePublish: (_client, { topic }) => topic === "slow" ? decision.promise : true,
  }, async ({ connect, open, broker, clock }) => {
    const connecting = await open();
    await connecting.sendConnect({ username: "slow", properties: { sessionExpiryInterval: 100 } });
    const publishing = await connect({ keepAlive: 5 });
    await publishing.send(publishPacket("slow", "", { qos: 2, packetId: 1 }));
    await publishing.barrier(50).catch(() => {});
    await connecting.close();
    await publishing.close();
    clock.advance(60_000);
    decision.resolve(true);
    clock.advance(60_000);
    await until(() => broker.counts().connections === 0, "the end of both connections");
    assertEquals([broker.counts().sessions, broker.counts().timers], [0, 0]);
  })();
});

Deno.test(
  "broker hooks: a client id belongs to the user who opened its session, unless configured otherwise",
  withBroker({ authenticate: () => true }, async ({ connect, open }) => {
    const session = { clientId: "mine", cleanStart: false, properties: { sessionExpiryInterval: 100 } };
    const ann = await connect({ ...session, username: "ann" });
    for (const username of ["bob", undefined]) {
      const thief = await open();
      await thief.sendConnect({ ...session, username, cleanStart: true });
      await thief.expectRefused(0x87);
    }
    assertEquals(await ann.barrier(), []);
    const again = await connect({ ...session, username: "ann" });
    assertEquals(again.connack?.sessionPresent, true);
    await ann.expectDisconnect(0x8e);
  }),
);

Deno.test(
  "broker hooks: with bindClientIdToUser off, a client id is anybody's",
  withBroker({ bindClientIdToUser: false }, async ({ connect }) => {
    const first = await connect({ clientId: "shared", username: "ann" });
    await connect({ clientId: "shared", username: "bob" });
    await first.expectDisconnect(0x8e);
  }),
);

const kept = { clientId: "kept", cleanStart: false, properties: { sessionExpiryInterval: 100 } };

for (const fails of ["throws", "rejects"] as const) {
  let isDown = true;
  Deno.test(
    `broker hooks: a QoS 2 message for which authorizePublish ${fails} was not taken: sent again, it is no duplicate`,
    withBroker({
      authorizePublish() {
        if (isDown && fails === "rejects") return Promise.reject(new Error("database is down"));
        if (isDown) throw new Error("database is down");
        return true;
      },
    }, async ({ connect }) => {
      const witness = await connect();
      await witness.subscribe("a");
      isDown = true;
      const before = await connect(kept);
      await before.send(publishPacket("a", "once", { qos: 2, packetId: 7 }));
      await before.expectDisconnect(0x83);
      isDown = false;
      const after = await connect(kept);
      await after.send(publishPacket("a", "once", { qos: 2, packetId: 7, dup: true }));
      await after.expect("pubrec", { packetId: 7, reasonCode: 0 });
      assertEquals((await witness.publications()).map(({ payload }) => toText(payload)), ["once"]);
    }),
  );
}

Deno.test("broker hooks: a QoS 2 message that is sent again before it was decided about is decided about again", async () => {
  const decisions: PromiseWithResolvers<boolean>[] = [];
  await withBroker({
    authorizePublish() {
      const decision = Promise.withResolvers<boolean>();
      decisions.push(decision);
      return decision.promise;
    },
  }, async ({ connect }) => {
    const witness = await connect();
    await witness.subscribe("a");
    const before = await connect(kept);
    await before.send(publishPacket("a", "once", { qos: 2, packetId: 7 }));
    await until(() => decisions.length === 1, "the first question");
    const after = await connect(kept);
    await after.send(publishPacket("a", "once", { qos: 2, packetId: 7, dup: true }));
    await until(() => decisions.length === 2, "the second question");
    decisions[0]?.resolve(true); // nobody is there any more who was told so
    assertEquals(await witness.barrier(), []);
    decisions[1]?.resolve(true);
    await after.expect("pubrec", { packetId: 7, reasonCode: 0 });
    await after.send(publishPacket("a", "once", { qos: 2, packetId: 7, dup: true }));
    await after.expect("pubrec", { packetId: 7, reasonCode: 0 });
    assertEquals((await witness.publications()).map(({ payload }) => toText(payload)), ["once"]);
  })();
});

Deno.test(
  "broker hooks: a client for which responseInformation throws never was connected: it has CONNACK, and no will",
  withBroker({
    responseInformation() {
      throw new Error("database is down");
    },
  }, async ({ connect, open, broker }) => {
    const witness = await connect();
    await witness.subscribe("will");
    const client = await open();
    const properties = { requestResponseInformation: 1, sessionExpiryInterval: 100 } as const;
    await client.sendConnect({ clientId: "x", will: { topic: "will", payload: "w" }, properties });
    await client.expectRefused(0x80);
    assertEquals(await witness.barrier(), []);
    assertEquals(broker.counts().sessions, 1);
  }),
);
