/**
 * `deno task bench attack`: how long a client waits that minds its own business, beside each hostile one.
 *
 * The broker has one core; the client, which publishes to itself at QoS 1 and measures until PUBACK and message are both
 * back, and the attacker, which gives way to it, have the other. `--only TEXT` runs the attacks with that text in their
 * names, `--seconds` is how long each is measured, `--rate` how many messages the client sends a second.
 *
 * @module
 */

import { parseArgs } from "@std/cli/parse-args";
import { fileURLToPath } from "node:url";
import { type Attack, attackedLines, type AttackedPorts, ATTACKS, tryPassword, USER } from "../support/attacks.ts";
import { hasOpenssl } from "../support/certificates.ts";
import { accepts } from "../support/ports.ts";
import { freePort } from "./brokers.ts";
import { connect, packetIdOffset, publish, subscribe } from "./load/wire.ts";
import { BROKER_CORE, killAll, LOAD_CORE, pinSelf, type Spawned, spawnPinned } from "./pinned.ts";
import { median, percentile } from "./stats.ts";

const HOSTNAME = "127.0.0.1";
/** Seconds that an attack runs before it is looked at. */
const LEAD = 1;

/** A broker that can be attacked. */
interface AttackedBroker extends AsyncDisposable {
  readonly ports: AttackedPorts;
}

async function startAttacked(): Promise<AttackedBroker> {
  const folder = await Deno.makeTempDir({ prefix: "bench-attack-" });
  const tls = hasOpenssl ? freePort() : undefined;
  const ports: AttackedPorts = { open: freePort(), users: freePort(), webSocket: freePort(), tls };
  const file = `${folder}/mosquitto.conf`;
  await Deno.writeTextFile(file, ["user root", ...await attackedLines(folder, ports), ""].join("\n"));
  const script = fileURLToPath(new URL("../../broker/mod.ts", import.meta.url));
  const process = spawnPinned(BROKER_CORE, [Deno.execPath(), "run", "-A", script, "-c", file], "null");
  while (!await accepts(ports.users) && !process.ended()) await pause(20);
  return {
    ports,
    async [Symbol.asyncDispose]() {
      await process.stop();
      await Deno.remove(folder, { recursive: true });
    },
  };
}

/** Milliseconds of each round trip. */
async function roundTrips(port: number, seconds: number, rate: number): Promise<Float64Array> {
  using connection = await Deno.connect({ hostname: HOSTNAME, port });
  connection.setNoDelay(true);
  const buffer = new Uint8Array(4_096);
  const exchange = async (bytes: Uint8Array, expected: number) => {
    for (let sent = 0; sent < bytes.length;) sent += await connection.write(bytes.subarray(sent));
    for (let received = 0; received < expected;) {
      const count = await connection.read(buffer);
      if (count === null) throw new Error("Cannot measure: the broker has closed the connection");
      received += count;
    }
  };
  await exchange(connect("witness", 4), 4);
  await exchange(subscribe(1, ["witness"], 0, 4), 5);
  const message = publish({ topic: "witness", payload: new Uint8Array(64), qos: 1, version: 4 });
  message[packetIdOffset(message) + 1] = 1;
  const times: number[] = [];
  const started = performance.now();
  for (let next = started; next < started + seconds * 1_000; next += 1_000 / rate) {
    const wait = next - performance.now();
    if (wait > 0) await pause(wait);
    const sent = performance.now();
    // The message comes back without a packet identifier.
    await exchange(message, 4 + message.length - 2);
    times.push(performance.now() - sent);
  }
  return Float64Array.from(times);
}

interface Result {
  readonly times: Float64Array;
  readonly rounds: string;
}

async function measure(attack: Attack | undefined, seconds: number, rate: number): Promise<Result> {
  await using broker = await startAttacked();
  await roundTrips(broker.ports.open, 1, rate); // warms up
  if (attack === undefined) return { times: await roundTrips(broker.ports.open, seconds, rate), rounds: "" };
  const attacker = startAttacker(attack, broker.ports, seconds + LEAD);
  await pause(LEAD * 1_000);
  const times = await roundTrips(broker.ports.open, seconds, rate);
  return { times, rounds: (await attacker.output()).trim() };
}

function startAttacker({ name }: Attack, ports: AttackedPorts, seconds: number): Spawned {
  const script = fileURLToPath(new URL("./load/attacker.ts", import.meta.url));
  const command = ["nice", "-n", "19", Deno.execPath(), "run", "-A", script];
  return spawnPinned(LOAD_CORE, [...command, name, JSON.stringify(ports), String(seconds)]);
}

/** Milliseconds until a wrong password is refused, for a user that there is and for one that there is not. */
async function refusalTimes(tries: number): Promise<readonly [known: number, unknown: number]> {
  await using broker = await startAttacked();
  const times: [number[], number[]] = [[], []];
  for (let at = 0; at < 2 * tries; at++) {
    const isKnown = at % 2 === 0;
    const started = performance.now();
    await tryPassword(broker.ports.users, isKnown ? USER.username : `nobody${at}`);
    times[isKnown ? 0 : 1].push(performance.now() - started);
  }
  return [median(times[0]), median(times[1])];
}

function pause(milliseconds: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, milliseconds));
}

async function main(): Promise<void> {
  const options = parseArgs(Deno.args, { string: ["seconds", "rate", "only"] });
  const [seconds, rate] = [Number(options.seconds ?? 5), Number(options.rate ?? 200)];
  Deno.addSignalListener("SIGINT", () => {
    killAll();
    Deno.exit(130);
  });
  pinSelf();
  const { only } = options;
  const chosen = ATTACKS.filter(({ name, needsTls }) => {
    return (only === undefined || name.includes(only)) && (needsTls !== true || hasOpenssl);
  });
  console.log(`| QoS 1 round trip, ${rate} a second, beside | p50 | p99 | longest | rounds of the attack |`);
  console.log("| --- | --- | --- | --- | --- |");
  const cell = (times: Float64Array, fraction: number) => `${percentile(times, fraction).toFixed(2)} ms`;
  for (const attack of [undefined, ...chosen]) {
    const { times, rounds } = await measure(attack, seconds, rate);
    const title = attack?.name ?? "nobody";
    console.log(`| ${title} | ${cell(times, 0.5)} | ${cell(times, 0.99)} | ${cell(times, 1)} | ${rounds} |`);
  }
  if (only === undefined || "user enumeration".includes(only)) {
    const [known, unknown] = await refusalTimes(50);
    console.log(
      `\nA wrong password is refused after ${known.toFixed(2)} ms (median), one of an unknown user after ${
        unknown.toFixed(2)
      } ms.`,
    );
  }
  Deno.exit(0);
}

await main();
