/** Eclipse Paho's clients in C, against our broker. */

import { assertEquals } from "@std/assert";
import { bounded } from "../support/bounded.ts";
import { hasOpenssl } from "../support/certificates.ts";
import { hasProgram } from "../support/mosquitto.ts";
import { RunningProcess, runProcess } from "../support/process.ts";
import { type OurListeners, startOurListeners } from "./our_listeners.ts";

const PROGRAMS = ["paho_c_pub", "paho_c_sub", "stdbuf"];
const VERSIONS = ["31", "311", "5"];

/** How the clients reach each listener. */
const WAYS: Readonly<Record<string, (listeners: OurListeners) => string[]>> = {
  tcp: ({ ports }) => ["-c", `tcp://localhost:${ports.tcp}`],
  tls: ({ ports, caFile }) => ["-c", `ssl://localhost:${ports.tls}`, "--cafile", caFile],
  mutualTls: ({ ports, ...files }) => ["-c", `ssl://localhost:${ports.mutualTls}`, ...identity(files)],
};

function identity({ caFile, device }: Pick<OurListeners, "caFile" | "device">): string[] {
  return ["--cafile", caFile, "--cert", device.certFile, "--key", device.keyFile];
}

Deno.test({
  name: "broker listeners: Paho in C over TCP and TLS, all versions and QoS",
  ignore: !hasOpenssl || !PROGRAMS.every(hasProgram),
  fn: () =>
    bounded(async () => {
      await using listeners = await startOurListeners();
      for (const [name, argumentsOf] of Object.entries(WAYS)) {
        await Promise.all(VERSIONS.map((version) => exchange(`${name}/${version}`, version, argumentsOf(listeners))));
      }
    }, 60_000),
});

/** Publishes with each QoS what is retained, and so is there for whoever subscribes then. */
async function exchange(topic: string, version: string, address: readonly string[]): Promise<void> {
  const common = ["-V", version, ...address];
  await Promise.all(["0", "1", "2"].map(async (qos) => {
    const message = ["-t", `${topic}/${qos}`, "-q", qos, "-r", "-m", `QoS ${qos}`, "-i", `${topic}/${qos}`];
    const { code, stdout, stderr } = await runProcess("paho_c_pub", [...message, ...common]);
    assertEquals(code, 0, stdout + stderr);
  }));
  const subscribe = ["-oL", "paho_c_sub", "-t", `${topic}/+`, "-q", "2", "-i", topic, ...common];
  await using subscriber = new RunningProcess("stdbuf", subscribe);
  const lines = await subscriber.waitForLines(/\S+\/\d QoS \d$|\S+\/\d\tQoS \d$/, 3);
  const received = lines.map(([line]) => line.split(/\s/).slice(-3));
  assertEquals(received.toSorted(), [0, 1, 2].map((qos) => [`${topic}/${qos}`, "QoS", `${qos}`]));
}
