/** The client on Node. @module */

import { assertEquals, assertMatch } from "@std/assert";
import { Broker, listen } from "../../../broker/mod.ts";
import { bounded } from "../../support/broker.ts";
import { hasMosquitto, hasProgram, startMosquitto } from "../../support/mosquitto.ts";
import { freePort } from "../../support/ports.ts";
import { RunningProcess, runProcess, startBrokerProcess } from "../../support/process.ts";
import { bundle } from "../bundle.ts";
import { Authority } from "../transports_certificates.ts";

const ignore = !hasProgram("node");

/** Longest that a test may take, in milliseconds. */
const WATCHDOG = 60_000;

const RECEIVED = [0, 1, 2].map((qos) => `received node/${qos} ${qos} QoS ${qos}`).concat(
  "received node/large 2 1000000",
);

const LAST = ["received once/7 once", "closed"];

/** A test with the client as one file that Node can run. */
function nodeTest(name: string, needsMosquitto: boolean, body: (client: string) => Promise<void>): void {
  Deno.test(name, { ignore: ignore || needsMosquitto && !hasMosquitto }, () =>
    bounded(async () => {
      const folder = await Deno.makeTempDir({ prefix: "node-" });
      try {
        const client = `${folder}/client.mjs`;
        await Deno.writeTextFile(client, await bundle("client/node.ts", { platform: "deno" }));
        await body(client);
      } finally {
        await Deno.remove(folder, { recursive: true });
      }
    }, WATCHDOG));
}

function scriptArguments(client: string, url: string, version: number, tls?: object): string[] {
  const script = new URL("script.mjs", import.meta.url).pathname;
  const args = [script, client, url, String(version)];
  return tls === undefined ? args : [...args, JSON.stringify(tls)];
}

async function linesOf(client: string, url: string, version: number, tls?: object): Promise<string[]> {
  const { stdout, stderr } = await runProcess("node", scriptArguments(client, url, version, tls));
  assertEquals(stderr, "");
  return stdout.trimEnd().split("\n");
}

for (const version of [3, 4, 5]) {
  nodeTest(`client: on Node, version ${version} over TCP carries all QoS and connects again`, true, async (client) => {
    const mosquitto = await startMosquitto();
    const { port } = mosquitto;
    await using process = new RunningProcess("node", scriptArguments(client, `mqtt://127.0.0.1:${port}`, version));
    try {
      await process.waitForLine(/^restart$/);
    } finally {
      await mosquitto.stop();
    }
    await using _again = await startMosquitto([`listener ${port} 127.0.0.1`]);
    const { stdout, stderr } = await process.ended();
    assertEquals(stderr, "");
    assertEquals(stdout.trimEnd().split("\n"), ["granted 2", ...RECEIVED, "restart", ...RECEIVED, ...LAST]);
  });
}

nodeTest("client: on Node, over TLS and Unix sockets", true, async (client) => {
  await using authority = await Authority.make();
  const server = await authority.issue("broker.test");
  const own = await authority.issue("gateway-7");
  const port = freePort();
  const path = `${authority.certFile}.sock`;
  await using _mosquitto = await startMosquitto([
    ...[`listener 0 ${path}`, `listener ${port} 127.0.0.1`, "require_certificate true"],
    ...[`cafile ${authority.certFile}`, `certfile ${server.certFile}`, `keyfile ${server.keyFile}`],
  ]);
  const expected = ["granted 2", ...RECEIVED, ...LAST];
  const tls = { ca: authority.cert, cert: own.cert, key: own.key, serverName: "broker.test" };
  assertEquals(await linesOf(client, `mqtts://127.0.0.1:${port}`, 5, tls), expected);
  assertEquals(await linesOf(client, `mqtt+unix://${path}`, 5), expected);
  const args = scriptArguments(client, `mqtts://127.0.0.1:${port}`, 5, { ...tls, serverName: "other.test" });
  const { code, stderr } = await runProcess("node", args);
  assertEquals(code, 1);
  assertMatch(stderr, /other\.test/);
});

nodeTest("client: on Node, over WebSocket", false, async (client) => {
  await using broker = new Broker();
  const { address } = listen(broker, { port: 0, protocol: "websockets" });
  const args = scriptArguments(client, `ws://127.0.0.1:${address.port}/mqtt`, 5);
  // Node 20 has WebSocket behind this flag, Node 22 without.
  const { stdout } = await runProcess("node", ["--experimental-websocket", ...args]);
  assertEquals(stdout.trimEnd().split("\n"), ["granted 2", ...RECEIVED, ...LAST]);
  const { stderr } = await runProcess("node", ["--no-experimental-websocket", ...args]);
  assertMatch(stderr, /Node must have WebSocket, from version 22 on/);
});

nodeTest("client: on Node, beside our own broker", false, async (client) => {
  const broker = await startBrokerProcess();
  await using process = new RunningProcess("node", scriptArguments(client, `mqtt://127.0.0.1:${broker.port}`, 5));
  try {
    await process.waitForLine(/^restart$/);
  } finally {
    await broker.stop();
  }
  await using _again = await startBrokerProcess(["--port", String(broker.port)]);
  const { stdout, stderr } = await process.ended();
  assertEquals(stderr, "");
  assertEquals(stdout.trimEnd().split("\n"), ["granted 2", ...RECEIVED, "restart", ...RECEIVED, ...LAST]);
});

nodeTest("client: on Node, what is wrong is said", false, async (client) => {
  const port = freePort();
  for (
    const [url, message] of [
      [`mqtt://127.0.0.1:${port}`, /ECONNREFUSED/],
      ["http://127.0.0.1", /scheme of the URL must be mqtt, mqtts, ws, wss or mqtt\+unix/],
    ] as const
  ) {
    const { code, stderr } = await runProcess("node", scriptArguments(client, url, 5));
    assertEquals(code, 1);
    assertMatch(stderr, message);
  }
});
