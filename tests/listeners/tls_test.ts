/** TLS listeners: handshakes, certificates of clients, reload, and peers that send something else. */

import { assert, assertEquals, assertMatch, assertRejects, assertStringIncludes, assertThrows } from "@std/assert";
import mqtt from "mqtt";
import { connect as connectTls, type ConnectionOptions, createServer, type TLSSocket } from "node:tls";
import { Broker, listen, type Peer, type TlsOptions } from "../../broker/mod.ts";
import { duplexOf, streamsOf, Wire } from "../../broker/deno/tls_transport.ts";
import type { Transport } from "../../engine/transport.ts";
import { bounded, until } from "../support/broker.ts";
import { AUTHORITY, CertificateAuthority, hasOpenssl, type KeyPair, SERVER } from "../support/certificates.ts";
import { hasMosquitto, mosquittoPub, Subscriber } from "../support/mosquitto.ts";
import { runProcess } from "../support/process.ts";
import { RawClient } from "../support/raw_client.ts";
import { type ListenerTest, readToEnd, withListener, write } from "./support.ts";

const HANDSHAKE_TIMEOUT = 300;

/** What the tests have in common: made once, for all of them. */
interface World {
  readonly authority: CertificateAuthority;
  readonly server: KeyPair;
  readonly client: KeyPair;
  readonly ca: string;
}

const world = hasOpenssl ? await makeWorld() : undefined;

async function makeWorld(): Promise<World> {
  const authority = await CertificateAuthority.create();
  globalThis.addEventListener("unload", () => Deno.removeSync(authority.folder, { recursive: true }));
  const server = await authority.issue({ subject: "/CN=localhost", extensions: SERVER });
  const client = await authority.issue({ subject: "/C=DE/O=Acme, Inc/CN=device-7" });
  return { authority, server, client, ca: await Deno.readTextFile(authority.caFile) };
}

/** Registers a test that needs certificates. */
function test(
  name: string,
  options: (world: World) => Promise<Partial<TlsOptions>> | Partial<TlsOptions>,
  body: (test: ListenerTest, world: World) => Promise<void>,
  others: { readonly handshakeTimeout?: number; readonly protocol?: "websockets" } = {},
): void {
  Deno.test({
    name: `tls listener: ${name}`,
    ignore: !hasOpenssl,
    async fn() {
      if (world === undefined) return;
      const tls = { ...world.server, ...await options(world) };
      await withListener({ ...others, tls }, (context) => body(context, world))();
    },
  });
}

/** Shakes hands over a connection. */
async function secure(transport: Transport, { ca }: World, options: ConnectionOptions = {}): Promise<Transport> {
  const wire = new Wire();
  const socket = connectTls({ socket: duplexOf(transport, wire), servername: "localhost", ca, ...options });
  await new Promise((resolve, reject) => {
    socket.once("secureConnect", resolve).once("error", reject).once("close", () => reject(new Error("closed")));
  });
  return { ...streamsOf(socket, wire), peer: { protocol: "tls", address: "client" } };
}

function credentials({ certFile, keyFile }: KeyPair): ConnectionOptions {
  return { cert: Deno.readTextFileSync(certFile), key: Deno.readTextFileSync(keyFile) };
}

/** With TLS 1.3 a client hears of a refusal after its own handshake. */
async function assertRefused(connecting: () => Promise<Transport>): Promise<void> {
  let transport: Transport;
  try {
    transport = await connecting();
  } catch {
    return;
  }
  assertEquals(await readToEnd(transport), new Uint8Array(0));
}

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

const required = ({ authority }: World) => ({ caFile: authority.caFile, requireCertificate: true });

