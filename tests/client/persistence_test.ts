/** A client with a store: what leaves when, what the next run finds, and what happens when the store fails. */

import { assert, assertEquals, assertRejects } from "@std/assert";
import { type ConnectInit, MqttError, type RecoveredEvent } from "../../client/mod.ts";
import { type ClientStoreWrite, MemoryStore } from "../../client/store.ts";
import { until } from "../support/bounded.ts";
import { publication } from "./store_conformance.ts";
import { clientTest, deliver, grant, ignoreFailure, type Script, settle } from "./scripted.ts";

/** A store that counts, and that waits or fails when it is told to. */
class TestStore extends MemoryStore {
  commits = 0;
  failure: Error | undefined;
  #gate: PromiseWithResolvers<void> | undefined;

  override async commit(writes: readonly ClientStoreWrite[]): Promise<void> {
    await this.#gate?.promise;
    if (this.failure !== undefined) throw this.failure;
    this.commits++;
    super.commit(writes);
  }

  shut(): void {
    this.#gate = Promise.withResolvers();
  }

  open(): void {
    this.#gate?.resolve();
    this.#gate = undefined;
  }

  /** What a new process would find if this one were killed now. */
  copy(): TestStore {
    const copy = new TestStore();
    const { clientId, publications, received } = this.load();
    const writes: ClientStoreWrite[] = clientId === undefined ? [] : [{ kind: "setClientId", clientId }];
    for (const publication of publications) writes.push({ kind: "addPublication", publication });
    for (const packetId of received) writes.push({ kind: "addReceived", packetId });
    MemoryStore.prototype.commit.call(copy, writes);
    return copy;
  }

  get lines(): string[] {
    return [...this.load().publications].map(({ topic, state }) => `${topic} ${state.phase}`);
  }
}

/** Publishes and forgets the promise, as a process that is killed does. */
function publishAll(publish: (topic: string) => Promise<unknown>, ...topics: string[]): void {
  for (const topic of topics) ignoreFailure(publish(topic));
}

/** The client of a process that comes after one that was killed. */
async function nextRun(script: Script, store: TestStore, sessionPresent: boolean, init: ConnectInit = {}) {
  const connecting = script.connecting({ store, ...init });
  const { peer, packet } = await script.acceptWith({ sessionPresent });
  const client = await connecting;
  const recovered: string[] = [];
  client.addEventListener("recovered", ({ topic, qos, result, error }: RecoveredEvent) => {
    recovered.push(`${topic} ${qos} ${result === undefined ? error?.message.slice(0, 39) : result.reasonCode}`);
  });
  return { client, peer, packet, recovered };
}

clientTest({ "3.1.1": "", "5.0": "" }, "with a store, QoS 1 and 2 leave when it has them", async (script) => {
  const store = new TestStore();
  const { client, peer } = await script.connect({ store });
  await client.stored;
  store.shut();
  const published = [client.publish("a", "1", { qos: 1 }), client.publish("b", "2", { qos: 2 })];
  await peer.expectNothing();
  assertEquals(store.lines, []);
  store.open();
  const [one, two] = await peer.expectMany("publish", 2);
  assertEquals(store.lines, ["a sent", "b sent"]);
  store.shut();
  await peer.send({ type: "puback", packetId: one?.packetId ?? 0, reasonCode: 0 });
  assertEquals((await published[0])?.ok, true);
  await peer.send({ type: "pubrec", packetId: two?.packetId ?? 0, reasonCode: 0 });
  await peer.expectNothing();
  assertEquals(store.lines, ["a sent", "b sent"]);
  store.open();
  await peer.expect("pubrel");
  assertEquals(store.lines, ["b released"]);
  await peer.send({ type: "pubcomp", packetId: two?.packetId ?? 0, reasonCode: 0 });
  assertEquals((await published[1])?.ok, true);
  await client.stored;
  assertEquals(store.lines, []);
});

clientTest({ "5.0": "" }, "with a store, many publications share a commit, and QoS 0 needs none", async (script) => {
  const store = new TestStore();
  const { client, peer } = await script.connect({ store });
  await client.stored;
  const before = store.commits;
  await client.publish("a", "");
  assertEquals(store.commits, before);
  publishAll((topic) => client.publish(topic, "", { qos: 1 }), ...Array.from({ length: 100 }, (_, at) => `a/${at}`));
  await client.stored;
  assertEquals(store.commits, before + 1);
  await peer.expectMany("publish", 101);
});

