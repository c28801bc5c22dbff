/** Both stores do what a store must do. */

import { storeConformance } from "../../broker/store_conformance.ts";
import { memoryStore, SqliteUnderTest } from "./stores.ts";

for (const { name, run } of storeConformance(memoryStore)) Deno.test(`broker store in memory: ${name}`, run);

for (const durability of ["full", "normal"] as const) {
  const open = () => new SqliteUnderTest({ durability });
  for (const { name, run } of storeConformance(open)) Deno.test(`broker store in SQLite, ${durability}: ${name}`, run);
}
