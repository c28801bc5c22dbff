/** SIGHUP: listeners that come, go and change. */

import { assert, assertEquals, assertMatch, assertRejects, assertStringIncludes } from "@std/assert";
import { connect } from "../../client/mod.ts";
import { bounded } from "../support/broker.ts";
import { CertificateAuthority, hasOpenssl, SERVER } from "../support/certificates.ts";
import { accepts } from "../support/ports.ts";
import { RawClient } from "../support/raw_client.ts";
import { type ConfiguredBroker, OPEN, startConfigured } from "./program.ts";

const WATCHDOG = 40_000;

function test(name: string, body: () => Promise<void>, needsOpenssl: boolean = false): void {
  Deno.test({
    name: `broker config: SIGHUP ${name}`,
    ignore: Deno.build.os === "windows" || (needsOpenssl && !hasOpenssl),
    fn: () => bounded(body, WATCHDOG),
  });
}

test("opens listeners that are new, and leaves the others alone", async () => {
  await using broker = await startConfigured(OPEN);
  await using client = await RawClient.connect(broker.port, { clientId: "stays" });
  const [, second = 0, third = 0] = broker.ports;
  await broker.configure([
    ...["listener {port2} 127.0.0.1", "allow_anonymous true", "max_topic_alias 4", ...OPEN.slice(0, 1)],
    ...["listener {port3} 127.0.0.1", "protocol websockets", "listener 0 {folder}/mqtt.sock"],
  ]);
  await broker.reload();
  assertEquals(await client.barrier(), []);
  await using other = await RawClient.connect(second, { clientId: "other" });
  assertEquals(other.connack?.properties?.topicAliasMaximum, 4);
  const urls = [`ws://127.0.0.1:${third}`, `mqtt+unix://${broker.folder}/mqtt.sock`];
  for (const url of urls) {
    await using ours = await connect(url);
    await ours.publish("a", "b", { qos: 1 });
  }
  // As Mosquitto has it.
  assertEquals(((await Deno.stat(`${broker.folder}/mqtt.sock`)).mode ?? 0) & 0o777, 0o770);
  // Nothing is opened twice, and nothing new is left out.
  await broker.reload();
  assertEquals(await other.barrier(), []);
  assertEquals(broker.process.stderr.match(/Opening /g)?.length, 4);
});

test("closes listeners that are gone, and ends their clients alone", async () => {
  const more = ["listener {port2} 127.0.0.1", "listener 0 {folder}/mqtt.sock"];
  await using broker = await startConfigured([...OPEN, ...more]);
  await using stays = await RawClient.connect(broker.port, { clientId: "stays" });
  const [, second = 0] = broker.ports;
  await using goes = await RawClient.connect(second, { clientId: "goes" });
  await using old = await RawClient.connect(second, { clientId: "old", version: 4 });
  await broker.configure(OPEN);
  await broker.reload();
  await goes.expectDisconnect(0x98);
  await old.expectClosed();
  assertEquals(await stays.barrier(), []);
  assertEquals(await accepts(second), false);
  await assertRejects(() => Deno.stat(`${broker.folder}/mqtt.sock`), Deno.errors.NotFound);
  assertStringIncludes(broker.process.stderr, `Closing listen socket on 127.0.0.1 port ${second}.`);
  await broker.configure([...OPEN, ...more]);
  await broker.reload();
  assert(await accepts(second));
});

test("says what cannot be opened, and tries again the next time", async () => {
  await using broker = await startConfigured(OPEN);
  const [, second = 0, third = 0] = broker.ports;
  await using client = await RawClient.connect(broker.port, { clientId: "stays" });
  {
    using _taken = Deno.listen({ hostname: "127.0.0.1", port: second });
    await broker.configure([...OPEN, "listener {port2} 127.0.0.1", "listener {port3} 127.0.0.1"]);
    await broker.reload();
    assertMatch(broker.process.stderr, new RegExp(`Cannot listen on 127\\.0\\.0\\.1 port ${second}: .*in use`));
    assert(await accepts(third));
  }
  assertEquals(await client.barrier(), []);
  await broker.reload();
  assert(await accepts(second));
});