Deno.test({
  name: "tls listener: hooks see what a client's certificate says",
  ignore: !hasOpenssl,
  fn: () =>
    bounded(async () => {
      if (world === undefined) return;
      const peers: Peer[] = [];
      const authenticate = ({ peer }: { peer: Peer }) => peers.push(peer) > 0;
      const tls = { ...world.server, ...required(world) };
      const subjects: string[] = [];
      await withListener({ tls, broker: { authenticate } }, async ({ open, connect }) => {
        for (const subject of ["/CN=plain", "/O=Überall+OU=x/CN= #a\\,b\\\\ "]) {
          const pair = await world.authority.issue({ subject });
          await connect(await secure(await open(), world, credentials(pair)));
          subjects.push(await opensslSubject(pair));
        }
        await connect(await secure(await open(), world, credentials(world.client)));
        subjects.push(await opensslSubject(world.client));
      })();
      assertEquals(peers.map(({ protocol }) => protocol), ["tls", "tls", "tls"]);
      assertEquals(peers.map(({ certificate }) => certificate?.commonName), ["plain", " #a,b\\ ", "device-7"]);
      assertEquals(peers.map(({ certificate }) => certificate?.subject), subjects);
      assertEquals(subjects.at(-1), "CN=device-7,O=Acme\\, Inc,C=DE");
      assertMatch(peers[2]?.certificate?.fingerprint ?? "", /^[0-9a-f]{64}$/);
    }, 30_000),
});

/** The subject as OpenSSL, and so Mosquitto, writes it. */
async function opensslSubject({ certFile }: KeyPair): Promise<string> {
  const args = ["x509", "-in", certFile, "-noout", "-subject", "-nameopt", "RFC2253"];
  const { stdout } = await runProcess("openssl", args);
  return stdout.replace(/^subject=|\n$/g, "");
}

test(
  "without a certificate that is asked for nobody comes in",
  required,
  async ({ open, listener, connect }, world) => {
    await using stranger = await CertificateAuthority.create();
    const pairs: [name: string, pair: KeyPair | undefined][] = [
      ["none", undefined],
      ["of another authority of the same name", await stranger.issue({ subject: "/CN=device-7" })],
      ["expired", await world.authority.issue({ subject: "/CN=expired", days: -1 })],
      [
        "for servers",
        await world.authority.issue({ subject: "/CN=server", extensions: ["extendedKeyUsage=serverAuth"] }),
      ],
      ["version 1", await world.authority.issue({ subject: "/CN=old", extensions: [] })],
    ];
    for (const [index, [name, pair]] of pairs.entries()) {
      for (const maxVersion of ["TLSv1.2", "TLSv1.3"] as const) {
        const options = pair === undefined ? {} : credentials(pair);
        await assertRefused(async () => secure(await open(), world, { ...options, maxVersion }));
      }
      await until(() => listener.counts().refused.tls === 2 * (index + 1), `refusals of a certificate: ${name}`);
    }
    const client = await connect(await secure(await open(), world, credentials(world.client)));
    assertEquals(await client.barrier(), []);
  },
);

test("who has a certificate but not its key does not come in", required, async ({ open, listener }, world) => {
  for (const extensions of [undefined, []]) {
    const pair = await world.authority.issue({ subject: "/CN=stolen", extensions });
    const forged = await forgedKey(pair.keyFile);
    for (const maxVersion of ["TLSv1.2", "TLSv1.3"] as const) {
      const before = listener.counts().refused.tls;
      const cert = await Deno.readTextFile(pair.certFile);
      await assertRefused(async () => secure(await open(), world, { cert, key: forged, maxVersion }));
      await until(() => listener.counts().refused.tls === before + 1, "the refusal");
    }
  }
});

/** A key whose public part is right and whose secret is not: clients take it, and sign with it. */
async function forgedKey(keyFile: string): Promise<string> {
  const pem = await Deno.readTextFile(keyFile);
  const der = Uint8Array.fromBase64(pem.replace(/-----[^-]+-----/g, ""));
  const at = der.findIndex((byte, index) => byte === 0x04 && der[index + 1] === 0x20) + 12;
  der[at] = (der[at] ?? 0) ^ 1;
  return `-----BEGIN EC PRIVATE KEY-----\n${der.toBase64()}\n-----END EC PRIVATE KEY-----\n`;
}

