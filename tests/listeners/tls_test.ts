/** TLS listeners: versions, names, protocols, files, and peers that send something else. */

import { assert, assertEquals, assertRejects, assertStringIncludes, assertThrows } from "@std/assert";
import mqtt from "mqtt";
import { connect as connectTls } from "node:tls";
import { Broker, listen, type TlsOptions } from "../../broker/mod.ts";
import { duplexOf, Wire } from "../../broker/deno/tls_transport.ts";
import { until } from "../support/broker.ts";
import { hasOpenssl } from "../support/certificates.ts";
import { RawClient } from "../support/raw_client.ts";
import { readToEnd, write } from "./support.ts";
import { assertRefused, credentials, required, secure, tlsTest as test, type World, world } from "./tls_support.ts";

const HANDSHAKE_TIMEOUT = 300;

test("both versions are spoken", () => ({}), async ({ open, connect }, world) => {
  for (const version of ["TLSv1.2", "TLSv1.3"] as const) {
    const transport = await secure(await open(), world, { minVersion: version, maxVersion: version });
    const client = await connect(transport);
    assertEquals(await client.barrier(), []);
  }
});

test("the oldest version can be 1.3", () => ({ minimumVersion: "TLSv1.3" }), async ({ open, connect }, world) => {
  await assertRefused(async () => secure(await open(), world, { maxVersion: "TLSv1.2" }));
  await connect(await secure(await open(), world));
});

test("names of servers have their certificates", async ({ authority }) => ({
  serverNames: {
    "Other.Example": await authority.issue({
      subject: "/CN=other.example",
      extensions: ["subjectAltName=DNS:other.example"],
    }),
  },
}), async ({ open, connect }, world) => {
  for (const servername of ["other.example", "localhost"]) {
    await connect(await secure(await open(), world, { servername }));
  }
  // The certificate for everybody else is not one for this name.
  await assertRejects(async () => secure(await open(), world, { servername: "third.example" }));
});

for (const protocol of ["mqtt", "websockets"] as const) {
  const [ours, foreign] = protocol === "mqtt" ? ["mqtt", "http/1.1"] : ["http/1.1", "h2"];
  test(`protocols of ALPN are agreed on, or refused: ${protocol}`, () => ({}), async ({ open, log }, world) => {
    const agreed = async (protocols: string[] | undefined, maxVersion: "TLSv1.2" | "TLSv1.3") => {
      const transport = await open();
      const offer = protocols === undefined ? {} : { ALPNProtocols: protocols };
      const options = { servername: "localhost", ca: world.ca, maxVersion, ...offer };
      const socket = connectTls({ socket: duplexOf(transport, new Wire()), ...options });
      await new Promise((resolve, reject) => {
        socket.once("secureConnect", resolve).once("error", reject).once("close", () => reject(new Error("closed")));
      });
      const { alpnProtocol } = socket;
      socket.destroy();
      return alpnProtocol;
    };
    for (const version of ["TLSv1.2", "TLSv1.3"] as const) {
      assertEquals(await agreed(["h2", ours, "x"], version), ours);
      assertEquals(await agreed(["x-vendor-mqtt"], version), "x-vendor-mqtt");
      assertEquals(await agreed(undefined, version), false);
      await assertRejects(() => agreed([foreign], version));
    }
    const refusals = () => log.filter((line) => line.includes(`the client offers ${foreign}, not ${ours}`));
    await until(() => refusals().length === 2, "two refusals");
  }, protocol === "mqtt" ? {} : { protocol });
}

Deno.test({
  name: "tls listener: files that cannot be used are named",
  ignore: !hasOpenssl,
  async fn() {
    if (world === undefined) return;
    const { server, client, authority } = world;
    await using broker = new Broker({ sysInterval: 0 });
    const wrong: [options: TlsOptions, mentioned: string][] = [
      [{ ...server, certFile: "/nowhere/cert.pem" }, "certFile /nowhere/cert.pem"],
      [{ ...server, keyFile: client.keyFile }, "the key must be that of the certificate"],
      [{ ...server, certFile: server.keyFile }, server.keyFile],
      [{ ...server, requireCertificate: true }, "caFile or caPath must be given"],
      [{ ...server, requireCertificate: true, caFile: server.keyFile }, "BEGIN CERTIFICATE"],
      [{ ...server, requireCertificate: true, caPath: `${authority.folder}/none` }, "caPath"],
      [{ ...server, crlFile: server.certFile }, "BEGIN X509 CRL"],
    ];
    for (const [tls, mentioned] of wrong) {
      const error = assertThrows(() => listen(broker, { port: 0, tls }), Error);
      assertStringIncludes(error.message, mentioned);
    }
  },
});