test("turns a listener to WebSockets in its place, and ends clients that came without", async () => {
  await using broker = await startConfigured(OPEN);
  await using client = await RawClient.connect(broker.port, { clientId: "plain" });
  await broker.configure([...OPEN, "protocol websockets", "http_dir {folder}"]);
  await broker.reload();
  await client.expectDisconnect(0x98);
  await using ours = await connect(`ws://127.0.0.1:${broker.port}`);
  await ours.publish("a", "b", { qos: 1 });
  const page = await fetch(`http://127.0.0.1:${broker.port}/mosquitto.conf`);
  assertStringIncludes(await page.text(), "protocol websockets");
  assertEquals(broker.process.stderr.match(/Opening /g)?.length, 1);
});

test("takes certificates from other paths, and connections go on", async () => {
  await using first = await CertificateAuthority.create("First");
  await using second = await CertificateAuthority.create("Second");
  await using broker = await startConfigured(await encrypted(first));
  await using before = await connect(...await to(broker, first));
  await broker.configure(await encrypted(second));
  await broker.reload();
  await using after = await connect(...await to(broker, second));
  await assertRejects(async () => await connect(...await to(broker, first)));
  for (const client of [before, after]) assert((await client.publish("a", "b", { qos: 1 })).ok);
  // Without a certificate nothing is changed.
  await broker.configure([...await encrypted(first), "crlfile /nowhere/crl.pem", `cafile ${first.caFile}`]);
  await broker.reload();
  assertStringIncludes(broker.process.stderr, "Cannot reload: Cannot use crlFile /nowhere/crl.pem");
  await using still = await connect(...await to(broker, second));
  assert((await still.publish("a", "b", { qos: 1 })).ok);
}, true);

test("ends clients whose certificates were revoked, and those alone", async () => {
  await using authority = await CertificateAuthority.create();
  const [device, lost] = [
    await authority.issue({ subject: "/CN=device" }),
    await authority.issue({ subject: "/CN=lost" }),
  ];
  const linesWith = async (crl: string) => [
    ...await encrypted(authority),
    ...[`cafile ${authority.caFile}`, "require_certificate true", `crlfile ${crl}`],
  ];
  await using broker = await startConfigured(await linesWith(await authority.revocationList([])));
  const [url, { tls }] = await to(broker, authority);
  const connectAs = async ({ certFile, keyFile }: typeof device) =>
    await connect(url, {
      reconnect: false,
      tls: { ...tls, cert: await Deno.readTextFile(certFile), key: await Deno.readTextFile(keyFile) },
    });
  await using stays = await connectAs(device);
  await using goes = await connectAs(lost);
  const ended = new Promise((resolve) => goes.addEventListener("disconnect", resolve, { once: true }));
  await broker.configure(await linesWith(await authority.revocationList([lost])));
  await broker.reload();
  await ended;
  assert((await stays.publish("a", "b", { qos: 1 })).ok);
}, true);

test("ends clients that gave their names themselves when certificates are to say them", async () => {
  await using authority = await CertificateAuthority.create();
  const { certFile, keyFile } = await authority.issue({ subject: "/CN=device" });
  const lines = [...await encrypted(authority), `cafile ${authority.caFile}`, "require_certificate true"];
  await using broker = await startConfigured(lines);
  const [url, { tls }] = await to(broker, authority);
  await using eve = await connect(url, {
    username: "ann",
    reconnect: false,
    tls: { ...tls, cert: await Deno.readTextFile(certFile), key: await Deno.readTextFile(keyFile) },
  });
  const ended = new Promise((resolve) => eve.addEventListener("disconnect", resolve, { once: true }));
  await broker.configure([...lines, "use_identity_as_username true"]);
  await broker.reload();
  await ended;
}, true);

test("says what needs a restart", async () => {
  await using broker = await startConfigured([...OPEN, "mount_point one/"]);
  await broker.configure([...OPEN, "mount_point two/", "persistence true", "persistence_location {folder}/"]);
  await broker.reload();
  assertStringIncludes(broker.process.stderr, `The mount_point of 127.0.0.1 port ${broker.port} stays as it is`);
  assertStringIncludes(broker.process.stderr, "Other settings for persistence need a restart.");
});

/** A listener with a certificate of an authority. */
async function encrypted(authority: CertificateAuthority): Promise<string[]> {
  const { certFile, keyFile } = await authority.issue({ subject: "/CN=localhost", extensions: SERVER });
  return [...OPEN, `certfile ${certFile}`, `keyfile ${keyFile}`];
}

async function to({ port }: ConfiguredBroker, { caFile }: CertificateAuthority) {
  const tls = { ca: await Deno.readTextFile(caFile) };
  return [`mqtts://localhost:${port}`, { tls, reconnect: false }] as const;
}