test("who is refused gets nothing that could be resumed", required, async ({ open, listener }, world) => {
  const pair = await (await CertificateAuthority.create()).issue({ subject: "/CN=stranger" });
  // In TLS 1.2 the ticket comes before the end of the handshake, in TLS 1.3 behind it.
  await assertRejects(async () => secure(await open(), world, { ...credentials(pair), maxVersion: "TLSv1.2" }));
  const transport = await open();
  const wire = new Wire();
  const options = { servername: "localhost", ca: world.ca, ...credentials(pair) };
  const socket = connectTls({ socket: duplexOf(transport, wire), ...options });
  let tickets = 0;
  socket.on("session", () => tickets++).on("error", () => {});
  await new Promise((resolve) => socket.once("close", resolve).once("end", resolve).resume());
  assertEquals([tickets, listener.counts().refused.tls], [0, 2]);
});

test("sessions are resumed by those who were let in, and not by others of the same process", required, async (
  { port, log },
  world,
) => {
  const session = `${world.authority.folder}/session.pem`;
  const resume = (to: number, pair: KeyPair, ...options: string[]) => {
    const certificate = ["-cert", pair.certFile, "-key", pair.keyFile];
    const address = ["-connect", `127.0.0.1:${to}`, "-servername", "localhost", "-CAfile", world.authority.caFile];
    // Time for the ticket to come, which nothing announces.
    const script = `(cat; sleep 0.3) | openssl s_client "$@" 2>&1`;
    return runProcess("sh", ["-c", script, "sh", ...address, ...certificate, ...options], { stdin: "" });
  };
  const stranger = await (await CertificateAuthority.create()).issue({ subject: "/CN=stranger" });
  // One that asks for certificates and lets everybody in, as an application may have it for other purposes.
  const lax = createServer({
    key: await Deno.readTextFile(world.server.keyFile),
    cert: await Deno.readTextFile(world.server.certFile),
    ca: world.ca,
    requestCert: true,
    rejectUnauthorized: false,
  }, (socket: TLSSocket) => void socket.on("error", () => {}).resume());
  await new Promise<void>((resolve) => lax.listen(0, "127.0.0.1", resolve));
  const address = lax.address();
  const laxPort = typeof address === "object" && address !== null ? address.port : 0;
  for (const version of ["-tls1_2", "-tls1_3"]) {
    await resume(port, world.client, version, "-sess_out", session);
    const { stdout } = await resume(port, world.client, version, "-sess_in", session);
    assertMatch(stdout, /^Reused, TLSv1/m);
    await resume(laxPort, stranger, version, "-sess_out", session);
    const before = log.length;
    await resume(port, stranger, version, "-sess_in", session);
    await until(() => log.length > before, "the refusal");
    assertStringIncludes(
      log.at(-1) ?? "",
      "CN=stranger cannot be verified: it was not verified when the session began",
    );
  }
  await new Promise((resolve) => lax.close(resolve));
});

test("revoked certificates are refused, and those of an issuer without a list", async (world) => {
  revoked = await world.authority.issue({ subject: "/CN=revoked" });
  return { ...required(world), crlFile: await world.authority.revocationList([revoked]) };
}, async ({ open, connect, log }, world) => {
  if (revoked === undefined) return;
  await connect(await secure(await open(), world, credentials(world.client)));
  const pair = revoked;
  await assertRefused(async () => secure(await open(), world, credentials(pair)));
  await until(() => log.some((line) => line.includes("CN=revoked is refused: revoked")), "the line in the log");
});
let revoked: KeyPair | undefined;

test("a list that is out of date lets nobody in", async (world) => ({
  ...required(world),
  crlFile: await world.authority.revocationList([], -1),
}), async ({ open, log }, world) => {
  await assertRefused(async () => secure(await open(), world, credentials(world.client)));
  await until(() => log.some((line) => line.includes("list of its issuer is out of date")), "the line in the log");
});

