/** Both stores do what a store must do. */

import { assertEquals, assertStringIncludes } from "@std/assert";
import { MemoryStore } from "../../broker/memory_store.ts";
import { storeConformance } from "../../broker/store_conformance.ts";
import { memoryStore, SqliteUnderTest } from "./stores.ts";

for (const { name, run } of storeConformance(memoryStore)) Deno.test(`broker store in memory: ${name}`, run);

for (const durability of ["full", "normal"] as const) {
  const open = () => new SqliteUnderTest({ durability });
  for (const { name, run } of storeConformance(open)) Deno.test(`broker store in SQLite, ${durability}: ${name}`, run);
}

Deno.test("broker store conformance: a store that loses, doubles or changes something is found out", async () => {
  class Forgetful extends MemoryStore {
    override *wills() {}
  }
  class Doubling extends MemoryStore {
    override received() {
      return [...super.received(), ...super.received()];
    }
  }
  class Changing extends MemoryStore {
    override *retained() {
      for (const { message, publisher } of super.retained()) {
        yield { publisher, message: { ...message, payload: message.payload.map((byte) => byte ^ 1) } };
      }
    }
  }
  for (const Kind of [Forgetful, Doubling, Changing]) {
    const results = storeConformance(() => ({ ...memoryStore(), store: new Kind() })).map(({ run }) => run());
    const refused = (await Promise.allSettled(results)).filter(({ status }) => status === "rejected");
    assertEquals(refused.length > 0, true, Kind.name);
    for (const result of refused) {
      assertStringIncludes(String(result.status === "rejected" && result.reason), "must give");
    }
  }
});