clientTest(
  { "3.1.1": "4.4.0-1", "5.0": "4.4.0-1 3.3.1-1" },
  "the run after one that was killed sends again what was sent, then what was queued, in order",
  async (script) => {
    const first = new TestStore();
    const { client, peer, packet } = await script.connect({ store: first }, { properties: { receiveMaximum: 4 } });
    assertEquals(packet.cleanStart, script.version === 5);
    const properties = { contentType: "text/plain", messageExpiryInterval: 100 };
    const topics = ["one", "two", "three", "four", "queued"];
    for (const [at, topic] of topics.entries()) {
      ignoreFailure(client.publish(topic, `payload of ${topic}`, { qos: at % 2 === 0 ? 1 : 2, properties }));
    }
    const limited = script.version === 5;
    const sent = await peer.expectMany("publish", limited ? 4 : 5);
    await peer.send({ type: "pubrec", packetId: sent[1]?.packetId ?? 0, reasonCode: 0 });
    await peer.expect("pubrel");
    const store = first.copy();
    assertEquals(store.lines, [
      "one sent",
      "two released",
      "three sent",
      "four sent",
      limited ? "queued queued" : "queued sent",
    ]);

    const next = await nextRun(script, store, true);
    assertEquals([next.packet.clientId, next.packet.cleanStart], [packet.clientId, false]);
    assertEquals(next.client.pending.messages, 5);
    await next.peer.expect("publish", { topic: "one", dup: true, qos: 1, packetId: sent[0]?.packetId });
    await next.peer.expect("pubrel", { packetId: sent[1]?.packetId });
    const { properties: resent } = await next.peer.expect("publish", {
      ...{ topic: "three", dup: true, qos: 1, packetId: sent[2]?.packetId, payload: "payload of three" },
    });
    if (limited) assertEquals(resent, properties);
    await next.peer.expect("publish", { topic: "four", dup: true, qos: 2, packetId: sent[3]?.packetId });
    const last = await next.peer.expect("publish", { topic: "queued", dup: !limited });
    await next.peer.send({ type: "pubcomp", packetId: sent[1]?.packetId ?? 0, reasonCode: 0 });
    for (const packetId of [sent[0]?.packetId, sent[2]?.packetId, last.packetId]) {
      await next.peer.send({ type: "puback", packetId: packetId ?? 0, reasonCode: 0 });
    }
    await next.peer.send({ type: "pubrec", packetId: sent[3]?.packetId ?? 0, reasonCode: 0 });
    await next.peer.expect("pubrel");
    await next.peer.send({ type: "pubcomp", packetId: sent[3]?.packetId ?? 0, reasonCode: 0 });
    await until(() => next.recovered.length === 5, "all results");
    assertEquals(next.recovered.sort(), ["four 2 0", "one 1 0", "queued 1 0", "three 1 0", "two 2 0"]);
    await next.client.stored;
    assertEquals(store.lines, []);
    assertEquals(next.client.pending, { messages: 0, bytes: 0 });
  },
);

clientTest(
  { "3.1.1": "", "5.0": "" },
  "when the server has lost the session of the run before, QoS 1 is published anew, and QoS 2 reported",
  async (script) => {
    const first = new TestStore();
    const { client, peer } = await script.connect({ store: first });
    publishAll((topic) => client.publish(topic, "", { qos: topic === "one" ? 1 : 2 }), "one", "two", "three");
    const [, , three] = await peer.expectMany("publish", 3);
    await peer.send({ type: "pubrec", packetId: three?.packetId ?? 0, reasonCode: 0 });
    await peer.expect("pubrel");

    const next = await nextRun(script, first.copy(), false);
    const again = await next.peer.expect("publish", { topic: "one", dup: false });
    await next.peer.send({ type: "puback", packetId: again.packetId ?? 0, reasonCode: 0 });
    await until(() => next.recovered.length === 3, "all results");
    const lost = "two 2 Cannot complete QoS 2 publication: serv";
    assertEquals(next.recovered.sort(), ["one 1 0", "three 2 0", lost].sort());
    await next.peer.expectNothing();
  },
);

clientTest({ "5.0": "" }, "what expired while no client ran is not sent, and reported", async (script) => {
  const store = new TestStore();
  const { client, peer } = await script.connect({ store });
  await peer.close();
  await settle();
  const properties = { messageExpiryInterval: 60 };
  ignoreFailure(client.publish("brief", "", { qos: 1, properties }));
  ignoreFailure(client.publish("long", "", { qos: 1, properties: { messageExpiryInterval: 600 } }));
  await client.stored;
  script.clock.advance(100_000);
  const next = await nextRun(script, store.copy(), true);
  await next.peer.expect("publish", { topic: "long", properties: { messageExpiryInterval: 500 } });
  await until(() => next.recovered.length === 1, "the result");
  assertEquals(next.recovered, [`brief 1 ${0x80}`]);
});

