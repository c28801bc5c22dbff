/** The program with a configuration file: flags, files, users, signals. */

import { assert, assertEquals, assertMatch, assertRejects, assertStringIncludes } from "@std/assert";
import { SqliteStore } from "../../broker/sqlite_store.ts";
import { subscriptionTree } from "../../broker/deno/subscription_tree.ts";
import { bounded } from "../support/broker.ts";
import { hasProgram } from "../support/mosquitto.ts";
import { freePort } from "../support/ports.ts";
import { RunningProcess, runProcess } from "../support/process.ts";
import { RawClient } from "../support/raw_client.ts";
import { OPEN, startConfigured } from "./program.ts";

const WATCHDOG = 40_000;
/** Ports below this one are for root. */
const privilegedPorts = Deno.build.os === "linux"
  ? Number(Deno.readTextFileSync("/proc/sys/net/ipv4/ip_unprivileged_port_start"))
  : 0;
const isRoot = Deno.build.os === "linux" && Deno.uid() === 0;

function run(...args: string[]) {
  return runProcess(Deno.execPath(), ["run", "-A", "broker/mod.ts", ...args]);
}

/** Runs `body` with the path of a file that has this text. */
async function withFile(text: string, body: (path: string) => Promise<void>): Promise<void> {
  const path = await Deno.makeTempFile({ suffix: ".conf" });
  try {
    await Deno.writeTextFile(path, text);
    await body(path);
  } finally {
    await Deno.remove(path);
  }
}

Deno.test("broker cli: --test-config says what is wrong and ends, with status 1 if anything is", () =>
  bounded(async () => {
    await withFile("listener 1884\nretry_interval 5\n", async (path) => {
      const { code, stdout, stderr } = await run("-c", path, "--test-config");
      assertEquals(code, 0);
      assertStringIncludes(stdout, "Listeners: 1, warnings: 1.");
      assertStringIncludes(stderr, `Warning: ${path}:2: retry_interval does nothing here`);
    });
    await withFile("foo\nmax_qos 7\n", async (path) => {
      for (const extra of [["--test-config"], []]) {
        const { code, stderr } = await run("--config-file", path, ...extra);
        assertEquals(code, 1);
        assertStringIncludes(stderr, `\n${path}:1: `);
        assertStringIncludes(stderr, `\n${path}:2: max_qos must be 0, 1 or 2, received "7"\n`);
      }
    });
    const missing = [
      ["password_file /nowhere/users", "Cannot read /nowhere/users: "],
      ["acl_file /nowhere/acl", "Cannot read /nowhere/acl: "],
      ["certfile /nowhere/cert\nkeyfile /nowhere/key", "Cannot use certFile /nowhere/cert: "],
      [
        "admin_listener 0\nadmin_token_file /nowhere/token",
        "admin_token_file must be readable, received /nowhere/token",
      ],
      [
        "admin_listener 0\nadmin_certfile /nowhere/cert\nadmin_keyfile /nowhere/key",
        "Cannot use certFile /nowhere/cert: ",
      ],
      [
        "connection a\naddress 127.0.0.1\ntopic # out\nbridge_cafile /nowhere/ca",
        "Cannot make bridge a: bridge_cafile must be readable, received /nowhere/ca",
      ],
    ] as const;
    for (const [line, message] of missing) {
      await withFile(`listener 1884\n${line}\n`, async (path) => {
        const { code, stderr } = await run("-c", path, "--test-config");
        assertEquals(code, 1);
        assertStringIncludes(stderr, message);
      });
    }
    const { code, stderr } = await run("-c", "/nowhere/mosquitto.conf");
    assertEquals(code, 1);
    assertStringIncludes(stderr, "/nowhere/mosquitto.conf must be readable");
  }, WATCHDOG));

Deno.test("broker cli: without the permission that it takes, --daemon and the look for root are refused with a word about it", () =>
  bounded(async () => {
    const confined = ["run", "--no-prompt", "--allow-net", "--allow-read", "broker/mod.ts"];
    const daemon = await runProcess(Deno.execPath(), [...confined, "-d"]);
    const message = "Cannot run in the background: --daemon must be allowed to start programs (--allow-run)\n";
    assertEquals([daemon.code, daemon.stderr], [1, message]);
    await withFile("listener 1883 127.0.0.1\n", async (path) => {
      const { code, stderr } = await runProcess(Deno.execPath(), [...confined, "-c", path]);
      assertEquals(code, 1);
      assertMatch(stderr, /^Cannot give up the rights of root: Requires sys access/);
    });
  }, WATCHDOG));

