/** Stores of earlier versions become stores of this one, as a whole or not at all, and lose nothing. */

import { assertEquals, assertInstanceOf, assertStringIncludes, assertThrows } from "@std/assert";
import { DatabaseSync } from "node:sqlite";
import { SCHEMA_VERSION } from "../../broker/sqlite_schema.ts";
import { SqliteStore } from "../../broker/sqlite_store.ts";
import { bounded, startBroker } from "../support/broker.ts";
import { runProcess } from "../support/process.ts";
import { RawClient } from "../support/raw_client.ts";
import { LASTING } from "./lives.ts";
import { SqliteUnderTest } from "./stores.ts";

/** A file of version 1. */
async function versionOne(): Promise<SqliteUnderTest> {
  const test = new SqliteUnderTest();
  const db = new DatabaseSync(test.path);
  db.exec(await Deno.readTextFile(new URL("store_version_1.sql", import.meta.url)));
  db.close();
  return test;
}

/** What `look` reads from a file, as any program could. */
function inspect(path: string, sql: string): unknown[] {
  const db = new DatabaseSync(path);
  const rows = db.prepare(sql).all().map((row) => ({ ...row }));
  db.close();
  return rows;
}

function versionOf(path: string): unknown {
  return inspect(path, "PRAGMA user_version");
}

Deno.test("broker SQLite store: one of version 1 is migrated and loses nothing", () =>
  bounded(async () => {
    await using test = await versionOne();
    {
      await using running = await startBroker({ store: test.store, sysInterval: 0 });
      await using reader = await RawClient.connect(running.port, { clientId: "reader", username: "ann", ...LASTING });
      assertEquals(reader.connack?.sessionPresent, true);
      await reader.expect("pubrel", { packetId: 1 });
      await reader.expect("publish", { topic: "a/2", payload: "sent", packetId: 2, dup: true });
      const properties = { payloadFormatIndicator: 0 as const, subscriptionIdentifiers: [7] };
      await reader.expect("publish", { topic: "a/3", payload: "queued", dup: false, retain: true, properties });
      await reader.send({ type: "pubrel", packetId: 9, reasonCode: 0 });
      await reader.expect("pubcomp", { packetId: 9, reasonCode: 0 });
      await reader.subscribe("r/#", { qos: 1 });
      await reader.expect("publish", { topic: "r/1", payload: "kept" });
      await reader.expect("publish", { topic: "r/2", properties: { payloadFormatIndicator: 1 } });
      await using watcher = await RawClient.connect(running.port, { clientId: "watcher", ...LASTING });
      await watcher.expect("publish", { topic: "will", payload: "gone" });
      assertEquals(running.broker.counts().sessions, 3);
    }
    test.close();
    assertEquals(versionOf(test.path), [{ user_version: SCHEMA_VERSION }]);
    assertEquals([...test.store.retained()].map(({ publisher }) => publisher), [undefined, undefined]);
  }));

Deno.test("broker SQLite store: a kill in the middle of a migration leaves the version before", () =>
  bounded(async () => {
    await using test = await versionOne();
    const schema = inspect(test.path, "SELECT * FROM sqlite_schema");
    const { code, stdout } = await runProcess(Deno.execPath(), [
      "run",
      "-A",
      "tests/broker/migration_killer.ts",
      test.path,
    ]);
    assertEquals([stdout, code], ["migrated\n", 137]);
    assertEquals(versionOf(test.path), [{ user_version: 1 }]);
    assertEquals(inspect(test.path, "SELECT * FROM sqlite_schema"), schema);
    assertEquals([...test.store.sessions()].map(({ clientId }) => clientId), ["reader", "watcher", "connected"]);
    test.close();
    assertEquals(versionOf(test.path), [{ user_version: SCHEMA_VERSION }]);
  }));

Deno.test("broker SQLite store: a kill while a file is made leaves one that can be used", () =>
  bounded(async () => {
    await using test = new SqliteUnderTest();
    const args = ["run", "-A", "tests/broker/migration_killer.ts", test.path];
    assertEquals((await runProcess(Deno.execPath(), args)).code, 137);
    assertEquals([...test.store.sessions()], []);
  }));

Deno.test("broker SQLite store: an empty database of another program is refused and left as it is", async () => {
  await using test = new SqliteUnderTest();
  const db = new DatabaseSync(test.path);
  db.exec("PRAGMA application_id = 7; CREATE TABLE a (b); DROP TABLE a");
  db.close();
  const error = assertThrows(() => SqliteStore.open(test.path));
  assertInstanceOf(error, Error);
  assertStringIncludes(error.message, "received a database of another program");
});
