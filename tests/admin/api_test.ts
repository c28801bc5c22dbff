/** The admin API: clients, sessions, subscriptions, topics, retained messages, and what can be done about them. */

import { assert, assertEquals, assertGreater } from "@std/assert";
import type { Page } from "../../broker/admin/api.ts";
import type { ClientDetails, ClientSummary } from "../../broker/admin/api_clients.ts";
import type { TopicNode } from "../../broker/admin/api_topics.ts";
import { until } from "../support/broker.ts";
import { withAdmin } from "./support.ts";

/** Texts that want to be more than texts. */
const HOSTILE = [
  "<script>alert(1)</script>",
  "../../etc/passwd",
  ".",
  "..",
  "%2e%2e%2f",
  "a?b#c&d=e f+g",
  '"}],"x":[{"',
  "\u202Eevil\u2028\uFEFF",
  "__proto__",
  "💡é",
];

Deno.test(
  "admin api: clients are listed in pages, in any order, and searched",
  withAdmin({}, async ({ get, connect, clock }) => {
    for (let i = 0; i < 12; i++) {
      clock.advance(1_000);
      const client = await connect({
        clientId: `c${String(i).padStart(2, "0")}`,
        username: i % 2 === 0 ? "Ann" : "bob",
      });
      for (let j = 0; j < i % 3; j++) await client.subscribe(`t/${j}`);
    }
    const ids: string[] = [];
    let cursor: string | null = null;
    do {
      const page: Page<ClientSummary> = await get(`clients?limit=5${cursor === null ? "" : `&cursor=${cursor}`}`);
      assertEquals(page.total, 12);
      assert(page.items.length <= 5);
      ids.push(...page.items.map(({ clientId }) => clientId));
      cursor = page.next;
    } while (cursor !== null);
    assertEquals(ids, Array.from({ length: 12 }, (_, i) => `c${String(i).padStart(2, "0")}`));

    const listed = async (query: string) => {
      const { items }: Page<ClientSummary> = await get(`clients?${query}`);
      return items.map(({ clientId }) => clientId);
    };
    assertEquals((await listed("sort=connectedAt&order=desc")).slice(0, 3), ["c11", "c10", "c09"]);
    assertEquals(await listed("sort=subscriptions&order=desc&limit=4"), ["c11", "c08", "c05", "c02"]);
    assertEquals(await listed("q=ANN&sort=username&limit=2"), ["c00", "c02"]);
    assertEquals(await listed("q=C07"), ["c07"]);
    assertEquals(await listed("q=nobody"), []);
    // Going on works backwards and by other values, too.
    const first: Page<ClientSummary> = await get("clients?sort=subscriptions&order=desc&limit=4");
    const second: Page<ClientSummary> = await get(`clients?sort=subscriptions&order=desc&limit=4&cursor=${first.next}`);
    assertEquals(second.items.map(({ clientId }) => clientId), ["c10", "c07", "c04", "c01"]);
  }),
);

Deno.test(
  "admin api: one client with its connection, session, subscriptions and messages in flight",
  withAdmin({}, async ({ broker, get, connect, refused }) => {
    const will = { topic: "gone", payload: "left", qos: 1, retain: true } as const;
    const properties = { sessionExpiryInterval: 60, receiveMaximum: 1 };
    const client = await connect({ clientId: "ann", username: "a", keepAlive: 30, will, properties });
    await client.subscribe("$share/g/work/+", { qos: 1 });
    broker.publish({ topic: "work/1", payload: Uint8Array.of(0xff), qos: 1 });
    broker.publish({ topic: "work/2", payload: "x".repeat(1_000), qos: 1 });
    const details: ClientDetails = await get("client?id=ann");
    assertEquals(details.connection?.keepAlive, 30);
    assertEquals(details.connection?.protocolVersion, 5);
    assertEquals(details.connection?.maximumPacketSize, null);
    assertEquals(details.connection?.will, {
      topic: "gone",
      retain: true,
      delay: 0,
      qos: 1,
      size: 4,
      text: "left",
      truncated: false,
    });
    assertEquals(details.session.expiryInterval, 60);
    assertEquals([details.session.inflight, details.session.queued, details.session.queuedBytes], [1, 1, 1_000]);
    assertEquals(details.subscriptions.map(({ filter, share }) => [filter, share]), [["work/+", "g"]]);
    assertEquals(details.inflight, [
      { packetId: 1, phase: "publish", topic: "work/1", qos: 1, size: 1, text: null, truncated: false },
    ]);
    await client.close();
    await until(() => broker.inspection.connected === 0, "the client to be gone");
    assertEquals((await get("client?id=ann")).connection, null);
    await refused("/api/v1/client?id=bob", 404);
    await refused("/api/v1/client", 400);
  }),
);