Deno.test("broker cli: flags that contradict each other or mean nothing end with status 2", () =>
  bounded(async () => {
    for (
      const [args, mentioned] of [
        [["-c", "x.conf", "--host", "::1"], "--host"],
        [["--log-format", "xml"], '"xml"'],
        [["--durability", "some"], '"some"'],
        [["--config-file="], "--config-file"],
      ] as const
    ) {
      const { code, stderr } = await run(...args);
      assertEquals(code, 2, args.join(" "));
      assertStringIncludes(stderr, mentioned);
    }
  }, WATCHDOG));

Deno.test("broker cli: without a file it listens on both loopback addresses, on each port that is given", () =>
  bounded(async () => {
    const ports = [freePort(), freePort()];
    await using process = new RunningProcess(Deno.execPath(), [
      "run",
      "-A",
      "broker/mod.ts",
      ...ports.flatMap((port) => ["-p", String(port)]),
    ]);
    await process.waitForLine(/ running$/);
    for (const port of ports) {
      await using client = await RawClient.connect(port);
      await client.barrier();
    }
    const opened = process.stderr.split("\n").filter((line) => line.includes("Opening ipv4"));
    assertEquals(opened.length, 2);
  }, WATCHDOG));

Deno.test("broker cli: --host for everybody is warned of", () =>
  bounded(async () => {
    await using process = new RunningProcess(Deno.execPath(), [
      "run",
      "-A",
      "broker/mod.ts",
      "--host",
      "0.0.0.0",
      "-p",
      "0",
    ]);
    await process.waitForLine(/Anyone who can reach 0\.0\.0\.0 may connect/);
    await process.waitForLine(/ running$/);
  }, WATCHDOG));

Deno.test("broker cli: a file without a listener opens loopback on the port of -p", () =>
  bounded(async () => {
    const port = freePort();
    await withFile("user root\nmax_inflight_messages 3\n", async (path) => {
      await using process = new RunningProcess(Deno.execPath(), [
        "run",
        "-A",
        "broker/mod.ts",
        "-c",
        path,
        "-p",
        `${port}`,
      ]);
      await process.waitForLine(/ running$/);
      assertStringIncludes(process.stderr, "Starting in local only mode.");
      assertStringIncludes(process.stderr, `Config loaded from ${path}.`);
      await using client = await RawClient.connect(port);
      assertEquals(client.connack?.properties?.receiveMaximum, 3);
    });
  }, WATCHDOG));

Deno.test("broker cli: pid_file holds the process id while it runs", () =>
  bounded(async () => {
    await using broker = await startConfigured([...OPEN, "pid_file {folder}/broker.pid"]);
    assertEquals(await Deno.readTextFile(`${broker.folder}/broker.pid`), `${broker.process.pid}\n`);
    const { code } = await broker.process.stop();
    assertEquals(code, 0);
    await assertRejects(() => Deno.stat(`${broker.folder}/broker.pid`), Deno.errors.NotFound);
    await withFile("user root\npid_file /nowhere/broker.pid\n", async (path) => {
      const { code, stderr } = await run("-c", path);
      assertEquals(code, 1);
      assertMatch(stderr, /Cannot write pid_file \/nowhere\/broker\.pid: /);
    });
  }, WATCHDOG));

