/**
 * What a gateway costs: 200 devices, each with one message of QoS 1 a second, a store at full durability, and a bridge
 * that forwards everything by TLS to Mosquitto. Beside it Mosquitto as the gateway, which writes its whole state after
 * each change or, as it comes, every half hour, and a skeleton that only passes bytes on.
 *
 * Run by `deno task bench gateway`; `--seconds N` (default 30) is how long it is watched.
 *
 * @module
 */

import { parseArgs } from "@std/cli/parse-args";
import { fileURLToPath } from "node:url";
import { ENVIRONMENT } from "../../broker/packaging/unit.ts";
import { bundle } from "../client/bundle.ts";
import { CertificateAuthority, SERVER } from "../support/certificates.ts";
import { startMosquitto } from "../support/mosquitto.ts";
import { freePort } from "../support/ports.ts";
import { RunningProcess, runProcess } from "../support/process.ts";
import { RawClient } from "../support/raw_client.ts";
import { cpuSeconds, residentBytes } from "./proc.ts";

const DEVICES = 200;
/** Milliseconds between two messages of one device. */
const PERIOD = 1_000;
const PAYLOAD = 100;
/** Seconds until compilers and caches have settled: a gateway runs for months. */
const WARM_UP = 60;
/** Longest first start, in milliseconds: a watchdog. */
const FIRST_START = 60_000;

/** As `deno task compile` and the unit of the service do it. */
const RUN = ["run", "-A", "--no-config", "--no-code-cache"];

interface Gateway {
  readonly name: string;
  readonly process: RunningProcess;
  readonly port: number;
}

function linesFor(port: number, uplink: number, authority: CertificateAuthority): string[] {
  return [
    "user root",
    `listener ${port} 127.0.0.1`,
    "allow_anonymous true",
    "persistence true",
    `persistence_location ${authority.folder}/`,
    "log_type error",
    "connection uplink",
    `address localhost:${uplink}`,
    `bridge_cafile ${authority.caFile}`,
    "bridge_protocol_version mqttv50",
    "cleansession false",
    "remote_clientid gateway",
    'topic # out 1 "" gateway/',
  ];
}

async function startOurs(uplink: number, authority: CertificateAuthority): Promise<Gateway> {
  const port = freePort();
  const path = `${authority.folder}/ours.conf`;
  await Deno.writeTextFile(path, linesFor(port, uplink, authority).join("\n"));
  const program = `${authority.folder}/mqtt-broker.js`;
  await Deno.writeTextFile(program, await bundle("broker/mod.ts", { platform: "deno" }));
  // Deno parses what it has never run; a service is started again and again.
  await runProcess(Deno.execPath(), [...RUN, program, "--help"], { milliseconds: FIRST_START });
  const process = new RunningProcess(Deno.execPath(), [...RUN, program, "-c", path], {
    env: ENVIRONMENT,
  });
  return { name: "ours", process, port };
}

async function startTheirs(
  name: string,
  uplink: number,
  authority: CertificateAuthority,
  more: readonly string[],
): Promise<Gateway> {
  const port = freePort();
  const path = `${authority.folder}/theirs.conf`;
  await Deno.writeTextFile(path, [...linesFor(port, uplink, authority), ...more, ""].join("\n"));
  return { name, process: new RunningProcess("/usr/sbin/mosquitto", ["-c", path]), port };
}

const SAVING = ["autosave_interval 1", "autosave_on_changes true"];

function startSkeleton(uplink: number, authority: CertificateAuthority): Gateway {
  const port = freePort();
  const script = fileURLToPath(new URL("./gateway_skeleton.ts", import.meta.url));
  const args = [...RUN, script, String(port), String(uplink), authority.caFile];
  return { name: "skeleton", process: new RunningProcess(Deno.execPath(), args, { env: ENVIRONMENT }), port };
}

/** All that are measured, in this order. */
const STARTS: readonly ((uplink: number, authority: CertificateAuthority) => Gateway | Promise<Gateway>)[] = [
  startOurs,
  (uplink, authority) => startTheirs("Mosquitto, saving each change", uplink, authority, SAVING),
  (uplink, authority) => startTheirs("Mosquitto, saving now and then", uplink, authority, []),
  startSkeleton,
];

/** Connects as soon as the gateway listens. */
async function connectWhenReady(port: number, clientId: string): Promise<RawClient> {
  for (let attempt = 0; attempt < 100; attempt++) {
    try {
      return await RawClient.connect(port, { clientId, autoAck: true });
    } catch {
      await pause(100);
    }
  }
  throw new Error(`Cannot connect: nobody listens on port ${port}`);
}

async function measure(gateway: Gateway, uplink: number, seconds: number): Promise<void> {
  const receiver = await RawClient.connect(uplink, { clientId: "cloud", autoAck: true });
  await receiver.subscribe(["gateway/#", "sensors/#"], { qos: 1 }); // the skeleton renames nothing
  const devices: RawClient[] = [];
  for (let number = 0; number < DEVICES; number++) devices.push(await connectWhenReady(gateway.port, `d${number}`));
  let isOver = false;
  let sent = 0;
  const payload = new Uint8Array(PAYLOAD).fill(46);
  const running = devices.map(async (device, number) => {
    await pause(number * PERIOD / DEVICES);
    while (!isOver) {
      const next = performance.now() + PERIOD;
      await device.publish(`sensors/${number}`, payload, { qos: 1 });
      sent++;
      await pause(next - performance.now());
    }
  });
  await pause(1_000 * WARM_UP);
  const { pid } = gateway.process;
  const before = cpuSeconds(pid);
  let memory = 0;
  for (let second = 0; second < seconds; second++) {
    await pause(1_000);
    memory = Math.max(memory, residentBytes(pid));
  }
  const load = (cpuSeconds(pid) - before) / seconds;
  isOver = true;
  await Promise.all(running);
  await pause(1_000);
  const received = (await receiver.publications()).length;
  for (const client of [...devices, receiver]) await client.close();
  const columns = [gateway.name, `${(memory / 1e6).toFixed(0)} MB`, `${(100 * load).toFixed(1)} %`];
  console.log(`| ${[...columns, `${received} of ${sent}`].join(" | ")} |`);
}

function pause(milliseconds: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, Math.max(0, milliseconds)));
}

if (import.meta.main) {
  const { seconds } = parseArgs(Deno.args, { string: ["seconds"] });
  console.log(
    `${DEVICES} devices, ${DEVICES * 1_000 / PERIOD} messages/s of QoS 1 and ${PAYLOAD} bytes, store, TLS uplink\n`,
  );
  console.log("| gateway | memory | of one core | arrived |\n| --- | --- | --- | --- |");
  for (const start of STARTS) {
    await using authority = await CertificateAuthority.create();
    const { certFile, keyFile } = await authority.issue({ subject: "/CN=localhost", extensions: SERVER });
    const tlsPort = freePort();
    const tls = [`listener ${tlsPort} 127.0.0.1`, `certfile ${certFile}`, `keyfile ${keyFile}`];
    await using uplink = await startMosquitto(["max_queued_messages 0", ...tls]);
    const gateway = await start(tlsPort, authority);
    await using _process = gateway.process;
    await measure(gateway, uplink.port, Number(seconds ?? 30));
  }
}