Deno.test(
  "admin api: clients are disconnected, sessions deleted",
  withAdmin({}, async ({ ask, get, connect, refused }) => {
    const ann = await connect({ clientId: "ann", properties: { sessionExpiryInterval: 60 } });
    const bob = await connect({ clientId: "bob" });
    const disconnect = (json: unknown) => ask("/api/v1/client/disconnect", { method: "POST", json });
    assertEquals(await (await disconnect({ clientId: "ann", reasonCode: 0x8b })).json(), { done: true });
    await ann.expect("disconnect", { reasonCode: 0x8b });
    await refused("/api/v1/client/disconnect", 404, { method: "POST", json: { clientId: "ann" } });
    assertEquals((await get("sessions?state=away")).total, 1);
    assertEquals((await get("sessions?state=connected")).items[0].clientId, "bob");
    const deleted = await ask("/api/v1/session?id=ann", { method: "DELETE" });
    assertEquals(await deleted.json(), { done: true });
    await refused("/api/v1/session?id=ann", 404, { method: "DELETE" });
    await (await ask("/api/v1/session?id=bob", { method: "DELETE" })).body?.cancel();
    await bob.expect("disconnect", { reasonCode: 0x98 });
    assertEquals((await get("sessions")).total, 0);
  }),
);

Deno.test(
  "admin api: subscriptions by client, filter, part, and topic that they get",
  withAdmin({}, async ({ get, connect }) => {
    const ann = await connect({ clientId: "ann" });
    const bob = await connect({ clientId: "bob" });
    for (const filter of ["home/+/temp", "home/#", "$share/g/home/#"]) await ann.subscribe(filter);
    for (const filter of ["home/#", "work/#"]) await bob.subscribe(filter, { qos: 1 });
    const listed = async (query: string) => {
      const { items } = await get(`subscriptions?${query}`);
      return items.map((item: Record<string, unknown>) => [item.clientId, item.filter, item.share]);
    };
    assertEquals((await listed("")).length, 5);
    assertEquals(await listed("client=bob"), [["bob", "home/#", null], ["bob", "work/#", null]]);
    assertEquals(await listed("filter=home%2F%23"), [["ann", "home/#", null], ["ann", "home/#", "g"], [
      "bob",
      "home/#",
      null,
    ]]);
    assertEquals((await listed("topic=home/kitchen/temp")).length, 4);
    assertEquals(await listed("topic=work/1"), [["bob", "work/#", null]]);
    assertEquals(await listed("q=TEMP"), [["ann", "home/+/temp", null]]);
    const first = await get("subscriptions?limit=2");
    const second = await get(`subscriptions?limit=3&cursor=${first.next}`);
    assertEquals([first.items.length, second.items.length, second.next], [2, 3, null]);
  }),
);