Deno.test({
  name: "broker cli: root's broker runs as the user of the file",
  ignore: !isRoot || !hasProgram("setpriv"),
  fn: () =>
    bounded(async () => {
      const port = freePort();
      const logs = await Deno.makeTempDir();
      await Deno.chmod(logs, 0o777);
      const lines = [
        ...["user nobody", `listener ${port} 127.0.0.1`, "allow_anonymous true"],
        ...["log_dest stderr", `log_dest file ${logs}/log`, ""],
      ];
      await withFile(lines.join("\n"), async (path) => {
        await Deno.chmod(path, 0o644);
        const broker = [Deno.execPath(), "run", "-A", "broker/mod.ts", "-c", path];
        // Root is in groups that its broker must not be in.
        await using process = new RunningProcess("setpriv", ["--groups", "0,4,27", "--", ...broker]);
        await process.waitForLine(/ running$/);
        const status = await Deno.readTextFile(`/proc/${process.pid}/status`);
        assertMatch(status, /^Uid:\t65534\t65534\t65534\t65534$/m);
        assertMatch(status, /^Gid:\t65534\t65534\t65534\t65534$/m);
        assertMatch(status, /^Groups:\t65534 ?$/m);
        assertStringIncludes(process.stderr, "Running as user nobody.");
        assertEquals(process.stderr.includes("Still in the groups"), false);
        await using client = await RawClient.connect(port);
        const folder = await Deno.makeTempDir();
        await Deno.writeTextFile(path, `listener 0 ${folder}/mqtt.sock\nlistener 81 127.0.0.1\n`, { append: true });
        Deno.kill(process.pid, "SIGHUP");
        await process.waitForLine(/Cannot listen on .*mqtt\.sock: .*: the user .* must be allowed to write there$/);
        if (privilegedPorts > 81) await process.waitForLine(/Cannot listen on .* port 81: .*CAP_NET_BIND_SERVICE/);
        await process.waitForLine(/Config reloaded/);
        await client.barrier();
        await Deno.remove(folder);
        assertEquals((await Deno.stat(`${logs}/log`)).uid, 65_534);
      });
      await Deno.remove(logs, { recursive: true });
      await withFile("user nobody-of-that-name\n", async (path) => {
        const { code, stderr } = await run("-c", path);
        assertEquals(code, 1);
        assertStringIncludes(stderr, "Cannot run as nobody-of-that-name: user must be one that exists");
      });
    }, WATCHDOG),
});

Deno.test("broker cli: persistence keeps sessions in a database in persistence_location", () =>
  bounded(async () => {
    const lines = [...OPEN, "persistence true", "persistence_location {folder}/", "persistence_file mine.db"];
    await using broker = await startConfigured(lines);
    const options = { clientId: "keeper", version: 4, cleanStart: false } as const;
    const client = await RawClient.connect(broker.port, options);
    await client.subscribe("a", { qos: 1 });
    await client.disconnect();
    await broker.process.stop();
    await Deno.stat(`${broker.folder}/mine.sqlite`);
    await using again = broker.restart();
    await again.waitForLine(/ running$/);
    await using back = await RawClient.connect(broker.port, options);
    assertEquals(back.connack?.sessionPresent, true);
    await again.stop();
  }, WATCHDOG));

Deno.test("broker cli: a database of Mosquitto is left alone, with a warning", () =>
  bounded(async () => {
    const folder = await Deno.makeTempDir();
    await Deno.writeTextFile(`${folder}/mosquitto.db`, "Mosquitto's");
    await using broker = await startConfigured([...OPEN, "persistence true", `persistence_location ${folder}`]);
    await broker.process.waitForLine(/mosquitto\.db is a database of Mosquitto, which is not read\.$/);
    await broker.process.stop();
    assertEquals(await Deno.readTextFile(`${folder}/mosquitto.db`), "Mosquitto's");
    await Deno.remove(folder, { recursive: true });
  }, WATCHDOG));

Deno.test({
  name: "broker cli: SIGUSR1 and SIGUSR2 are answered in the log",
  ignore: Deno.build.os === "windows",
  fn: () =>
    bounded(async () => {
      await using broker = await startConfigured(OPEN);
      await using client = await RawClient.connect(broker.port, { clientId: "c1" });
      await client.subscribe("a/b/#", { qos: 1 });
      await client.subscribe("a/+", { qos: 2 });
      Deno.kill(broker.process.pid, "SIGUSR1");
      await broker.process.waitForLine(/Nothing to save/);
      Deno.kill(broker.process.pid, "SIGUSR2");
      await broker.process.waitForLine(/: 1 connections, 1 sessions, 2 subscriptions, \d+ retained messages/);
      await broker.process.waitForLine(/\+ \(c1, 2\)$/);
      const lines = broker.process.stderr.trimEnd().split("\n").slice(-4).map((line) => line.replace(/^\d+: /, ""));
      assertEquals(lines, ["  a", "    b", "      # (c1, 1)", "    + (c1, 2)"]);
    }, WATCHDOG),
});

