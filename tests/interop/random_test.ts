/**
 * Random scripts against our broker and Mosquitto: what the clients receive must be the same.
 *
 * `RANDOM_SCRIPTS=3000` runs that many instead of some, `RANDOM_SEED=1000` begins with that one.
 *
 * What brokers are free to do differently, and where Mosquitto 2.0.11 goes against the standard, stands where the
 * scripts leave it out, or where their transcripts do not show it.
 *
 * @module
 */

import { AssertionError } from "@std/assert";
import { bounded, startBroker } from "../support/broker.ts";
import { hasMosquitto, startMosquitto } from "../support/mosquitto.ts";
import { difference, type Pair, shortest } from "./random_compare.ts";
import { randomScript } from "./random_script.ts";

const FIRST = Number(Deno.env.get("RANDOM_SEED") ?? 1);
const SCRIPTS = Number(Deno.env.get("RANDOM_SCRIPTS") ?? 40);

/** A watchdog, in milliseconds a script. */
const LONGEST_SCRIPT = 2_000;

/** Mosquitto sends several copies where subscriptions overlap, or else not the one with the highest QoS. */
const CONFIGURATION = ["sys_interval 0", "set_tcp_nodelay true", "allow_duplicate_messages true"];

Deno.test({
  name: "mqtt 3.1, 3.1.1, 5.0 broker: clients with random scripts receive what they receive from Mosquitto",
  ignore: !hasMosquitto,
  fn: () => bounded(runScripts, Math.max(60_000, SCRIPTS * LONGEST_SCRIPT)),
});

async function runScripts(): Promise<void> {
  await using theirs = await startMosquitto(CONFIGURATION);
  await using ours = await startBroker({ sysInterval: 0, maxInflightMessages: 20 });
  const pair = { ours: ours.port, theirs: theirs.port };
  for (let seed = FIRST; seed < FIRST + SCRIPTS; seed++) await runSeed(pair, seed);
}

async function runSeed(pair: Pair, seed: number): Promise<void> {
  const script = randomScript(seed);
  const whole = await difference(pair, script);
  if (whole === undefined) return;
  const short = await shortest(pair, script);
  throw new AssertionError(`With seed ${seed} the brokers differ.\n${await difference(pair, short) ?? whole}`);
}
