/** The admin listener with TLS, and with a token or a certificate that changes while it listens. */

import { assert, assertEquals, assertMatch, assertRejects, assertThrows } from "@std/assert";
import { Broker, listenAdmin } from "../../broker/mod.ts";
import { parseArguments, UsageError } from "../../broker/deno/arguments.ts";
import { connect } from "../../client/mod.ts";
import { parse } from "../config/sources.ts";
import { startConfigured } from "../config/program.ts";
import { bounded, until } from "../support/broker.ts";
import { CertificateAuthority, hasOpenssl, type KeyPair, SERVER } from "../support/certificates.ts";

const TOKEN = "0123456789abcdef";
const OTHER = "fedcba9876543210";
const WATCHDOG = 40_000;

/** Asks as one who trusts an authority; undefined if there is no connection. */
async function statusOf(url: string, ca: string, token: string): Promise<number | undefined> {
  using client = Deno.createHttpClient({ caCerts: [ca] });
  const headers = { authorization: `Bearer ${token}` };
  const response = await fetch(url, { client, headers }).catch(() => undefined);
  await response?.body?.cancel();
  return response?.status;
}

/** A certificate for this machine, by an authority of its own. */
async function certified(authorityName?: string) {
  await using opened = new AsyncDisposableStack();
  const authority = opened.use(await CertificateAuthority.create(authorityName));
  const tls = await authority.issue({ subject: "/CN=localhost", extensions: SERVER });
  const ca = await Deno.readTextFile(authority.caFile);
  const kept = opened.move();
  return { tls, ca, folder: authority.folder, [Symbol.asyncDispose]: () => kept.disposeAsync() };
}

/** Its lines in a configuration. */
function encryption({ certFile, keyFile }: KeyPair): string[] {
  return [`admin_certfile ${certFile}`, `admin_keyfile ${keyFile}`];
}

Deno.test({
  name: "admin listener: it encrypts, MQTT over WebSocket too, and takes up another certificate while it listens",
  ignore: !hasOpenssl,
  fn: () =>
    bounded(async () => {
      await using first = await certified();
      await using second = await certified("Other CA");
      await using broker = new Broker({ sysInterval: 0 });
      await using admin = await listenAdmin(broker, { port: 0, token: TOKEN, tls: first.tls });
      const { port } = admin.address;
      const url = `https://127.0.0.1:${port}/metrics`;
      assertEquals(await statusOf(url, first.ca, TOKEN), 200);
      assertEquals(await statusOf(url, second.ca, TOKEN), undefined);
      await assertRejects(() => fetch(`http://127.0.0.1:${port}/healthz`));

      {
        using httpClient = Deno.createHttpClient({ caCerts: [first.ca] });
        const tickets = await fetch(`https://127.0.0.1:${port}/api/v1/tickets`, {
          client: httpClient,
          method: "POST",
          headers: { authorization: `Bearer ${TOKEN}` },
        });
        const { ticket } = await tickets.json();
        const mqtt = { tls: { ca: first.ca } };
        await using client = await connect(`wss://127.0.0.1:${port}/mqtt?ticket=${ticket}`, mqtt);
        assertEquals(client.state.kind, "connected");
        const [session] = broker.inspection.clients();
        assertEquals(session?.connection?.client.peer.protocol, "wss");
      }

      await Deno.copyFile(second.tls.keyFile, first.tls.keyFile);
      assertThrows(() => admin.reload(), Error, first.tls.keyFile);
      assertThrows(() => admin.reload(OTHER), Error, first.tls.keyFile);
      assertEquals(await statusOf(url, first.ca, TOKEN), 200, "all stays when a file cannot be used");
      await Deno.copyFile(second.tls.certFile, first.tls.certFile);
      admin.reload();
      assertEquals(await statusOf(url, second.ca, TOKEN), 200);
      assertEquals(await statusOf(url, first.ca, TOKEN), undefined);

      const missing = { certFile: `${first.folder}/none.crt`, keyFile: first.tls.keyFile };
      await assertRejects(() => listenAdmin(broker, { port: 0, tls: missing }), Error, missing.certFile);
    }, WATCHDOG),
});

