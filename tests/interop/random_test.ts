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
import type { BrokerOptions } from "../../broker/mod.ts";
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
const OPTIONS = { sysInterval: 0, maxInflightMessages: 20 };

/**
 * How both brokers are set up, and the part of the scripts that they get so. With queued QoS 0 messages, one script in a
 * thousand shows that Mosquitto counts them towards the receive maximum: what waits behind them comes too late.
 */
const SETTINGS: readonly { name: string; lines: readonly string[]; options: BrokerOptions; part: number }[] = [
  { name: "", lines: [], options: {}, part: 0.75 },
  {
    name: ", with all QoS 0 messages upgraded or queued",
    lines: ["queue_qos0_messages true", "upgrade_outgoing_qos true"],
    options: { queueQoS0Messages: true, upgradeOutgoingQoS: true },
    part: 0.25,
  },
];

for (const { name, lines, options, part } of SETTINGS) {
  const count = Math.ceil(SCRIPTS * part);
  Deno.test({
    name: `mqtt 3.1, 3.1.1, 5.0 broker: random scripts bring clients what Mosquitto brings them${name}`,
    ignore: !hasMosquitto,
    fn: () =>
      bounded(async () => {
        await using theirs = await startMosquitto([...CONFIGURATION, ...lines]);
        await using ours = await startBroker({ ...OPTIONS, ...options });
        for (let seed = FIRST; seed < FIRST + count; seed++) {
          await runSeed({ ours: ours.port, theirs: theirs.port }, seed);
        }
      }, Math.max(60_000, count * LONGEST_SCRIPT)),
  });
}

async function runSeed(pair: Pair, seed: number): Promise<void> {
  const script = randomScript(seed);
  const whole = await difference(pair, script);
  if (whole === undefined) return;
  const short = await shortest(pair, script);
  throw new AssertionError(`With seed ${seed} the brokers differ.\n${await difference(pair, short) ?? whole}`);
}