Deno.test(
  "admin api: the topic tree shows retained messages level by level, $ topics and empty levels included",
  withAdmin({}, async ({ broker, get }) => {
    const topics = ["home/kitchen/temp", "home/kitchen", "home/hall/light", "/lead", "a//b", "$own/x"];
    for (const topic of topics) broker.publish({ topic, payload: topic, retain: true });
    const level = async (query: string) => {
      const { items }: Page<TopicNode> = await get(`topics?${query}`);
      return items.map(({ level, topic, topics, hasChildren, value }) => {
        return [level, topic, topics, hasChildren, value?.text ?? null];
      });
    };
    assertEquals(await level(""), [
      ["", "", 1, true, null],
      ["$own", "$own", 1, true, null],
      ["a", "a", 1, true, null],
      ["home", "home", 3, true, null],
    ]);
    assertEquals(await level("under=home"), [
      ["hall", "home/hall", 1, true, null],
      ["kitchen", "home/kitchen", 2, true, "home/kitchen"],
    ]);
    assertEquals(await level("under=home/kitchen"), [["temp", "home/kitchen/temp", 1, false, "home/kitchen/temp"]]);
    assertEquals(await level("under="), [["lead", "/lead", 1, false, "/lead"]]);
    assertEquals(await level("under=a"), [["", "a/", 1, true, null]]);
    assertEquals(await level("under=a/"), [["b", "a//b", 1, false, "a//b"]]);
    assertEquals(await level("under=ho"), []);
    assertEquals(await level("under=home&q=HALL"), [["hall", "home/hall", 1, true, null]]);
  }),
);

Deno.test(
  "admin api: last values of other topics are recorded while somebody watches",
  withAdmin({}, async ({ broker, ask, get }) => {
    broker.publish({ topic: "before", payload: "unseen" });
    broker.publish({ topic: "both", payload: "old", retain: true });
    assertEquals((await get("topics")).recording, false);
    const stream = await ask("/api/v1/events?topics=true");
    for (let i = 0; i < 3; i++) broker.publish({ topic: "live/a", payload: `v${i}`, qos: 1 });
    broker.publish({ topic: "both", payload: "new" });
    broker.publish({ topic: "live/binary", payload: new Uint8Array(2_000).fill(0xfe) });
    const { items, recording }: { items: TopicNode[]; recording: boolean } = await get("topics");
    assertEquals(recording, true);
    assertEquals(items.map(({ topic, topics }) => [topic, topics]), [["both", 1], ["live", 2]]);
    assertEquals([items[0]?.value?.text, items[0]?.value?.retained], ["new", true]);
    const { items: [a, binary] }: Page<TopicNode> = await get("topics?under=live");
    assertEquals([a?.value?.text, a?.value?.messages, a?.value?.retained, a?.value?.qos], ["v2", 3, false, 1]);
    assertEquals([binary?.value?.text, binary?.value?.size], [null, 2_000]);
    const { last, retained } = await get("topic?topic=both");
    assertEquals([last.text, last.payload, retained.text, retained.payload], ["new", btoa("new"), "old", btoa("old")]);
    await stream.body?.cancel();
    assertEquals((await get("topics?under=live")).items, []);
    assertEquals((await get("topic?topic=live/a")).last, null);
  }),
);

