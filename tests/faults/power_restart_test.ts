/** What a store finds when its process was killed is on the disk before anything is said on the strength of it. */

import { assertEquals, assertGreater } from "@std/assert";
import { SqliteStore as BrokerStore } from "../../broker/sqlite_store.ts";
import { SqliteStore as ClientStore } from "../../client/sqlite_store.ts";
import { bounded } from "../support/broker.ts";
import { RunningProcess } from "../support/process.ts";
import { Disk, type Loss } from "./power_disk.ts";
import { type Call, canTrace, deathAtSync, type Fault, readTrace, traceArguments } from "./power_trace.ts";

/** It takes fewer syncs to make a store. */
const DEATH = deathAtSync(100);
const FULL_DISK: Fault = "pwrite64:error=ENOSPC";
/** What was not synced is lost. */
const WORST: Loss = { names: "old", contents: "old", garbage: false };
const NONE: Loss = { names: "new", contents: "new", garbage: false };

const ignore = !await canTrace();

/** What the script `store_opener.ts` has put into a store. */
function readNumber(owner: string, path: string): number {
  if (owner === "client") {
    using store = ClientStore.open(path);
    return Number(store.load().clientId);
  }
  using store = BrokerStore.open(path);
  const [last] = store.retained();
  return last === undefined ? 0 : Number(new TextDecoder().decode(last.message.payload));
}

/** What the script says that it has found. */
function numberFound(call: Call): number | undefined {
  const found = call.kind === "other" && call.name === "write" && call.texts[0]?.match(/^found (\d+)\n$/);
  return found ? Number(found[1]) : undefined;
}

async function killAndOpen(owner: string, fault?: Fault): Promise<void> {
  const folder = await Deno.makeTempDir({ prefix: "faults-" });
  await Deno.mkdir(`${folder}/store`);
  const start = (trace: string, fault?: Fault) => {
    const script = ["run", "-A", "tests/faults/scripts/store_opener.ts", owner, `${folder}/store/a.db`];
    return new RunningProcess("strace", [...traceArguments(trace, fault), Deno.execPath(), ...script]);
  };
  const disk = new Disk(`${folder}/store`);
  const numberAfter = (loss: Loss) => disk.lose(loss, () => 0, (copy) => readNumber(owner, `${copy}/a.db`));
  try {
    await start(`${folder}/first`, DEATH).ended();
    for (const call of await readTrace(`${folder}/first`)) disk.apply(call);
    assertGreater(await numberAfter(NONE), await numberAfter(WORST));
    disk.closeAll();
    await using second = start(`${folder}/second`, fault);
    await second.waitForLine(/^found/);
    await second.stop("SIGKILL");
    for (const call of await readTrace(`${folder}/second`)) {
      disk.apply(call);
      const found = numberFound(call);
      if (found !== undefined) assertEquals(await numberAfter(WORST), found);
    }
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

for (const owner of ["broker", "client"]) {
  Deno.test(
    `${owner} SQLite store: what is found after a kill outlives a loss of power`,
    { ignore },
    () => bounded(() => killAndOpen(owner), 60_000),
  );

  Deno.test(
    `${owner} SQLite store: the same on a full disk, where it opens as well`,
    { ignore },
    () => bounded(() => killAndOpen(owner, FULL_DISK), 60_000),
  );
}
