/** The SQLite store refuses files that it must not touch, says why, and takes a failed commit back as a whole. */

import { assert, assertEquals, assertInstanceOf, assertStringIncludes, assertThrows } from "@std/assert";
import { DatabaseSync } from "node:sqlite";
import { SCHEMA_VERSION } from "../../broker/sqlite_schema.ts";
import { explain } from "../../broker/sqlite_errors.ts";
import { SqliteStore } from "../../broker/sqlite_store.ts";
import type { StoreWrite } from "../../broker/store.ts";
import { addDelivery, addMessage, message, putSession, will } from "../../broker/store_shelf.ts";
import { runProcess } from "../support/process.ts";
import { SqliteUnderTest } from "./stores.ts";

/** The message of the error that opening the file ends with. */
function openError(path: string): string {
  const error = assertThrows(() => SqliteStore.open(path));
  assertInstanceOf(error, Error);
  assertStringIncludes(error.message, `Cannot open store ${path}: `);
  return error.message;
}

function session(id: number): StoreWrite {
  const rest = { username: undefined, expiryInterval: 60, endedAt: undefined, access: undefined };
  const record = { id, clientId: `c${id}`, ...rest };
  return { kind: "putSession", session: record };
}

/** Changes the file as only another program would. */
function tamper(path: string, sql: string): void {
  const db = new DatabaseSync(path);
  db.exec(sql);
  db.close();
}

Deno.test("broker SQLite store: a file of another kind is refused and left as it is", async () => {
  await using test = new SqliteUnderTest();
  const text = "no database, but someone's notes. ".repeat(200);
  await Deno.writeTextFile(test.path, text);
  assertStringIncludes(openError(test.path), "it must be a store of this broker");
  assertEquals(await Deno.readTextFile(test.path), text);
});

Deno.test("broker SQLite store: a database of another program is refused and left as it is", async () => {
  await using test = new SqliteUnderTest();
  tamper(test.path, "CREATE TABLE bookmarks (url TEXT)");
  const before = await Deno.readFile(test.path);
  assertStringIncludes(openError(test.path), "it must be a store of this broker, received a database of another");
  assertEquals(await Deno.readFile(test.path), before);
});

Deno.test("broker SQLite store: a store of a newer version is refused", async () => {
  await using test = new SqliteUnderTest();
  test.store.commit([session(1)]);
  test.close();
  tamper(test.path, "PRAGMA user_version = 1000");
  const reason = `its version must be at most ${SCHEMA_VERSION}, received 1000, made by a newer broker`;
  assertStringIncludes(openError(test.path), reason);
  tamper(test.path, `PRAGMA user_version = ${SCHEMA_VERSION}`);
  assertEquals([...test.store.sessions()].length, 1);
});

Deno.test("broker SQLite store: an empty file becomes a store", async () => {
  await using test = new SqliteUnderTest();
  await Deno.writeFile(test.path, new Uint8Array(0));
  test.store.commit([session(1)]);
  test.reopen();
  assertEquals([...test.store.sessions()].length, 1);
});

Deno.test({
  name: "broker SQLite store: what is stored is for its owner alone; a file that is there keeps its permissions",
  ignore: Deno.build.os === "windows",
  async fn() {
    await using test = new SqliteUnderTest();
    test.store.commit([session(1)]);
    assertEquals(test.permissions(), [".db 600", ".db-wal 600"]);
    test.close();
    await Deno.chmod(test.path, 0o640);
    test.store.commit([]);
    assertEquals(test.permissions(), [".db 640", ".db-wal 640"]);
  },
});

Deno.test("broker SQLite store: a folder, and a file in a folder that is not there, are refused", async () => {
  await using test = new SqliteUnderTest();
  assertStringIncludes(openError(`${test.path}/nowhere/broker.db`), "it must be a file in a folder that exists");
  await Deno.mkdir(test.path);
  assertStringIncludes(openError(test.path), "it must be a file in a folder that exists");
  // SQLite makes this a database that is gone when it is closed.
  assertThrows(() => SqliteStore.open(""), RangeError, "path must not be empty");
});