Deno.test("broker cli: the tree of subscriptions has a line for each level, groups, and a bound", () => {
  const subscription = (clientId: string, filter: string, share?: string) => {
    const options = { noLocal: false, retainAsPublished: false, retainHandling: 0, identifier: undefined } as const;
    return { clientId, filter, share, qos: 1, ...options } as const;
  };
  const all = [
    subscription("c1", "a/b"),
    subscription("c2", "/x/"),
    subscription("c2", "a/b", "group"),
    subscription("c3", "a"),
  ];
  assertEquals([...subscriptionTree(all, 4, 10)], [
    ...["  a (c3, 1)", "    b (c1, 1) (group: c2, 1)"],
    ...["  ", "    x", "       (c2, 1)"],
  ]);
  const more = "  and more, 4 subscriptions in all";
  assertEquals([...subscriptionTree(all, 4, 2)], ["  a", "    b (c1, 1)", more]);
  assertEquals([...subscriptionTree(all, 4, 3)], ["  a", "    b (c1, 1) (group: c2, 1)", "  ", more]);
  const deep = subscription("c1", Array.from({ length: 5_000 }, () => "l").join("/"));
  assertEquals([...subscriptionTree([deep], 1, 10)].length, 11);
});

Deno.test({
  name: "broker cli: SIGUSR1 leaves a file that is whole without the log beside it",
  ignore: Deno.build.os === "windows",
  fn: () =>
    bounded(async () => {
      const lines = [...OPEN, "persistence true", "persistence_location {folder}"];
      await using broker = await startConfigured(lines);
      await using client = await RawClient.connect(broker.port, { clientId: "c1", cleanStart: false });
      await client.publish("kept", "here", { qos: 1, retain: true });
      const file = `${broker.folder}/mosquitto.sqlite`;
      assert((await Deno.stat(`${file}-wal`)).size > 0);
      Deno.kill(broker.process.pid, "SIGUSR1");
      await broker.process.waitForLine(/Saved: /);
      assertEquals((await Deno.stat(`${file}-wal`)).size, 0);
      await Deno.copyFile(file, `${broker.folder}/copy.sqlite`);
      using copy = SqliteStore.open(`${broker.folder}/copy.sqlite`);
      assertEquals([...copy.retained()].filter(({ message }) => message.topic === "kept").length, 1);
    }, WATCHDOG),
});

Deno.test({
  name: "broker cli: the debugger that Deno opens on SIGUSR1 is closed again",
  ignore: Deno.build.os === "windows",
  fn: () =>
    bounded(async () => {
      await using broker = await startConfigured(OPEN);
      // Deno begins to look at the signal some time after its start. The port is always the same: it may be taken.
      const answer = /Debugger listening on ws:\/\/(127\.0\.0\.1:\d+)\/(\S+)|Failed to start inspector server/;
      while (!answer.test(broker.process.stderr)) {
        Deno.kill(broker.process.pid, "SIGUSR1");
        await new Promise((resolve) => setTimeout(resolve, 50));
      }
      const [, address, id = ""] = answer.exec(broker.process.stderr) ?? [];
      const isOpen = async () => {
        try {
          return (await (await fetch(`http://${address}/json`)).text()).includes(id);
        } catch {
          return false;
        }
      };
      while (address !== undefined && await isOpen()) await new Promise((resolve) => setTimeout(resolve, 10));
    }, WATCHDOG),
});

Deno.test({
  name: "broker cli: --daemon goes into the background",
  ignore: Deno.build.os === "windows",
  fn: () =>
    bounded(async () => {
      const folder = await Deno.makeTempDir();
      const port = freePort();
      const text =
        `user root\nlistener ${port} 127.0.0.1\nallow_anonymous true\npid_file ${folder}/pid\nlog_dest file ${folder}/log\n`;
      await Deno.writeTextFile(`${folder}/mosquitto.conf`, text);
      const { code } = await run("-c", `${folder}/mosquitto.conf`, "-vd");
      assertEquals(code, 0);
      const pid = await waitForPid(`${folder}/pid`, `${folder}/log`);
      try {
        await using client = await RawClient.connect(port);
        await client.barrier();
      } finally {
        Deno.kill(pid, "SIGTERM");
      }
      await waitFor(() => Deno.readTextFileSync(`${folder}/log`).includes("terminating"));
      await waitFor(() => !exists(`${folder}/pid`));
      await Deno.remove(folder, { recursive: true });
    }, WATCHDOG),
});

