/**
 * A client that minds its own business, beside hostile ones: each of them ends in the way that is documented, and the
 * client's round trips go on meanwhile. `deno task bench attack` measures how long they take.
 */

import { assertGreater } from "@std/assert";
import { type Attack, attackedLines, type AttackedPorts, ATTACKS, USER } from "../support/attacks.ts";
import { bounded } from "../support/broker.ts";
import { hasOpenssl } from "../support/certificates.ts";
import { freePort } from "../support/ports.ts";
import { RunningProcess } from "../support/process.ts";
import { RawClient } from "../support/raw_client.ts";

const ROUND_TRIPS = 200;

interface AttackedBroker extends AsyncDisposable {
  readonly ports: AttackedPorts;
}

/** The broker as a program of its own, as those who attack it here need their own time. */
async function start(): Promise<AttackedBroker> {
  const folder = await Deno.makeTempDir({ prefix: "attack-" });
  const [open = 0, users = 0, webSocket = 0, tls = 0] = Array.from({ length: 4 }, freePort);
  const ports = { open, users, webSocket, tls: hasOpenssl ? tls : undefined };
  const path = `${folder}/mosquitto.conf`;
  const lines = ["user root", ...await attackedLines(folder, ports), "log_type information", ""];
  await Deno.writeTextFile(path, lines.join("\n"));
  const process = new RunningProcess(Deno.execPath(), ["run", "-A", "broker/mod.ts", "-c", path]);
  await process.waitForLine(/version \S+ running/);
  return {
    ports,
    async [Symbol.asyncDispose]() {
      await process.stop();
      await Deno.remove(folder, { recursive: true });
    },
  };
}

/** Publishes to itself, waits for PUBACK and for the message. */
async function roundTrips(client: RawClient): Promise<void> {
  for (let at = 0; at < ROUND_TRIPS; at++) {
    const payload = String(at);
    await client.publish("witness", payload, { qos: 1 });
    await client.take("publish", (packet) => new TextDecoder().decode(packet.payload) === payload);
  }
}

/** Attacks until the others are done, and once in any case. */
async function attackUntil(done: Promise<void>, attack: Attack, ports: AttackedPorts): Promise<number> {
  let isDone = false;
  const end = done.finally(() => isDone = true);
  let rounds = 0;
  do await attack.round(ports, rounds++); while (!isDone);
  await end;
  return rounds;
}

/** Passwords of an attack that is over may still stand in line, for longer than a client is given. */
async function connectAtLast(port: number): Promise<RawClient> {
  for (let attempt = 1;; attempt++) {
    try {
      return await RawClient.connect(port, { clientId: "user", ...USER });
    } catch (error) {
      if (attempt === 20) throw error;
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
  }
}

for (const attack of ATTACKS) {
  Deno.test({
    name: `broker attack: ${attack.name}: it ends as documented, and ${ROUND_TRIPS} round trips of another go on`,
    ignore: attack.needsTls === true && !hasOpenssl,
    fn: () =>
      bounded(async () => {
        await using broker = await start();
        await using witness = await RawClient.connect(broker.ports.open, { clientId: "witness", autoAck: true });
        await witness.subscribe("witness", { qos: 1 });
        const rounds = await attackUntil(roundTrips(witness), attack, broker.ports);
        assertGreater(rounds, 0);
        await using user = await connectAtLast(broker.ports.users);
        await user.barrier();
      }, 60_000),
  });
}