clientTest(
  { "3.1.1": "4.3.3-2", "5.0": "4.3.3-12" },
  "PUBREC leaves when the store has its identifier, and a repetition after a restart is not handed out",
  async (script) => {
    const first = new TestStore();
    const { client, peer } = await script.connect({ store: first });
    const subscription = client.subscribe("a", { qos: 2 });
    await grant(peer);
    await subscription.ready;
    await client.stored;
    await deliver(peer, "a", "taken", { qos: 2, packetId: 7 });
    await deliver(peer, "a", "handed out", { qos: 2, packetId: 8 });
    assertEquals((await subscription.next()).value?.text(), "taken");
    assertEquals([...first.load().received], []);
    first.shut();
    assertEquals((await subscription.next()).value?.text(), "handed out");
    await peer.expectNothing();
    first.open();
    await peer.expect("pubrec", { packetId: 7 });
    assertEquals([...first.load().received], [7]);

    const second = first.copy();
    const next = await nextRun(script, second, true);
    const later = next.client.subscribe("a", { qos: 2 });
    await deliver(next.peer, "a", "taken", { qos: 2, packetId: 7, dup: true });
    await deliver(next.peer, "a", "handed out", { qos: 2, packetId: 8, dup: true });
    await grant(next.peer);
    await next.peer.expect("pubrec", { packetId: 7 });
    assertEquals((await later.next()).value?.text(), "handed out");
    second.shut();
    await next.peer.send({ type: "pubrel", packetId: 7, reasonCode: 0 });
    await next.peer.expectNothing();
    assertEquals([...second.load().received], [7]);
    second.open();
    await next.peer.expect("pubcomp", { packetId: 7, reasonCode: 0 });
    assertEquals([...second.load().received], []);
    // The identifier is free for another message.
    await deliver(next.peer, "a", "another", { qos: 2, packetId: 7 });
    assertEquals((await later.next()).value?.text(), "another");
  },
);

clientTest({ "5.0": "" }, "identifiers of receptions go with the session that they belong to", async (script) => {
  const first = new TestStore();
  const { client, peer } = await script.connect({ store: first });
  client.subscribe("a", { qos: 2 });
  await grant(peer);
  client.addEventListener("message", () => {});
  await deliver(peer, "b", "for nobody", { qos: 2, packetId: 7 });
  await peer.expect("pubrec", { packetId: 7 });
  const second = first.copy();
  assertEquals([...second.load().received], [7]);
  const next = await nextRun(script, second, false);
  await next.client.stored;
  assertEquals([...second.load().received], []);
});

clientTest({ "5.0": "" }, "a client identifier that the server has assigned is kept", async (script) => {
  const store = new TestStore();
  const properties = { assignedClientIdentifier: "from-the-server" };
  const { client } = await script.connect({ store, clientId: "" }, { properties });
  await client.close({ force: true });
  const next = await nextRun(script, store, true);
  assertEquals([next.packet.clientId, next.client.clientId], ["from-the-server", "from-the-server"]);
});

clientTest({ "5.0": "" }, "the store keeps what was open when the client was closed", async (script) => {
  const store = new TestStore();
  const { client, peer } = await script.connect({ store });
  const open = assertRejects(() => client.publish("a", "", { qos: 2 }), Error, "the client was closed");
  const { packetId } = await peer.expect("publish");
  await client.close({ force: true });
  await open;
  assertEquals((await peer.expect("disconnect")).properties ?? {}, {});
  assertEquals(store.lines, ["a sent"]);
  const next = await nextRun(script, store, true);
  await next.peer.expect("publish", { topic: "a", dup: true, packetId });
});

clientTest({ "5.0": "" }, "an aborted publication stays in the store as long as it is in flight", async (script) => {
  const store = new TestStore();
  const { client, peer } = await script.connect({ store }, { properties: { receiveMaximum: 1 } });
  const controller = new AbortController();
  const { signal } = controller;
  const aborted = ["sent", "waiting"].map((topic) => {
    return assertRejects(() => client.publish(topic, "", { qos: 2, signal }), Error, "no more");
  });
  const { packetId = 0 } = await peer.expect("publish");
  await client.stored;
  assertEquals(store.lines, ["sent sent", "waiting queued"]);
  controller.abort(new Error("no more"));
  await Promise.all(aborted);
  await client.stored;
  assertEquals(store.lines, ["sent sent"]);
  await peer.send({ type: "pubrec", packetId, reasonCode: 0x97 });
  await settle();
  await client.stored;
  assertEquals(store.lines, []);
});

