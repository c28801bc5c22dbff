/** Eclipse Paho's client for Python against our broker: `paho_client.py` has what it does. */

import { assertEquals } from "@std/assert";
import { bounded } from "../support/bounded.ts";
import { hasOpenssl } from "../support/certificates.ts";
import { runProcess } from "../support/process.ts";
import { startOurListeners } from "./our_listeners.ts";
import { startTarget } from "./target.ts";

/** Debian's Python, since its Paho is no other one's. */
const PYTHON = "/usr/bin/python3";

const hasPaho: boolean = Deno.build.os === "linux" && await canImportPaho();

const VERSIONS = [[3, "mqtt 3.1"], [4, "mqtt 3.1.1"], [5, "mqtt 5.0"]] as const;

async function canImportPaho(): Promise<boolean> {
  try {
    return (await runProcess(PYTHON, ["-c", "import paho.mqtt.client"])).code === 0;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return false;
    throw error;
  }
}

/** Runs scenarios; what they find fails the program. */
async function paho(...args: string[]): Promise<void> {
  const { code, stdout, stderr } = await runProcess(PYTHON, ["tests/interop/paho_client.py", ...args], {
    milliseconds: 50_000,
  });
  assertEquals([code, stderr], [0, ""], `paho_client.py failed after: ${stdout}`);
  assertEquals(stdout.endsWith("\nend\n"), true, stdout);
}

for (const [version, name] of VERSIONS) {
  Deno.test({
    name: `${name} broker: Paho for Python: every QoS, sessions, wills${version === 5 ? ", properties" : ""}`,
    ignore: !hasPaho,
    fn: () =>
      bounded(async () => {
        await using target = await startTarget();
        await paho(`${version}`, `${target.port}`);
      }, 60_000),
  });
}

Deno.test({
  name: "broker listeners: Paho for Python over TLS and WebSocket, all versions and QoS",
  ignore: !hasPaho || !hasOpenssl,
  fn: () =>
    bounded(async () => {
      await using listeners = await startOurListeners();
      const { ports, caFile, device } = listeners;
      const tls = { ca_certs: caFile };
      const own = { ...tls, certfile: device.certFile, keyfile: device.keyFile };
      const ways = {
        tls: { transport: "tcp", port: ports.tls, tls },
        mutualTls: { transport: "tcp", port: ports.mutualTls, tls: own },
        ws: { transport: "websockets", port: ports.ws, tls: null },
        wss: { transport: "websockets", port: ports.wss, tls },
        mutualWss: { transport: "websockets", port: ports.mutualWss, tls: own },
      };
      await paho("listeners", JSON.stringify(ways));
    }, 60_000),
});