Deno.test("broker SQLite store: one that is in use is refused, in this process and in another", async () => {
  await using test = new SqliteUnderTest();
  test.store.commit([session(1)]);
  assertStringIncludes(openError(test.path), "no other program may use it");
  const { code, stderr } = await runProcess(Deno.execPath(), [
    "run",
    "-A",
    "broker/mod.ts",
    "--port",
    "0",
    "--store",
    test.path,
  ]);
  assertEquals(code, 1);
  assertStringIncludes(stderr, `Cannot open store ${test.path}: no other program may use it`);
  test.store.commit([session(2)]);
  test.reopen();
  assertEquals([...test.store.sessions()].length, 2);
});

Deno.test("broker SQLite store: a damaged file is refused when it is opened or read", async () => {
  await using test = new SqliteUnderTest();
  const payload = new Uint8Array(3_000).fill(1);
  const message = { topic: "a", qos: 1, retain: true, properties: payload, payload, expiresAt: Infinity } as const;
  const topics = Array.from({ length: 100 }, (_, index) => `topic/${index}`);
  const publisher = undefined;
  test.store.commit(
    topics.map((topic) => ({ kind: "putRetained", retained: { message: { ...message, topic }, publisher } })),
  );
  test.close();
  const bytes = await Deno.readFile(test.path);
  await Deno.writeFile(test.path, bytes.fill(0x5a, 4_096 * 2));
  const error = assertThrows(() => {
    using store = SqliteStore.open(test.path);
    return [...store.retained()];
  });
  assertInstanceOf(error, Error);
  assertStringIncludes(error.message, "it must be undamaged");
});

Deno.test("broker SQLite store: a commit that finds no room changes nothing, and works when there is room", async () => {
  await using test = new SqliteUnderTest();
  test.store.commit([session(1)]);
  test.close();
  const large = {
    kind: "putRetained",
    retained: {
      message: {
        topic: "large",
        qos: 1,
        retain: true,
        properties: new Uint8Array(0),
        payload: new Uint8Array(1_000_000),
        expiresAt: Infinity,
      },
      publisher: undefined,
    },
  } as const;
  const { size } = await Deno.stat(test.path);
  const limited = SqliteStore.open(test.path, { maxBytes: size + 40_960 });
  const error = assertThrows(() => limited.commit([session(2), large, session(3)]));
  assertInstanceOf(error, Error);
  assertStringIncludes(error.message, `Cannot write to store ${test.path}: its disk must have room`);
  assertEquals([...limited.sessions()].map(({ id }) => id), [1]);
  limited.commit([session(4)]);
  limited.close();
  test.store.commit([session(2), large]);
  assertEquals([...test.store.sessions()].map(({ id }) => id), [1, 2, 4]);
});

Deno.test("broker SQLite store: rights that nobody can read are an error, not more rights", async () => {
  await using test = new SqliteUnderTest();
  const access = { clientId: "a", username: "ann", listener: undefined, permissions: undefined, broker: undefined };
  const record = { id: 1, clientId: "a", username: "ann", expiryInterval: 60, endedAt: 0, access };
  test.store.commit([{ kind: "putSession", session: record }]);
  test.close();
  tamper(test.path, "UPDATE session SET access = '{'");
  assertThrows(() => [...test.store.sessions()], TypeError, "Cannot read the store: access must be JSON, received {");
});

Deno.test("broker SQLite store: what SQLite says about a disk that fails is explained", () => {
  for (
    const [errcode, text] of [[1034, "its disk must work"], [10, "its disk must work"], [13, "have room"]] as const
  ) {
    const error = Object.assign(new Error("disk I/O error"), { errcode });
    assertStringIncludes(explain("Cannot write", error).message, text);
  }
});

