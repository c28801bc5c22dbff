/** TLS listeners: certificates of clients, revoked ones, sessions that are resumed, and files that change. */

import { assert, assertEquals, assertMatch, assertRejects, assertStringIncludes, assertThrows } from "@std/assert";
import { connect as connectTls, type ConnectionOptions, createServer, type TLSSocket } from "node:tls";
import type { Peer } from "../../broker/mod.ts";
import { duplexOf, Wire } from "../../broker/deno/tls_transport.ts";
import { bounded, until } from "../support/broker.ts";
import { AUTHORITY, CertificateAuthority, hasOpenssl, type KeyPair, SERVER } from "../support/certificates.ts";
import { runProcess } from "../support/process.ts";
import { withListener } from "./support.ts";
import { assertRefused, credentials, required, secure, tlsTest as test, world } from "./tls_support.ts";

Deno.test({
  name: "tls listener: hooks see what a client's certificate says",
  ignore: !hasOpenssl,
  fn: () =>
    bounded(async () => {
      const here = world;
      if (here === undefined) return;
      const peers: Peer[] = [];
      const authenticate = ({ peer }: { peer: Peer }) => peers.push(peer) > 0;
      const tls = { ...here.server, ...required(here) };
      const subjects: string[] = [];
      await withListener({ tls, broker: { authenticate } }, async ({ open, connect }) => {
        for (const subject of ["/CN=plain", "/O=Überall+OU=x/CN= #a\\,b\\\\ "]) {
          const pair = await here.authority.issue({ subject });
          await connect(await secure(await open(), here, credentials(pair)));
          subjects.push(await opensslSubject(pair));
        }
        await connect(await secure(await open(), here, credentials(here.client)));
        subjects.push(await opensslSubject(here.client));
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
  await using other = await CertificateAuthority.create();
  const pair = await other.issue({ subject: "/CN=stranger" });
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
  await using other = await CertificateAuthority.create();
  const stranger = await other.issue({ subject: "/CN=stranger" });
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