Deno.test({
  name: "admin listener: it does not wait for handshakes, requests and WebSockets that are under way when it closes",
  ignore: !hasOpenssl,
  fn: () =>
    bounded(async () => {
      await using certificate = await certified();
      for (const encryption of [undefined, certificate.tls]) {
        await using broker = new Broker({ sysInterval: 0 });
        const admin = await listenAdmin(broker, { port: 0, tls: encryption });
        const { port } = admin.address;
        using silent = await Deno.connect({ hostname: "127.0.0.1", port });
        const url = `${encryption === undefined ? "ws" : "wss"}://127.0.0.1:${port}/mqtt`;
        await using client = await connect(url, { reconnect: false, tls: encryption && { ca: certificate.ca } });
        using httpClient = Deno.createHttpClient({ caCerts: [certificate.ca] });
        const events = await fetch(`${url.replace("ws", "http").replace("/mqtt", "/api/v1/events")}`, {
          client: httpClient,
        });
        // A handshake that says nothing would be given up by itself after 10 seconds.
        await bounded(() => admin.close(), 8_000);
        assertEquals(await silent.read(new Uint8Array(1)).catch(() => null), null);
        await events.text().catch(() => "");
        await client.closed;
      }
    }, WATCHDOG),
});

Deno.test("admin listener: another token holds at once, and ends what those with the old one have open", () =>
  bounded(async () => {
    await using broker = new Broker({ sysInterval: 0 });
    await using admin = await listenAdmin(broker, { port: 0, token: TOKEN });
    const base = `127.0.0.1:${admin.address.port}`;
    const ask = (path: string, token: string, method = "GET") => {
      return fetch(`http://${base}/api/v1/${path}`, { method, headers: { authorization: `Bearer ${token}` } });
    };
    const ticketWith = async (token: string): Promise<string> =>
      (await (await ask("tickets", token, "POST")).json()).ticket;
    const [first, unused] = [await ticketWith(TOKEN), await ticketWith(TOKEN)];
    await using client = await connect(`ws://${base}/mqtt?ticket=${first}`, { reconnect: false });
    const events = await ask("events?topics=true", TOKEN);

    admin.reload(TOKEN);
    assertEquals(client.state.kind, "connected", "the same token ends nothing");
    assertThrows(() => admin.reload("short"), RangeError, "16 or more");
    admin.reload(OTHER);
    await events.text();
    await until(() => broker.counts().connections === 0, "the WebSocket to end");
    const refused = await ask("info", TOKEN);
    assertEquals(refused.status, 401);
    await refused.body?.cancel();
    await assertRejects(() => connect(`ws://${base}/mqtt?ticket=${unused}`, { reconnect: false }));
    assertEquals((await (await ask("info", OTHER)).json()).features.token, true);
    await using again = await connect(`ws://${base}/mqtt?ticket=${await ticketWith(OTHER)}`);
    assertEquals(again.state.kind, "connected");

    await using open = await listenAdmin(broker, { port: 0 });
    assertThrows(() => open.reload(OTHER), TypeError, "from the start");
  }));

Deno.test("admin program: certificate and key stand together, on the command line and in the file", () => {
  const { admin } = parse("admin_listener 9001\nadmin_certfile /a.crt\nadmin_keyfile /a.key\n");
  assertEquals(admin?.tls, { certFile: "/a.crt", keyFile: "/a.key" });
  assertThrows(() => parse("admin_listener 9001\nadmin_certfile /a.crt\n"), Error, "must stand with admin_keyfile");
  assertThrows(() => parse("admin_listener 9001\nadmin_keyfile /a.key\n"), Error, "must stand with admin_certfile");
  assertEquals(parse("admin_certfile /a.crt\nadmin_keyfile /a.key\n").warnings.length, 2);
  const command = parseArguments(["--admin", "0", "--admin-cert", "/a.crt", "--admin-key", "/a.key"]);
  assert(command.kind === "run");
  assertEquals(command.arguments.adminTls, { certFile: "/a.crt", keyFile: "/a.key" });
  for (const args of [["--admin-cert", "/a.crt"], ["--admin-key=/a.key"], ["--admin-cert", "--admin-key", "/a.key"]]) {
    assertThrows(() => parseArguments(["--admin", "0", ...args]), UsageError);
  }
});