Deno.test("broker SQLite store: a commit that fails in the middle leaves nothing for the next one", async () => {
  await using test = new SqliteUnderTest();
  test.store.commit([session(1)]);
  const bytes = new Uint8Array(0);
  const message = {
    topic: "a",
    qos: 1,
    retain: false,
    properties: bytes,
    payload: bytes,
    expiresAt: Infinity,
  } as const;
  const add = (id: number): StoreWrite => ({ kind: "addMessage", id, references: 1, message });
  // The last ones are there already, which is found when earlier ones have gone in.
  const many = Array.from({ length: 40 }, (_, at) => add(10 + at % 30));
  assertThrows(() => test.store.commit([session(2), ...many, { kind: "addReceived", session: 1, packetId: 3 }]));
  test.store.commit([session(3)]);
  assertEquals([...test.store.sessions()].map(({ id }) => id), [1, 3]);
  assertEquals([test.store.highestNumber(), [...test.store.received()]], [3, []]);
});

Deno.test("broker SQLite store: it keeps little memory, and its log stays short", async () => {
  await using test = new SqliteUnderTest({ durability: "normal" });
  const payload = new Uint8Array(1_000);
  const message = { topic: "a", qos: 1, retain: false, properties: payload, payload, expiresAt: Infinity } as const;
  const state = { phase: "queued" } as const;
  const rest = { qos: 1, retain: false, subscriptionIds: undefined, share: undefined, size: 2_000, state } as const;
  test.store.commit([session(1)]);
  for (let at = 0; at < 50; at++) {
    const writes: StoreWrite[] = [];
    for (let id = 1 + at * 1_000; id <= (at + 1) * 1_000; id++) {
      writes.push({ kind: "addMessage", id, references: 1, message });
      writes.push({ kind: "addDelivery", delivery: { session: 1, position: id, message: id, ...rest } });
    }
    test.store.commit(writes);
  }
  const log = await Deno.stat(`${test.path}-wal`);
  assert(log.size < 64 * 1024 * 1024, `the log has ${log.size} bytes`);
  assertEquals(test.store.queued(1, 40_000, 1)[0]?.delivery.position, 40_000);
});

/** Sets the machine's clock for this process by so many milliseconds, until it is disposed. */
function setClock(milliseconds: number): Disposable {
  const { now } = Date;
  Date.now = () => now() + milliseconds;
  return { [Symbol.dispose]: () => void (Date.now = now) };
}

/** All times in a store. */
function timesIn({ store }: SqliteUnderTest): (number | undefined)[] {
  return [
    ...[...store.sessions()].map(({ endedAt }) => endedAt),
    ...store.queued(1, 0, 10).map(({ message }) => message.expiresAt),
    ...[...store.retained()].map(({ message }) => message.expiresAt),
    ...[...store.wills()].map(({ dueAt }) => dueAt),
  ].map((time) => time === undefined ? undefined : Math.round(time / 1_000));
}

Deno.test("broker SQLite store: times that were written before the machine knew the date are put right, once", async () => {
  const days = 3 * 86_400_000;
  await using test = new SqliteUnderTest();
  test.store.commit([
    putSession(1, { endedAt: 10_000_000 }),
    putSession(2),
    addMessage(3, 2, { expiresAt: 20_000_000 }),
    addDelivery(1, 4, 3),
    addDelivery(2, 5, 3),
    { kind: "putRetained", retained: { message: message({ expiresAt: 30_000_000 }), publisher: undefined } },
    { kind: "putWill", will: will(1, { dueAt: 40_000_000 }) },
    { kind: "putWill", will: will(2) },
  ]);
  const times = [10_000, undefined, 20_000, 30_000, 40_000, undefined];
  test.reopen();
  assertEquals(timesIn(test), times);
  {
    using _ = setClock(days);
    test.store.commit([putSession(6)]);
  }
  const [ended, , expires, retained, due] = times.map((time) => (time ?? 0) + days / 1_000);
  for (let reopening = 0; reopening < 2; reopening++) {
    test.reopen();
    assertEquals(timesIn(test), [ended, undefined, undefined, expires, retained, due, undefined]);
  }
});

Deno.test("broker SQLite store: what a commit that failed has noted about the date is noted again", async () => {
  await using test = new SqliteUnderTest();
  test.store.commit([putSession(1, { endedAt: 10_000_000 }), addMessage(2)]);
  {
    using _ = setClock(5_000_000);
    assertThrows(() => test.store.commit([addMessage(2)]));
    test.store.commit([addMessage(3)]);
  }
  test.reopen();
  assertEquals(timesIn(test), [15_000]);
});