test("garbage, silence and early ends are no handshakes, and cost nobody else", () => ({}), async (
  { open, connect, listener, log },
  world,
) => {
  const witness = await connect(await secure(await open(), world));
  const garbage = [
    "GET / HTTP/1.1\r\n\r\n",
    Uint8Array.of(0x10, 0x0c, 0, 4, 0x4d, 0x51, 0x54, 0x54),
    new Uint8Array(100_000).fill(0x16),
    Uint8Array.of(0x16, 3, 1, 0xff, 0xff),
    Uint8Array.of(0x16, 3, 1, 0, 4, 1, 0, 0, 0),
  ];
  for (const bytes of garbage) {
    const transport = await open();
    await write(transport, bytes);
    await readToEnd(transport);
  }
  const silent = await open();
  await readToEnd(silent);
  const { tls, timeouts } = listener.counts().refused;
  assertEquals(tls + timeouts, garbage.length + 1);
  assertEquals(log.filter((line) => /failed its TLS handshake|did not finish/.test(line)).length, garbage.length + 1);
  const gone = await open();
  gone.abort();
  await until(() => listener.counts().handshakes === 0, "the end of the last one");
  assertEquals(await witness.barrier(), []);
}, { handshakeTimeout: HANDSHAKE_TIMEOUT });

test("a handshake that drips in is ended in time", () => ({}), async ({ open, listener }) => {
  const transport = await open();
  const hello = Uint8Array.of(0x16, 3, 1, 2, 0, 1, 0, 1, 0xfc, 3, 3);
  const dripping = (async () => {
    for (const byte of hello) {
      await write(transport, Uint8Array.of(byte));
      await new Promise((resolve) => setTimeout(resolve, HANDSHAKE_TIMEOUT / 5));
    }
  })();
  await readToEnd(transport);
  await dripping;
  assertEquals(listener.counts().refused.timeouts, 1);
}, { handshakeTimeout: HANDSHAKE_TIMEOUT });

test("MQTT.js over tls, with a certificate of its own", required, async ({ port }, world) => {
  await exchange(`mqtts://localhost:${port}`, world);
});

test("MQTT.js over wss, with a certificate of its own", required, async ({ port }, world) => {
  await exchange(`wss://localhost:${port}/mqtt`, world);
}, { protocol: "websockets" });

async function exchange(url: string, world: World): Promise<void> {
  const options = { ca: world.ca, ...credentials(world.client), protocolVersion: 5, reconnectPeriod: 0 } as const;
  const client = await mqtt.connectAsync(url, options as mqtt.IClientOptions);
  await client.subscribeAsync("t", { qos: 2 });
  const received = new Promise<number>((resolve) => client.on("message", (_topic, payload) => resolve(payload.length)));
  await client.publishAsync("t", "x".repeat(1_000_000), { qos: 2 });
  assertEquals(await received, 1_000_000);
  await client.endAsync();
}

test("a subscriber that does not read is bounded, and disturbs nobody", () => ({}), async (
  { open, connect, broker },
  world,
) => {
  const stuck = await secure(await open(), world);
  const client = await RawClient.connect(stuck, { version: 5, clientId: "stuck" });
  await client.subscribe("t");
  client.pause();
  const reader = await connect(await secure(await open(), world));
  await reader.subscribe("t");
  const payload = "x".repeat(200_000);
  for (let count = 0; count < 300; count++) {
    broker.publish({ topic: "t", payload });
    await reader.expect("publish", { topic: "t" });
  }
  assert(broker.counts().dropped.outputFull > 0);
  await client.close();
});
