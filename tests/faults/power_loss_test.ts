/**
 * A broker whose machine loses power at any moment: what it has acknowledged is never lost.
 *
 * A broker is traced, and from its trace folders are made as a disk may hold them when the power fails at one moment or
 * another; what the broker had acknowledged by then must be in them. `deno task faults` looks at many more moments.
 */

import { assertEquals, assertGreater } from "@std/assert";
import { DatabaseSync } from "node:sqlite";
import { type Durability, SqliteStore } from "../../broker/sqlite_store.ts";
import { bounded, startBroker } from "../support/broker.ts";
import { startBrokerProcess } from "../support/process.ts";
import { random } from "../support/random.ts";
import { RawClient } from "../support/raw_client.ts";
import { brokenPromises } from "./power_check.ts";
import { anyLoss, Disk } from "./power_disk.ts";
import { liveThreeLives, READERS, TracedBroker } from "./power_load.ts";
import { type Call, canTrace, deathAtSync, type Fault, readTrace } from "./power_trace.ts";
import { numberOf, Witness } from "./power_witness.ts";

const ROUNDS = Number(Deno.env.get("FAULT_ROUNDS") ?? 12);
const SEED = Number(Deno.env.get("FAULT_SEED") ?? 7);
/** How often a disk is looked at in a round. */
const LOOKS = { full: 20, normal: 8 };
/** After so many of them, a broker takes up what is left; and after so many, one of its own process does. */
const BROKER = 16;
const PROGRAM = 100;
const LASTING = { cleanStart: false, properties: { sessionExpiryInterval: 100_000 } };

const ignore = !await canTrace();
if (ignore) console.log("The tests of losses of power are skipped: strace is not there, or may not trace");

/** What came of the moments that were looked at. */
interface Outcome {
  readonly moments: number;
  /** A line for each moment at which promises were broken. */
  readonly broken: readonly string[];
}

/** All that was traced, with undefined at the end of each life. */
async function readLives({ traces }: TracedBroker): Promise<(Call | undefined)[]> {
  const calls: (Call | undefined)[] = [];
  for (const file of traces) calls.push(...await readTrace(file), undefined);
  return calls;
}

/** How often to look at which moments: half of all looks go to those at which something happens that happens seldom. */
function chooseMoments(
  calls: readonly (Call | undefined)[],
  folder: string,
  looks: number,
  next: () => number,
): Map<number, number> {
  const disk = new Disk(folder);
  const all: number[] = [];
  const rare: number[] = [];
  for (const [at, call] of calls.entries()) {
    if (call === undefined) disk.closeAll();
    if (call === undefined || !disk.apply(call) && call.kind !== "send") continue;
    all.push(at);
    if (isRare(call)) rare.push(at);
  }
  const chosen = new Map<number, number>();
  for (let left = looks; left > 0; left--) {
    const from = left % 2 === 0 ? all : rare;
    const at = from[Math.floor(next() * from.length)];
    if (at !== undefined) chosen.set(at, (chosen.get(at) ?? 0) + 1);
  }
  return chosen;
}

/** All that makes, removes or shortens a file, and a new beginning of the log of changes. */
function isRare(call: Call): boolean {
  return call.kind === "open" || call.kind === "unlink" || call.kind === "truncate" ||
    call.kind === "write" && call.offset === 0;
}

async function lookAt(
  calls: readonly (Call | undefined)[],
  { folder }: TracedBroker,
  looks: number,
  next: () => number,
): Promise<Outcome> {
  const chosen = chooseMoments(calls, folder, looks, next);
  const disk = new Disk(folder);
  const witness = new Witness();
  const broken: string[] = [];
  let looked = 0;
  for (const [at, call] of calls.entries()) {
    follow(disk, witness, call);
    for (let looks = chosen.get(at) ?? 0; looks > 0; looks--) {
      const loss = anyLoss(next);
      const moment = `${at} of ${calls.length}, ${call?.kind}, ${JSON.stringify(loss)}`;
      const promises = await disk.lose(loss, next, (copy) => judge(`${copy}/broker.db`, witness, ++looked))
        .catch((cause) => {
          throw new Error(`The store is not whole: ${moment}`, { cause });
        });
      if (promises.length > 0) broken.push(`${moment}: ${promises.slice(0, 5).join("; ")}`);
    }
  }
  assertGreater(witness.promises, 500);
  return { moments: looked, broken };
}