clientTest({ "5.0": "" }, "a queue that drops drops from the store, too", async (script) => {
  const store = new TestStore();
  const { client, peer } = await script.connect({ store, queue: { messages: 2, overflow: "drop-oldest" } });
  await peer.close();
  await settle();
  publishAll((topic) => client.publish(topic, "", { qos: 1 }), "one", "two");
  await client.stored;
  publishAll((topic) => client.publish(topic, "", { qos: 1 }), "three");
  await client.stored;
  assertEquals(store.lines, ["two queued", "three queued"]);
});

clientTest(
  { "3.1.1": "", "5.0": "" },
  "what the store cannot take is not sent: publish rejects, the connection ends, and all works again when it does",
  async (script) => {
    const store = new TestStore();
    const { client, peer } = await script.connect({ store });
    const errors: string[] = [];
    client.addEventListener("error", ({ error }) => errors.push(error.message));
    await client.stored;
    store.failure = new Error("disk full");
    const refused = [1, 2].map((qos) => client.publish("a", "", { qos: qos === 1 ? 1 : 2 }));
    for (const one of refused) await assertRejects(() => one, Error, "disk full");
    await peer.expectClosed();
    assertEquals(client.pending, { messages: 0, bytes: 0 });
    // For a while it is not asked again.
    store.failure = undefined;
    await assertRejects(() => client.publish("a", "", { qos: 1 }), Error, "disk full");
    assert(errors.includes("disk full"));

    const accepted = script.acceptWith({ sessionPresent: true });
    await script.passWait();
    const again = (await accepted).peer;
    const sent = await publishWhenPossible(() => client.publish("b", "", { qos: 1 }), store);
    const { packetId = 0 } = await again.expect("publish", { topic: "b", dup: false });
    await again.send({ type: "puback", packetId, reasonCode: 0 });
    assertEquals((await sent.result).ok, true);
  },
);

/** Tries until the store has it. */
async function publishWhenPossible<T>(publish: () => Promise<T>, store: TestStore): Promise<{ result: Promise<T> }> {
  for (;;) {
    const result = publish();
    ignoreFailure(result);
    await new Promise((resolve) => setTimeout(resolve, 50));
    if (store.lines.length > 0) return { result };
  }
}

clientTest({ "5.0": "" }, "state that is in the store stays when a change of it fails", async (script) => {
  const store = new TestStore();
  const { client, peer } = await script.connect({ store });
  const published = client.publish("a", "", { qos: 2 });
  const { packetId = 0 } = await peer.expect("publish");
  store.failure = new Error("disk full");
  await peer.send({ type: "pubrec", packetId, reasonCode: 0 });
  await peer.expectClosed(); // instead of PUBREL
  assertEquals(store.lines, ["a sent"]);
  store.failure = undefined;
  const accepted = script.acceptWith({ sessionPresent: true });
  await script.passWait();
  const again = (await accepted).peer;
  await again.expect("pubrel", { packetId });
  assertEquals(store.lines, ["a released"]);
  await again.send({ type: "pubcomp", packetId, reasonCode: 0 });
  assertEquals((await published).ok, true);
});

clientTest({ "5.0": "" }, "a store that does not answer holds up no close", async (script) => {
  const store = new TestStore();
  const { client } = await script.connect({ store });
  await client.stored;
  store.shut();
  ignoreFailure(client.publish("a", "", { qos: 1 }));
  await settle();
  const closed = client.close({ force: true });
  // First for the connection, then for what is left.
  for (let i = 0; i < 2; i++) {
    await settle();
    script.clock.advance(5_000);
  }
  await closed;
  store.open();
});

clientTest({ "5.0": "" }, "a store that cannot be used is refused", async (script) => {
  const store = new TestStore();
  const { client } = await script.connect({ store, clientId: "first" });
  await client.stored;
  await assertRejects(
    () => script.connecting({ store }),
    DOMException,
    "store must be free, received one that another",
  );
  const other = store.copy();
  const refused = () => script.connecting({ store: other, clientId: "second" });
  await assertRejects(refused, TypeError, 'clientId must be "first", to which the store belongs, received "second"');
  // It is free again.
  await assertRejects(() => script.connecting({ store: other, keepAlive: -1 }), RangeError);

  const wrong = new TestStore();
  await wrong.commit([{ kind: "addPublication", publication: publication(1, { topic: "a/#" }) }]);
  await assertRejects(() => script.connecting({ store: wrong }), MqttError, "topic");
  const worse = new TestStore();
  const state = { phase: "sent", packetId: 65_536 } as const;
  await worse.commit([{ kind: "addPublication", publication: publication(1, { state }) }]);
  await assertRejects(() => script.connecting({ store: worse }), RangeError, "packet identifiers must be 1 to 65,535");
});
