/** The stores of the client: each keeps what it is told to; the SQLite one leaves alone what is not its own. */

import { assertEquals, assertInstanceOf, assertRejects, assertStringIncludes, assertThrows } from "@std/assert";
import { DatabaseSync } from "node:sqlite";
import { SqliteStore as BrokerStore } from "../../broker/sqlite_store.ts";
import { connect } from "../../client/mod.ts";
import { SqliteStore } from "../../client/sqlite_store.ts";
import { ClientStore, type StoredState } from "../../client/store.ts";
import { bounded, startBroker } from "../support/broker.ts";
import { runProcess } from "../support/process.ts";
import { add, clientStoreConformance } from "./store_conformance.ts";
import { memoryStore, SqliteUnderTest } from "./stores.ts";

for (const { name, run } of clientStoreConformance(memoryStore)) Deno.test(`client memory store: ${name}`, run);
for (const { name, run } of clientStoreConformance(() => new SqliteUnderTest())) {
  Deno.test(`client SQLite store: ${name}`, run);
}

/** The message of the error that opening the file ends with. */
function openError(path: string): string {
  const error = assertThrows(() => SqliteStore.open(path));
  assertInstanceOf(error, Error);
  assertStringIncludes(error.message, `Cannot open store ${path}: `);
  return error.message;
}

/** Changes the file as only another program would. */
function tamper(path: string, sql: string): void {
  const db = new DatabaseSync(path);
  db.exec(sql);
  db.close();
}

function count(store: SqliteStore): number {
  return [...store.load().publications].length;
}

Deno.test("client SQLite store: a file of another kind is refused and left as it is", async () => {
  await using test = new SqliteUnderTest();
  const text = "no database, but someone's notes. ".repeat(200);
  await Deno.writeTextFile(test.path, text);
  assertStringIncludes(openError(test.path), "it must be a store of this client");
  assertEquals(await Deno.readTextFile(test.path), text);
});

Deno.test("client SQLite store: a database of another program, such as a broker's store, is refused and left as it is", async () => {
  await using test = new SqliteUnderTest();
  for (const make of [() => BrokerStore.open(test.path).close(), () => tamper(test.path, "CREATE TABLE url (a)")]) {
    make();
    const before = await Deno.readFile(test.path);
    assertStringIncludes(openError(test.path), "it must be a store of this client, received a database of another");
    assertEquals(await Deno.readFile(test.path), before);
    await Deno.remove(test.path);
  }
});

Deno.test({
  name: "client SQLite store: what is stored is for its owner alone; a file that is there keeps its permissions",
  ignore: Deno.build.os === "windows",
  async fn() {
    await using test = new SqliteUnderTest();
    test.store.commit([add(1)]);
    assertEquals(test.permissions(), [".db 600", ".db-wal 600"]);
    test.close();
    await Deno.chmod(test.path, 0o640);
    test.store.commit([]);
    assertEquals(test.permissions(), [".db 640", ".db-wal 640"]);
  },
});

Deno.test("client SQLite store: a store of a newer version is refused", async () => {
  await using test = new SqliteUnderTest();
  test.store.commit([add(1)]);
  test.close();
  tamper(test.path, "PRAGMA user_version = 1000");
  assertStringIncludes(openError(test.path), "its version must be at most 1, received 1000, made by a newer client");
  tamper(test.path, "PRAGMA user_version = 1");
  assertEquals(count(test.store), 1);
});

Deno.test("client SQLite store: an empty file becomes a store", async () => {
  await using test = new SqliteUnderTest();
  await Deno.writeFile(test.path, new Uint8Array(0));
  test.store.commit([add(1)]);
  test.reopen();
  assertEquals(count(test.store), 1);
});