Deno.test({
  name:
    "broker cli: --daemon among other letters starts one program only, which logs to syslog if the file does not say",
  ignore: Deno.build.os === "windows",
  fn: () =>
    bounded(async () => {
      const folder = await Deno.makeTempDir();
      const text = `user root\nlistener ${freePort()} 127.0.0.1\nallow_anonymous true\npid_file ${folder}/pid\n`;
      await Deno.writeTextFile(`${folder}/mosquitto.conf`, text);
      await Deno.writeTextFile(`${folder}/logger`, `#!/bin/sh\ncat >> ${folder}/log\n`, { mode: 0o755 });
      const args = ["run", "-A", "broker/mod.ts", "-dvc", `${folder}/mosquitto.conf`];
      const env = { PATH: `${folder}:${Deno.env.get("PATH")}` };
      try {
        assertEquals((await runProcess(Deno.execPath(), args, { env })).code, 0);
        const pid = await waitForPid(`${folder}/pid`, `${folder}/log`);
        Deno.kill(pid, "SIGTERM");
        await waitFor(() => Deno.readTextFileSync(`${folder}/log`).includes(" terminating\n"));
        await waitFor(() => !exists(`${folder}/pid`));
      } finally {
        // Programs that start each other for ever end without it, too.
        await Deno.remove(folder, { recursive: true });
      }
    }, WATCHDOG),
});

Deno.test("broker cli: a file that the broker's user may not read is refused with a word about that user", () =>
  bounded(async () => {
    await withFile("ann:x\n", async (path) => {
      await Deno.chmod(path, 0);
      // Root may read all files, but becomes another user first.
      await withFile(`listener 0 127.0.0.1\npassword_file ${path}\n`, async (configuration) => {
        const { code, stderr } = await run("-c", configuration);
        assertEquals(code, 1);
        assertStringIncludes(stderr, `Cannot read ${path}: Permission denied`);
        assertStringIncludes(stderr, "the user that the broker runs as (option user) must be allowed to");
      });
    });
  }, WATCHDOG));

Deno.test("broker cli: files that are no UTF-8 are refused by name, and passwd leaves them as they are", () =>
  bounded(async () => {
    const latin1 = Uint8Array.from("topic deny k\u00fcche/#\n", (letter) => letter.charCodeAt(0));
    await withFile("", async (path) => {
      await Deno.writeFile(path, latin1);
      await withFile(`listener 1884\nacl_file ${path}\n`, async (configuration) => {
        const { code, stderr } = await run("-c", configuration, "--test-config");
        assertEquals(code, 1);
        assertStringIncludes(stderr, `Cannot read ${path}: it must be text in UTF-8`);
      });
      assertStringIncludes((await run("-c", path, "--test-config")).stderr, "it must be text in UTF-8");
      assertEquals((await run("passwd", "-b", path, "ann", "secret")).code, 1);
      assertEquals(await Deno.readFile(path), latin1);
    });
  }, WATCHDOG));

Deno.test({
  name: "broker config: a listener on localhost takes connections over IPv4 and IPv6",
  ignore: !Deno.networkInterfaces().some(({ address }) => address === "::1"),
  fn: () =>
    bounded(async () => {
      await using broker = await startConfigured(["listener {port} localhost", "allow_anonymous true"]);
      for (const hostname of ["127.0.0.1", "::1"]) (await Deno.connect({ hostname, port: broker.port })).close();
    }, WATCHDOG),
});

async function waitForPid(path: string, log: string): Promise<number> {
  await waitFor(() => exists(path) && exists(log) && Deno.readTextFileSync(log).includes(" running\n"));
  return Number(await Deno.readTextFile(path));
}

async function waitFor(condition: () => boolean): Promise<void> {
  for (let i = 0; i < 1_000 && !condition(); i++) await new Promise((resolve) => setTimeout(resolve, 10));
  assert(condition());
}

function exists(path: string): boolean {
  try {
    Deno.statSync(path);
    return true;
  } catch {
    return false;
  }
}