test("authorities can be in a folder, and certificates come with those in between", async (world) => {
  const folder = `${world.authority.folder}/authorities`;
  await Deno.mkdir(folder);
  await Deno.copyFile(world.authority.caFile, `${folder}/ca.pem`);
  await Deno.symlink("ca.pem", `${folder}/0a1b2c3d.0`);
  await Deno.writeTextFile(`${folder}/README`, "not a certificate");
  return { requireCertificate: true, caPath: folder };
}, async ({ open, connect }, world) => {
  await connect(await secure(await open(), world, credentials(world.client)));
  const between = await world.authority.issue({ subject: "/CN=between", extensions: AUTHORITY });
  const leaf = await issueBelow(world.authority, between);
  await connect(await secure(await open(), world, leaf));
});

async function issueBelow({ folder }: CertificateAuthority, between: KeyPair): Promise<ConnectionOptions> {
  await using below = await CertificateAuthority.create();
  await Deno.copyFile(between.certFile, `${below.folder}/ca.crt`);
  await Deno.copyFile(between.keyFile, `${below.folder}/ca.key`);
  const leaf = credentials(await below.issue({ subject: "/CN=leaf" }));
  assert(folder !== below.folder);
  return { ...leaf, cert: `${leaf.cert}${await Deno.readTextFile(between.certFile)}` };
}

test("certificates are read again without dropping anybody", async ({ authority }) => {
  const pair = await authority.issue({ subject: "/CN=localhost", extensions: SERVER });
  await Deno.copyFile(pair.certFile, `${authority.folder}/live.crt`);
  await Deno.copyFile(pair.keyFile, `${authority.folder}/live.key`);
  return { certFile: `${authority.folder}/live.crt`, keyFile: `${authority.folder}/live.key` };
}, async ({ open, connect, listener }, world) => {
  const { folder } = world.authority;
  const old = await connect(await secure(await open(), world));
  const next = await world.authority.issue({
    subject: "/CN=localhost",
    extensions: ["subjectAltName=DNS:new.example"],
  });
  await Deno.copyFile(next.certFile, `${folder}/live.crt`);
  const error = assertThrows(() => listener.reload(), Error);
  assertStringIncludes(error.message, "live.crt");
  await connect(await secure(await open(), world));
  await Deno.copyFile(next.keyFile, `${folder}/live.key`);
  listener.reload();
  await connect(await secure(await open(), world, { servername: "new.example" }));
  assertEquals(await old.barrier(), []);
});

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

Deno.test({
  name: "tls listener: mosquitto_pub and mosquitto_sub, with and without certificates of their own",
  ignore: !hasOpenssl || !hasMosquitto,
  async fn() {
    if (world === undefined) return;
    const { authority, client, server } = world;
    for (const tls of [server, { ...server, ...required(world) }]) {
      await withListener({ tls }, async ({ port }) => {
        const own = "caFile" in tls ? ["--cert", client.certFile, "--key", client.keyFile] : [];
        const address = ["-h", "localhost", "-p", String(port), "--cafile", authority.caFile, ...own];
        for (const version of ["311", "5"]) {
          await using subscriber = await Subscriber.start([...address, "-V", version, "-t", "t", "-q", "1"]);
          const { code, stderr } = await mosquittoPub([...address, "-V", version, "-t", "t", "-q", "1", "-m", "hello"]);
          assertEquals([code, stderr], [0, ""]);
          assertEquals((await subscriber.messages(1)).map(({ payload }) => payload), ["hello"]);
        }
        if (own.length > 0) {
          const { code } = await mosquittoPub([
            "-h",
            "localhost",
            "-p",
            String(port),
            "--cafile",
            authority.caFile,
            "-t",
            "t",
            "-n",
          ]);
          assert(code !== 0);
        }
      })();
    }
  },
});

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