Deno.test({
  name: "admin program: reading the configuration again takes up the token file and the certificate, or all stays",
  ignore: Deno.build.os === "windows" || !hasOpenssl,
  fn: () =>
    bounded(async () => {
      await using first = await certified();
      await using second = await certified("Other CA");
      const tokenFile = `${first.folder}/token`;
      await Deno.writeTextFile(tokenFile, `${TOKEN}\n`);
      await using broker = await startConfigured([
        "listener {port} 127.0.0.1",
        "allow_anonymous true",
        "admin_listener {port2}",
        `admin_token_file ${tokenFile}`,
        ...encryption(first.tls),
      ]);
      const url = `https://127.0.0.1:${broker.ports[1]}/api/v1/info`;
      assertEquals(await statusOf(url, first.ca, TOKEN), 200);

      await Deno.writeTextFile(tokenFile, "short\n");
      await broker.reload();
      assertMatch(broker.process.stderr, /Cannot reload: .*16 or more visible ASCII/);
      assertEquals(await statusOf(url, first.ca, TOKEN), 200);

      await Deno.writeTextFile(tokenFile, `${OTHER}\n`);
      await Deno.copyFile(second.tls.certFile, first.tls.certFile);
      await Deno.copyFile(second.tls.keyFile, first.tls.keyFile);
      await broker.reload();
      assertEquals(await statusOf(url, second.ca, TOKEN), 401);
      assertEquals(await statusOf(url, second.ca, OTHER), 200);
      assertEquals(await statusOf(url, first.ca, OTHER), undefined);
    }, WATCHDOG),
});

Deno.test({
  name: "admin program: reading the configuration again takes up the token, and names what needs a restart",
  ignore: Deno.build.os === "windows" || !hasOpenssl,
  fn: () =>
    bounded(async () => {
      await using first = await certified();
      await using second = await certified("Other CA");
      const [tokenFile, otherFile] = [`${first.folder}/token`, `${second.folder}/token`];
      await Deno.writeTextFile(tokenFile, TOKEN);
      await Deno.writeTextFile(otherFile, TOKEN);
      const open = ["listener {port} 127.0.0.1", "allow_anonymous true"];
      const files = [`admin_token_file ${tokenFile}`, ...encryption(first.tls)];
      const otherFiles = [`admin_token_file ${otherFile}`, ...encryption(second.tls)];
      await using broker = await startConfigured([...open, ...files, "admin_listener {port2}"]);
      const url = `https://127.0.0.1:${broker.ports[1]}/api/v1/info`;
      const warningsOf = async (lines: readonly string[]) => {
        const before = broker.process.stderr.length;
        await broker.configure([...open, ...lines]);
        await broker.reload();
        const told = broker.process.stderr.slice(before).matchAll(/Other settings for (\w+) need a restart\./g);
        return Array.from(told, ([, name]) => name);
      };

      await Deno.writeTextFile(tokenFile, OTHER);
      const elsewhere = ["admin_listener {port3}", "admin_host broker.example.org"];
      assertEquals(await warningsOf([...files, ...elsewhere]), ["admin_listener", "admin_host"]);
      assertEquals(await statusOf(url, first.ca, OTHER), 200, "where it listened before, with the token of now");
      assertEquals(await statusOf(url, first.ca, TOKEN), 401);

      assertEquals(await warningsOf([...otherFiles, "admin_listener {port2}"]), [
        "admin_token_file",
        "admin_certfile",
        "admin_keyfile",
      ]);
      assertEquals(await statusOf(url, first.ca, OTHER), 200, "with the files of the start");
      assertEquals(await warningsOf([]), ["admin_listener", "admin_token_file", "admin_certfile", "admin_keyfile"]);
      assertEquals(await warningsOf([...files, "admin_listener {port2}"]), []);
      assertEquals(await statusOf(url, first.ca, OTHER), 200);
    }, WATCHDOG),
});
