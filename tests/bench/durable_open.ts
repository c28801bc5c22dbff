/**
 * How long a broker takes to open a store of 1,000,000 queued and 100,000 retained messages, and what memory it takes.
 *
 * Run by `deno task bench durable`; alone, it prints one line.
 *
 * @module
 */

import { Broker } from "../../broker/mod.ts";
import { SqliteStore } from "../../broker/sqlite_store.ts";
import type { StoreWrite } from "../../broker/store.ts";
import { commitAll, deliveryOf, messageOf, sessionOf } from "./durable_records.ts";
import { residentBytes } from "./proc.ts";

const SESSIONS = 100;
const QUEUED = 1_000_000;
const RETAINED = 100_000;

function* contents(): Iterable<StoreWrite> {
  for (let id = 1; id <= SESSIONS; id++) yield { kind: "putSession", session: sessionOf(id) };
  for (let index = 0; index < QUEUED; index++) {
    const id = SESSIONS + 1 + 2 * index;
    yield { kind: "addMessage", id, references: 1, message: messageOf("a/b/c", false) };
    yield deliveryOf(1 + index % SESSIONS, id + 1, id);
  }
  for (let index = 0; index < RETAINED; index++) {
    const publisher = {
      clientId: `p${index % 100}`,
      username: "user",
      listener: ":1883",
      permissions: undefined,
      broker: undefined,
    };
    yield { kind: "putRetained", retained: { message: messageOf(`r/${index % 100}/${index}`, true), publisher } };
  }
}

async function open(path: string): Promise<string> {
  const before = residentBytes(Deno.pid);
  const start = performance.now();
  using store = SqliteStore.open(path);
  await using broker = new Broker({ store, maxQueuedMessages: QUEUED, sysInterval: 0 });
  const seconds = (performance.now() - start) / 1000;
  const { sessions, retained } = broker.counts();
  if (sessions !== SESSIONS || retained !== RETAINED) throw new Error("Cannot open the store: something is missing");
  const megabytes = (residentBytes(Deno.pid) - before) / 1e6;
  return `${seconds.toFixed(1)} s, ${megabytes.toFixed(0)} MB`;
}

if (import.meta.main) {
  // The broker has a process of its own, so that its memory is its own.
  const [path] = Deno.args;
  if (path !== undefined) console.log(await open(path));
  else {
    const folder = await Deno.makeTempDir({ prefix: "bench-" });
    try {
      commitAll(`${folder}/broker.db`, contents());
      const args = ["run", "-A", new URL(import.meta.url).pathname, `${folder}/broker.db`];
      const { stdout } = await new Deno.Command(Deno.execPath(), { args, stderr: "inherit" }).output();
      console.log(`1,000,000 queued and 100,000 retained messages open in ${new TextDecoder().decode(stdout).trim()}`);
    } finally {
      await Deno.remove(folder, { recursive: true });
    }
  }
}
