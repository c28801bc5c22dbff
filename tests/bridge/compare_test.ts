/** One configuration file, run by Mosquitto and by ours: both ends of the bridge see the same. */

import { assertEquals } from "@std/assert";
import { startConfigured } from "../config/program.ts";
import { bounded, until } from "../support/broker.ts";
import { hasMosquitto, type Mosquitto, startMosquitto } from "../support/mosquitto.ts";
import { listenTo, publishTo } from "./support.ts";

/** What is the same in each file. */
const CONNECTION: readonly string[] = [
  "connection up",
  "address 127.0.0.1:{remote}",
  "remote_clientid gateway",
  "topic out/# out 2 L/ R/",
  "topic in/+ in 1 L/ R/",
  'topic both/# both 1 "" mirror/',
  "topic plain/x",
  'topic "" both 2 one/local one/remote',
  "topic level/+/end both 0",
];

interface Broker extends AsyncDisposable {
  readonly port: number;
}

/** What both ends have seen. */
async function conversation(local: Broker, remote: Mosquitto): Promise<{ here: string[]; there: string[] }> {
  await using here = await listenTo(local.port, "#", { retainHandling: 2 });
  await using there = await listenTo(remote.port, "#", { retainHandling: 2 });
  await publishUntilItArrives(remote.port, here);
  for (const qos of [0, 1, 2] as const) {
    for (const retain of [false, true]) {
      const name = `${qos}${retain ? "r" : ""}`;
      for (const topic of ["L/out", "L/in", "both", "plain", "level/a", "elsewhere"]) {
        await publishTo(local.port, `${topic}/x`, `${name} from here`, { qos, retain });
      }
      await publishTo(local.port, "one/local", `${name} from here`, { qos, retain });
      await publishTo(local.port, "level/a/end", `${name} from here`, { qos, retain });
      for (const topic of ["R/out", "R/in", "mirror/both", "plain", "elsewhere"]) {
        await publishTo(remote.port, `${topic}/y`, `${name} from there`, { qos, retain });
      }
      await publishTo(remote.port, "one/remote", `${name} from there`, { qos, retain });
      await publishTo(remote.port, "level/b/end", `${name} from there`, { qos, retain });
    }
  }
  await publishTo(local.port, "both/end", "", { qos: 1 });
  await publishTo(remote.port, "mirror/both/end", "", { qos: 1 });
  const seen = (lines: readonly string[], topic: string) => lines.filter((line) => line.startsWith(`${topic}=`)).length;
  await until(
    () => seen(here.lines, "both/end") === 2 && seen(there.lines, "mirror/both/end") === 2,
    "the end",
    10_000,
  );
  const told = (lines: readonly string[]) => lines.filter((line) => !line.startsWith("L/in/ready")).sort();
  return { here: told(here.lines), there: told(there.lines) };
}

/** The bridge has subscribed when a message comes through. */
async function publishUntilItArrives(port: number, here: { readonly lines: readonly string[] }): Promise<void> {
  for (let attempt = 0; attempt < 500; attempt++) {
    if (here.lines.some((line) => line.startsWith("L/in/ready"))) return;
    await publishTo(port, "R/in/ready", "", { qos: 1 });
  }
}

for (const version of ["mqttv31", "mqttv311", "mqttv50"]) {
  Deno.test({
    name: `bridge: what Mosquitto's bridge does with a file, ours does, ${version}`,
    ignore: !hasMosquitto,
    fn: () =>
      bounded(async () => {
        const results = [];
        for (const kind of ["mosquitto", "ours"]) {
          await using remote = await startMosquitto();
          const lines = [...CONNECTION, `bridge_protocol_version ${version}`].map((line) =>
            line.replace("{remote}", String(remote.port))
          );
          await using local: Broker = kind === "ours"
            ? await startConfigured(["listener {port} 127.0.0.1", "allow_anonymous true", ...lines])
            : await startMosquitto(lines);
          const { here, there } = await conversation(local, remote);
          results.push({ here, there: there.filter((line) => !line.startsWith("R/in/ready")) });
        }
        assertEquals(results[1], results[0]);
      }, 60_000),
  });
}