function follow(disk: Disk, witness: Witness, call: Call | undefined): void {
  if (call === undefined) {
    disk.closeAll();
    return witness.closeAll();
  }
  disk.apply(call);
  witness.follow(call);
}

/** The promises that a store does not keep. It must be whole in any case. */
async function judge(path: string, witness: Witness, moment: number): Promise<string[]> {
  const { broken, queue } = read(path, witness);
  if (moment % PROGRAM === 0) {
    await using broker = await startBrokerProcess(["--store", path, "--max-queued", "1000000"]);
    assertEquals(await fetchAll(broker.port, queue.length), queue);
  } else if (moment % BROKER === 0) {
    using store = SqliteStore.open(path, { durability: "normal" });
    await using broker = await startBroker({ store, sysInterval: 0 });
    assertEquals(await fetchAll(broker.port, queue.length), queue);
  }
  const db = new DatabaseSync(path);
  assertEquals(db.prepare("PRAGMA integrity_check").all().map((row) => ({ ...row })), [{ integrity_check: "ok" }]);
  db.close();
  return broken;
}

/** What of a store is promised and not there, and what waits in it for who is away. */
function read(path: string, witness: Witness): { readonly broken: string[]; readonly queue: string[] } {
  using store = SqliteStore.open(path, { durability: "normal" });
  const away = [...store.sessions()].find(({ clientId }) => clientId === "away")?.id ?? 0;
  const queue = store.queued(away, 0, 1_000_000).map(({ message }) => nameOf(message));
  return { broken: brokenPromises(store, witness, READERS), queue };
}

function nameOf({ topic, payload }: { readonly topic: string; readonly payload: Uint8Array }): string {
  return `${topic} ${numberOf(payload)}`;
}

/** What comes to who was away. */
async function fetchAll(port: number, count: number): Promise<string[]> {
  await using client = await RawClient.connect(port, { clientId: "away", autoAck: true, ...LASTING });
  const found: string[] = [];
  while (found.length < count) found.push(nameOf(await client.take("publish")));
  const more = (await client.barrier()).filter((packet) => packet.type === "publish");
  return [...found, ...more.map(nameOf)];
}

async function losePower(durability: Durability, death?: Fault): Promise<Outcome> {
  const folder = await Deno.makeTempDir({ prefix: "faults-" });
  try {
    await using broker = new TracedBroker(folder, ["--durability", durability]);
    await liveThreeLives(broker, SEED, death);
    const outcome = await lookAt(await readLives(broker), broker, ROUNDS * LOOKS[durability], random(SEED));
    const { moments, broken } = outcome;
    console.log(`durability ${durability}, seed ${SEED}: ${moments} losses of power, ${broken.length} with losses`);
    return outcome;
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

Deno.test(
  "broker store: a loss of power at any moment loses nothing acknowledged",
  { ignore },
  () =>
    bounded(async () => {
      // Between a write and its sync: what the next one finds may not be on the disk.
      const { broken } = await losePower("full", deathAtSync(250));
      assertEquals(broken, []);
    }, 60_000 + ROUNDS * 5_000),
);

Deno.test(
  "broker store: with durability normal, a loss of power leaves a whole store, and this test finds what is lost",
  { ignore },
  () =>
    bounded(async () => {
      const { broken } = await losePower("normal");
      assertGreater(broken.length, 0);
    }, 60_000 + ROUNDS * 5_000),
);
