/**
 * Migrates the store that its argument names, and kills itself when all is done but the commit.
 *
 * @module
 */

import { DatabaseSync } from "node:sqlite";
import { migrateSchema, MIGRATIONS, schemaVersionOf } from "../../broker/sqlite_schema.ts";

const db = new DatabaseSync(Deno.args[0] ?? "");
db.function("kill_me", () => {
  console.log("migrated");
  Deno.kill(Deno.pid, "SIGKILL");
  return 0;
});
migrateSchema(db, schemaVersionOf(db), [...MIGRATIONS, "SELECT kill_me()"]);