Deno.test("client SQLite store: a folder, and a file in a folder that is not there, are refused", async () => {
  await using test = new SqliteUnderTest();
  assertStringIncludes(openError(`${test.path}/nowhere/client.db`), "it must be a file in a folder that exists");
  await Deno.mkdir(test.path);
  assertStringIncludes(openError(test.path), "it must be a file in a folder that exists");
  // SQLite makes this a database that is gone when it is closed.
  assertThrows(() => SqliteStore.open(""), RangeError, "path must not be empty");
});

Deno.test("client SQLite store: one that is in use is refused, in this process and in another", async () => {
  await using test = new SqliteUnderTest();
  test.store.commit([add(1)]);
  assertStringIncludes(openError(test.path), "no other client may use it");
  const script = `import { SqliteStore } from "./client/sqlite_store.ts"; SqliteStore.open("${test.path}");`;
  const { code, stderr } = await runProcess(Deno.execPath(), ["eval", script]);
  assertEquals(code, 1);
  assertStringIncludes(stderr, `Cannot open store ${test.path}: no other client may use it`);
  test.store.commit([add(2)]);
  test.reopen();
  assertEquals(count(test.store), 2);
});

Deno.test("client SQLite store: a damaged file is refused, or its damage is told when it is read", async () => {
  await using test = new SqliteUnderTest();
  for (let number = 1; number <= 200; number++) test.store.commit([add(number, { payload: new Uint8Array(500) })]);
  test.close();
  const bytes = await Deno.readFile(test.path);
  bytes.fill(0x5a, 8_192, 40_960);
  await Deno.writeFile(test.path, bytes);
  const error = assertThrows(() => test.store.load());
  assertInstanceOf(error, Error);
  assertStringIncludes(error.message, "it must be undamaged");
});

Deno.test("client SQLite store: a commit for which there is no room is taken back as a whole", async () => {
  await using test = new SqliteUnderTest({ maxBytes: 60_000 });
  test.store.commit([add(1)]);
  const error = assertThrows(() => test.store.commit([add(2), add(3, { payload: new Uint8Array(100_000) })]));
  assertInstanceOf(error, Error);
  assertStringIncludes(error.message, `Cannot write to store ${test.path}: its disk must have room`);
  test.store.commit([add(4)]);
  assertEquals([...test.store.load().publications].map(({ number }) => number), [1, 4]);
  test.reopen();
  assertEquals([...test.store.load().publications].map(({ number }) => number), [1, 4]);
});

Deno.test("client SQLite store: what its disk has no room for is refused, the rest goes on", () =>
  bounded(async () => {
    await using running = await startBroker({ sysInterval: 0 });
    await using test = new SqliteUnderTest({ maxBytes: 60_000 });
    const reconnect = { initial: true, minimumDelay: 1, maximumDelay: 10 };
    await using client = await connect(`mqtt://127.0.0.1:${running.port}`, { store: test.store, reconnect });
    assertEquals((await client.publish("a", "small", { qos: 2 })).ok, true);
    const refused = client.publish("a", new Uint8Array(100_000), { qos: 2 });
    await assertRejects(() => refused, Error, "its disk must have room");
    const publish = () => client.publish("a", "small again", { qos: 2 }).catch(() => ({ ok: false }));
    // It is asked again after a second.
    while (!(await publish()).ok) await new Promise((resolve) => setTimeout(resolve, 20));
    await client.stored;
    assertEquals([...test.store.load().publications], []);
  }));

/** A store that never says what it holds. */
class SilentStore extends ClientStore {
  override load(): Promise<StoredState> {
    return new Promise(() => {});
  }

  override commit(): void {}
}

Deno.test("client: a signal ends the wait for a store that does not answer, which is then free", () =>
  bounded(async () => {
    const store = new SilentStore();
    for (let i = 0; i < 2; i++) {
      const signal = AbortSignal.timeout(1);
      const error = await assertRejects(() => connect("mqtt://127.0.0.1:1", { store, signal }), DOMException);
      assertEquals(error.name, "TimeoutError");
    }
  }));
