/** The admin listener of the program: options of command line and configuration file, reload, log, bridges. */

import { assert, assertEquals, assertMatch, assertRejects } from "@std/assert";
import { connect } from "../../client/mod.ts";
import { parse } from "../config/sources.ts";
import { startConfigured } from "../config/program.ts";
import { bounded } from "../support/broker.ts";
import { RunningProcess } from "../support/process.ts";
import { RawClient } from "../support/raw_client.ts";
import { ConfigurationError } from "../../broker/config/errors.ts";
import { parseArguments, UsageError } from "../../broker/deno/arguments.ts";

const WATCHDOG = 40_000;
const OPENED = /Opening admin listen socket on (\S+) port (\d+)\./;

Deno.test("admin program: the configuration file says where, with which token, and for which names", () => {
  assertEquals(parse("").admin, undefined);
  const local = parse("admin_listener 9001\n").admin;
  assertEquals(local, { hostname: "127.0.0.1", port: 9001, tokenFile: undefined, tls: undefined, hosts: [] });
  const wide = parse(
    "admin_host a.example\nadmin_listener 9001 0.0.0.0\nadmin_token_file /etc/token\nlistener 1883\nadmin_host b.example\n",
  ).admin;
  assertEquals(wide, {
    hostname: "0.0.0.0",
    port: 9001,
    tokenFile: "/etc/token",
    tls: undefined,
    hosts: ["a.example", "b.example"],
  });
  const { admin, warnings } = parse("admin_token_file /etc/token\n");
  assertEquals([admin, warnings.length], [undefined, 1]);
  const wrong: readonly [text: string, message: RegExp][] = [
    ["admin_listener\n", /admin_listener must be a port/],
    ["admin_listener http\n", /received "http"/],
    ["admin_listener 65536\n", /received "65536"/],
    ["admin_listener 9001 0.0.0.0\n", /must stand with admin_token_file, as 0\.0\.0\.0 is not loopback/],
    ["admin_listener 9001 ::\n", /must stand with admin_token_file/],
    ["admin_listener 9001\nadmin_host b.example:9001\n", /must be a name such as .*, received "b\.example:9001"/],
  ];
  for (const [text, message] of wrong) {
    let error: unknown;
    try {
      parse(text);
    } catch (thrown) {
      error = thrown;
    }
    assert(error instanceof ConfigurationError, text);
    assertMatch(error.message, message);
  }
});

Deno.test("admin program: the command line says where", () => {
  const admin = (...args: string[]) => {
    const command = parseArguments(args);
    return command.kind === "run" ? command.arguments.admin : undefined;
  };
  assertEquals(admin(), undefined);
  assertEquals(admin("--admin", "9001"), { hostname: "127.0.0.1", port: 9001 });
  assertEquals(admin("--admin", "0.0.0.0:0"), { hostname: "0.0.0.0", port: 0 });
  assertEquals(admin("--admin=[::1]:9001"), { hostname: "::1", port: 9001 });
  for (const text of ["", "x", ":9001", "::1:9001", "[::1]", "localhost:", "1:65536", "a:b:1"]) {
    let error: unknown;
    try {
      admin(`--admin=${text}`);
    } catch (thrown) {
      error = thrown;
    }
    assert(error instanceof UsageError, text);
  }
});

Deno.test({
  name: "admin program: it shows listeners and log, reads the file again, and tells what was wrong there",
  ignore: Deno.build.os === "windows",
  fn: () =>
    bounded(async () => {
      const tokenFile = await Deno.makeTempFile();
      await Deno.writeTextFile(tokenFile, "a-token-of-the-test\n");
      const admin = [`admin_token_file ${tokenFile}`, "admin_listener {port2}"];
      const open = ["listener {port} 127.0.0.1", "allow_anonymous true", ...admin];
      await using broker = await startConfigured(open);
      const base = `http://127.0.0.1:${broker.ports[1]}`;
      const headers = { authorization: "Bearer a-token-of-the-test" };
      assertEquals((await (await fetch(`${base}/api/v1/info`)).json()).error, "unauthorized");
      const get = async (path: string, method = "GET") => {
        return await (await fetch(`${base}/api/v1/${path}`, { method, headers })).json();
      };
      await using client = await RawClient.connect(broker.port, { clientId: "ann" });
      const info = await get("info");
      assertEquals(info.listeners, [{ hostname: "127.0.0.1", port: broker.port, protocol: "mqtt", connections: 1 }]);
      assertEquals(info.features, { token: true, reload: true, log: true, mqtt: "admin" });
      const { lines } = await get("log");
      assert(lines.some(({ text }: { text: string }) => text.includes("as ann")), JSON.stringify(lines));
      assertMatch(await (await fetch(`${base}/`)).text(), /<script/);

      await broker.configure(["listener {port} 127.0.0.1", "allow_anonymous perhaps", ...admin]);
      const failed = await get("reload", "POST");
      assertEquals(failed.ok, false);
      assertMatch(failed.messages.join("\n"), /allow_anonymous must be true or false/);
      await broker.configure(["listener {port} 127.0.0.1", "allow_anonymous false", ...admin]);
      const reloaded = await get("reload", "POST");
      assertEquals(reloaded.ok, true);
      assertMatch(reloaded.messages.join("\n"), /Config reloaded/);
      await client.expectDisconnect(0x87);
      await Deno.remove(tokenFile);
    }, WATCHDOG),
});

Deno.test({
  name: "admin program: --admin opens it, and what is in the way ends the program with a reason",
  fn: () =>
    bounded(async () => {
      const args = ["run", "-A", "broker/mod.ts", "-p", "0", "--admin", "0"];
      await using broker = new RunningProcess(Deno.execPath(), args);
      const [, hostname, port] = await broker.waitForLine(OPENED);
      assertEquals(hostname, "127.0.0.1");
      const ready = await fetch(`http://127.0.0.1:${port}/readyz`);
      assertEquals(await ready.json(), { status: "ok", listeners: true, store: true });
      await using second = new RunningProcess(Deno.execPath(), [...args.slice(0, -1), `${port}`]);
      await second.waitForLine(/Cannot listen on 127\.0\.0\.1 port \d+ for admin: .*in use/i);
      await using third = new RunningProcess(Deno.execPath(), [...args.slice(0, -1), "0.0.0.0:0"]);
      await third.waitForLine(/for admin: .*there must be a token/);
    }, WATCHDOG),
});

Deno.test({
  name:
    "admin program: without a token, MQTT clients there go by the rules of the first listener, also by those of another one",
  ignore: Deno.build.os === "windows",
  fn: () =>
    bounded(async () => {
      await using broker = await startConfigured([
        "listener {port} 127.0.0.1",
        "allow_anonymous true",
        "admin_listener {port2}",
      ]);
      const url = `ws://127.0.0.1:${broker.ports[1]}/mqtt`;
      await using client = await connect(url, { reconnect: false });
      assertEquals(client.state.kind, "connected");
      await broker.configure(["listener {port3} 127.0.0.1", "allow_anonymous false", "admin_listener {port2}"]);
      await broker.reload();
      await client.closed;
      await assertRejects(() => connect(url, { reconnect: false }), Error, "Not authorized");
    }, WATCHDOG),
});
