/**
 * A script whose machine loses power at any moment: what its store has said to have, and what it has sent, is there for
 * the next run, which goes on with it as it would have done itself.
 */

import { assertEquals, assertGreater } from "@std/assert";
import { SqliteStore, type StoredState } from "../../client/sqlite_store.ts";
import { decodePacket } from "../../codec/decode.ts";
import { Framer } from "../../codec/framer.ts";
import type { Packet } from "../../codec/packets.ts";
import { bounded, startBroker } from "../support/broker.ts";
import { RunningProcess } from "../support/process.ts";
import { random } from "../support/random.ts";
import { toText } from "../support/raw_packets.ts";
import { anyLoss, Disk } from "./power_disk.ts";
import { type Call, canTrace, deathAtSync, type Fault, readTrace, traceArguments } from "./power_trace.ts";

const ROUNDS = Number(Deno.env.get("FAULT_ROUNDS") ?? 12);
const SEED = Number(Deno.env.get("FAULT_SEED") ?? 3);
/** Moments that are looked at in a round. */
const MOMENTS = 15;
/** Numbers that the script publishes, each to two topics. */
const COUNT = 600;

const ignore = !await canTrace();

/** An exchange that the script has begun on the wire. */
interface Exchange {
  readonly packetId: number;
  phase: "sent" | "released" | "ended";
}

/** What a script has said and sent. */
class ScriptWitness {
  /** All numbers below this one are stored. */
  stored = 0;
  /** By topic and number. */
  readonly exchanges = new Map<string, Exchange>();
  readonly #framers = new Map<number, { readonly send: Framer; readonly receive: Framer }>();

  follow(call: Call): void {
    if (call.kind === "connection") this.#framers.set(call.fd, { send: new Framer(), receive: new Framer() });
    if (call.kind === "close") this.#framers.delete(call.fd);
    if (call.kind === "other" && call.name === "write") {
      this.stored = Number(call.texts[0]?.match(/^stored (\d+)\n$/)?.[1] ?? this.stored);
    }
    if (call.kind !== "send" && call.kind !== "receive") return;
    const framer = this.#framers.get(call.fd)?.[call.kind];
    framer?.push(call.bytes);
    while (framer?.next()) this.#on(decodePacket(framer, 4));
  }

  #on(packet: Packet): void {
    switch (packet.type) {
      case "publish": {
        const key = `${packet.topic} ${toText(packet.payload)}`;
        if (!this.exchanges.has(key)) this.exchanges.set(key, { packetId: packet.packetId ?? 0, phase: "sent" });
        return;
      }
      case "pubrel":
        return this.#advance(packet.packetId, "released");
      case "puback":
      case "pubcomp":
        return this.#advance(packet.packetId, "ended");
    }
  }

  #advance(packetId: number, phase: "released" | "ended"): void {
    for (const exchange of this.exchanges.values()) {
      if (exchange.packetId === packetId && exchange.phase !== "ended") exchange.phase = phase;
    }
  }
}

/** What of all that is not in the store as it must be. */
function lossesOf({ publications }: StoredState, { stored, exchanges }: ScriptWitness): string[] {
  const left = new Map([...publications].map((it) => [`${it.topic} ${toText(it.payload)}`, it]));
  const found: string[] = [];
  for (let number = 0; number < stored; number++) {
    for (const key of [`v4/1 ${number}`, `v4/2 ${number}`]) {
      if (!left.has(key) && exchanges.get(key)?.phase !== "ended") found.push(`${key}: was stored, and is not there`);
    }
  }
  for (const [key, { packetId, phase }] of exchanges) {
    const state = left.get(key)?.state;
    if (phase === "ended") continue;
    if (state === undefined) found.push(`${key}: was sent, and is not there`);
    else if (state.phase === "queued" || state.packetId !== packetId) found.push(`${key}: would be sent twice`);
    else if (phase === "released" && state.phase === "sent") found.push(`${key}: would be sent again after PUBREL`);
  }
  return found;
}

type Durability = "full" | "normal";

/** Has the script run twice: until `death`, if there is one, or until it has stored everything; then it is killed. */
async function trace(folder: string, durability: Durability, death?: Fault): Promise<(Call | undefined)[]> {
  const script = ["run", "-A", "tests/faults/scripts/publisher.ts"];
  await using broker = await startBroker();
  const start = (trace: string, first: number, fault?: Fault) => {
    const args = [broker.port, `${folder}/store/client.db`, 4, first, COUNT, durability].map(String);
    return new RunningProcess("strace", [...traceArguments(trace, fault), Deno.execPath(), ...script, ...args]);
  };
  await using first = start(`${folder}/first`, 0, death);
  if (death === undefined) {
    await first.waitForLine(new RegExp(`^stored ${COUNT}$`));
    await first.stop("SIGKILL");
  }
  const { stdout } = await first.ended();
  const begun = Number([...stdout.matchAll(/^begun (\d+)$/gm)].at(-1)?.[1]);
  await using second = start(`${folder}/second`, begun);
  await second.waitForLine(new RegExp(`^stored ${begun + COUNT}$`));
  await second.stop("SIGKILL");
  return [...await readTrace(`${folder}/first`), undefined, ...await readTrace(`${folder}/second`)];
}

/** Has power fail at random moments; returns a line for each at which something is not in the store as it must be. */
async function failAtRandom(calls: readonly (Call | undefined)[], folder: string): Promise<string[]> {
  const next = random(SEED);
  const disk = new Disk(folder);
  const witness = new ScriptWitness();
  const found: string[] = [];
  const chosen = new Set(Array.from({ length: ROUNDS * MOMENTS }, () => Math.floor(next() * calls.length)));
  for (const [at, call] of calls.entries()) {
    if (call === undefined) {
      disk.closeAll();
      continue;
    }
    disk.apply(call);
    witness.follow(call);
    if (!chosen.has(at)) continue;
    const loss = anyLoss(next);
    const losses = await disk.lose(loss, next, (copy) => {
      using store = SqliteStore.open(`${copy}/client.db`);
      return lossesOf(store.load(), witness);
    });
    if (losses.length > 0) found.push(`${at}, ${call.kind}, ${JSON.stringify(loss)}: ${losses.slice(0, 5).join("; ")}`);
  }
  assertGreater(witness.stored, COUNT);
  return found;
}

async function losePower(durability: Durability, death?: Fault): Promise<string[]> {
  const folder = await Deno.makeTempDir({ prefix: "faults-" });
  try {
    await Deno.mkdir(`${folder}/store`);
    const calls = await trace(folder, durability, death);
    const found = await failAtRandom(calls, `${folder}/store`);
    console.log(`client, durability ${durability}, seed ${SEED}: ${found.length} losses of power with losses`);
    return found;
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

Deno.test("client store: a loss of power at any moment loses and doubles nothing that was stored or sent", {
  ignore,
}, () =>
  bounded(async () => {
    assertEquals(await losePower("full", deathAtSync(60)), []);
  }, 60_000 + ROUNDS * 2_000));

Deno.test(
  "client store: with durability normal it stays whole, and this test finds what is lost",
  { ignore },
  () =>
    bounded(async () => {
      assertGreater((await losePower("normal")).length, 0);
    }, 60_000 + ROUNDS * 2_000),
);