Deno.test(
  "admin api: retained messages are listed, shown with properties, and deleted as a client would",
  withAdmin({}, async ({ broker, ask, get, connect, refused, clock }) => {
    const properties = {
      contentType: "text/plain",
      messageExpiryInterval: 60,
      correlationData: Uint8Array.of(1, 2),
      userProperties: [["a", "<b>"], ["a", "c"]] as [string, string][],
    };
    const expiresAt = clock.now() + 60_000;
    broker.publish({ topic: "a/b", payload: "hello", qos: 2, retain: true, properties });
    broker.publish({ topic: "a/c", payload: "x".repeat(300_000), retain: true });
    broker.publish({ topic: "$own", payload: "é".repeat(200), retain: true });
    assertEquals((await get("retained")).items.map((item: { topic: string }) => item.topic), ["$own", "a/b", "a/c"]);
    assertEquals((await get("retained?filter=%23&q=B")).items, [
      { topic: "a/b", expiresAt, qos: 2, size: 5, text: "hello", truncated: false },
    ]);
    const long = (await get("retained?q=a/c")).items[0];
    assertEquals([long.text, long.truncated, long.size], ["x".repeat(256), true, 300_000]);
    assertEquals(await get("retained/message?topic=a/b"), {
      topic: "a/b",
      expiresAt,
      qos: 2,
      size: 5,
      text: "hello",
      truncated: false,
      payload: btoa("hello"),
      payloadTruncated: false,
      properties: { ...properties, correlationData: "AQI=" },
    });
    assertEquals((await get("retained/message?topic=a/c")).payloadTruncated, true);
    const client = await connect();
    await client.subscribe("a/b");
    await client.expect("publish");
    const response = await ask("/api/v1/retained/message?topic=a/b", { method: "DELETE" });
    assertEquals(await response.json(), { done: true });
    await client.expect("publish", { topic: "a/b", payload: "" });
    for (const method of ["GET", "DELETE"]) await refused("/api/v1/retained/message?topic=a/b", 404, { method });
    broker.publish({ topic: "$SYS/broker/x", payload: "1", retain: true });
    await refused("/api/v1/retained/message?topic=$SYS/broker/x", 409, { method: "DELETE" });
  }),
);

Deno.test(
  "admin api: hostile texts in client identifiers, topics and payloads come back as they are, as JSON",
  withAdmin({}, async ({ broker, ask, get, connect }) => {
    for (const text of HOSTILE) {
      const client = await connect({ clientId: text, username: text });
      await client.subscribe(text.replaceAll(/[#+]/g, ""));
      broker.publish({ topic: `t/${text.replaceAll(/[#+]/g, "")}`, payload: text, retain: true });
    }
    const { items }: Page<ClientSummary> = await get("clients");
    assertEquals(new Set(items.map(({ clientId }) => clientId)), new Set(HOSTILE));
    for (const text of HOSTILE) {
      const details: ClientDetails = await get(`client?${new URLSearchParams({ id: text })}`);
      assertEquals([details.clientId, details.username], [text, text]);
      assertEquals(details.subscriptions.length, 1);
      assertGreater((await get(`clients?q=${encodeURIComponent(text)}`)).total, 0);
      const topic = `t/${text.replaceAll(/[#+]/g, "")}`;
      const message = await get(`retained/message?${new URLSearchParams({ topic })}`);
      assertEquals([message.topic, message.text], [topic, text]);
      assertEquals((await get(`topic?${new URLSearchParams({ topic })}`)).retained.text, text);
      const response = await ask("/api/v1/client/disconnect", { method: "POST", json: { clientId: text } });
      assertEquals(response.status, 200, text);
      await response.body?.cancel();
    }
    assertEquals((await get("clients")).total, 0);
  }),
);

Deno.test(
  "admin api: what the broker is, which log lines there are, and what can be used",
  withAdmin({ listeners: () => [{ hostname: "::1", port: 1883, protocol: "mqtt", connections: 3 }] }, async (test) => {
    const { broker, get, refused } = test;
    const info = await get("info");
    assertEquals(info.name, "@x/mqtt");
    assertEquals(info.listeners, [{ hostname: "::1", port: 1883, protocol: "mqtt", connections: 3 }]);
    assertEquals(info.store, null);
    assertEquals(info.features, { token: false, reload: false, log: false, mqtt: null });
    assertEquals(info.dropped, broker.counts().dropped);
    assertEquals(info.limits, broker.counts().limits);
    assertEquals(await get("bridges"), { items: [] });
    assertEquals(await get("log"), { lines: [] });
    assertEquals((await refused("/api/v1/reload", 409, { method: "POST" })).error, "conflict");
  }),
);

Deno.test(
  "admin api: reloading tells what was done",
  withAdmin({ reload: () => Promise.resolve({ ok: false, messages: ["line 7 is wrong"] }) }, async ({ get }) => {
    assertEquals(await get("reload", { method: "POST" }), { ok: false, messages: ["line 7 is wrong"] });
    assertEquals((await get("info")).features.reload, true);
  }),
);
