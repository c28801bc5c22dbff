/** The broker as a service: what it may do, what it tells systemd, the unit and the sample that it writes. */

import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import {
  binaryPermissions,
  brokerPermissions,
  CLIENT_PERMISSIONS,
  FOLDERS,
  UNIT,
  UNSTABLE,
} from "../../broker/packaging/permissions.ts";
import { GATEWAY_CONFIGURATION } from "../../broker/packaging/unit.ts";
import { bounded } from "../support/bounded.ts";
import { hasProgram } from "../support/mosquitto.ts";
import { freePort } from "../support/ports.ts";
import { repository, RunningProcess, runProcess } from "../support/process.ts";
import { RawClient } from "../support/raw_client.ts";

const hasSystemd = hasProgram("systemd-analyze");
const BROKER = "broker/mod.ts";

async function inFolder(body: (folder: string) => Promise<void>): Promise<void> {
  const folder = await Deno.makeTempDir({ prefix: "service-" });
  try {
    await body(folder);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

/** Deno's arguments for the broker with its permissions, the folder in the place of its own ones. */
function confined(folder: string): string[] {
  return ["run", "--no-prompt", ...UNSTABLE, ...brokerPermissions([], [folder]), BROKER];
}

Deno.test("service: the broker needs no more than its permissions for listeners, store, log, reload and end", () =>
  bounded(() =>
    inFolder(async (folder) => {
      const port = freePort();
      const lines = [
        // Another user would need a look at the users of the machine.
        "user root",
        `listener ${port} 127.0.0.1`,
        "allow_anonymous true",
        `listener 0 ${folder}/socket`,
        "persistence true",
        `persistence_location ${folder}`,
        `pid_file ${folder}/pid`,
        `log_dest file ${folder}/log`,
        "log_dest stderr",
      ];
      await Deno.writeTextFile(`${folder}/mosquitto.conf`, lines.join("\n"));
      await using broker = new RunningProcess(Deno.execPath(), [...confined(folder), "-c", `${folder}/mosquitto.conf`]);
      await broker.waitForLine(/version \S+ running/);
      await using client = await RawClient.connect(port, { clientId: "a", properties: { sessionExpiryInterval: 60 } });
      await client.subscribe("t", { qos: 1 });
      await client.publish("t", "kept", { qos: 1, retain: true });
      Deno.kill(broker.pid, "SIGHUP");
      await broker.waitForLine(/Config reloaded/);
      const { code, stderr } = await broker.stop();
      assertEquals(code, 0);
      assert(!/NotCapable|Requires .* access/.test(stderr), stderr);
      assertStringIncludes(await Deno.readTextFile(`${folder}/log`), "terminating");
    })
  ));

Deno.test("service: the command line client needs no more than its permissions", () =>
  bounded(() =>
    inFolder(async (folder) => {
      const port = freePort();
      const brokerArguments = [...confined(folder), "--port", String(port)];
      await using broker = new RunningProcess(Deno.execPath(), brokerArguments);
      await broker.waitForLine(/version \S+ running/);
      const client = ["run", "--no-prompt", ...CLIENT_PERMISSIONS, "client/mod.ts"];
      const message = ["-p", String(port), "-t", "t", "-r", "-q", "1", "-m", "hello"];
      assertEquals((await runProcess(Deno.execPath(), [...client, "pub", ...message])).stderr, "");
      const received = await runProcess(Deno.execPath(), [...client, "sub", "-p", String(port), "-t", "t", "-C", "1"]);
      assertEquals([received.code, received.stdout], [0, "hello\n"]);
    })
  ));

for (const kind of ["in a folder", "abstract"]) {
  Deno.test(`service: systemd is told that the broker is ready, lives and ends, by a socket ${kind}`, () =>
    bounded(() =>
      inFolder(async (folder) => {
        const path = kind === "abstract" ? `@mqtt-test-${crypto.randomUUID()}` : `${folder}/notify`;
        const receiver = ["run", "-A", "--unstable-net", "tests/packaging/notified.ts", path];
        await using systemd = new RunningProcess(Deno.execPath(), receiver);
        await systemd.waitForLine(/listening/);
        const env = { NOTIFY_SOCKET: path, WATCHDOG_USEC: "60000" };
        await using broker = new RunningProcess(Deno.execPath(), [...confined(folder), "--port", "0"], { env });
        await systemd.waitForLine(/^READY=1$/);
        await systemd.waitForLines(/^WATCHDOG=1$/, 3);
        assertEquals((await broker.stop()).code, 0);
        await systemd.waitForLine(/^STOPPING=1$/);
      })
    ));
}

Deno.test("service: without datagrams the broker runs on, and says what is missing", () =>
  bounded(async () => {
    const env = { NOTIFY_SOCKET: "@nobody" };
    await using broker = new RunningProcess(Deno.execPath(), ["run", "-A", BROKER, "--port", "0"], { env });
    await broker.waitForLine(/Cannot tell systemd that the broker is ready: start it with --unstable-net/);
    assertEquals((await broker.stop()).code, 0);
  }));

Deno.test("service: install-service writes the unit and what it needs, and replaces nothing unasked", () =>
  bounded(() =>
    inFolder(async (folder) => {
      const unit = `${folder}/mqtt-broker.service`;
      const shown = await runProcess(Deno.execPath(), ["run", "-A", BROKER, "install-service"]);
      assertStringIncludes(shown.stdout, "Type=notify\n");
      assertStringIncludes(shown.stdout, `ExecStart=${Deno.execPath()} run`);
      for (const flag of brokerPermissions()) assertStringIncludes(shown.stdout, flag);
      // The users' file has a fixed place, in which a test writes nothing.
      const allowed = ["run", "--no-prompt", `--allow-read=${folder}`, `--allow-write=${folder}`, BROKER];
      const write = ["install-service", "--write", "--unit", unit, "-c", `${folder}/etc/mosquitto.conf`];
      const relative = await runProcess(Deno.execPath(), [...allowed, ...write.slice(0, -1), "mosquitto.conf"]);
      assertEquals(relative.code, 2, "systemd has another folder");
      assertStringIncludes(relative.stderr, '--config-file must be an absolute path, received "mosquitto.conf"');
      const first = await runProcess(Deno.execPath(), [...allowed, ...write]);
      assertEquals(first.code, 0, first.stderr);
      assertStringIncludes(await Deno.readTextFile(unit), `-c ${folder}/etc/mosquitto.conf\n`);
      assertEquals(await Deno.readTextFile(`${folder}/etc/mosquitto.conf`), GATEWAY_CONFIGURATION);
      await Deno.writeTextFile(`${folder}/etc/mosquitto.conf`, "mine\n");
      const second = await runProcess(Deno.execPath(), [...allowed, ...write]);
      assertEquals(second.code, 1);
      assertStringIncludes(second.stderr, "give --force to replace it");
      const forced = await runProcess(Deno.execPath(), [...allowed, ...write, "--force"]);
      assertEquals(forced.code, 0);
      assertEquals(await Deno.readTextFile(`${folder}/etc/mosquitto.conf`), "mine\n");
    })
  ));

Deno.test("service: the binary may write users and unit, as its commands do", () =>
  bounded(() =>
    inFolder(async (folder) => {
      const [unit, etc] = [`${folder}/mqtt-broker.service`, `${folder}/etc`];
      const flags = binaryPermissions().map((flag) => flag.replace(UNIT, unit).replaceAll(FOLDERS.configuration, etc));
      const run = (...args: string[]) =>
        runProcess(Deno.execPath(), ["run", "--no-prompt", ...UNSTABLE, ...flags, BROKER, ...args]);
      const installed = await run("install-service", "--write", "--unit", unit, "-c", `${etc}/mosquitto.conf`);
      assertEquals(installed.code, 0, installed.stderr);
      assertStringIncludes(installed.stdout, `Wrote ${etc}/mosquitto.conf`);
      for (const create of [["-c"], []]) {
        const { code, stderr } = await run("passwd", ...create, "-I", "1", "-b", `${etc}/users`, "ann", "secret");
        assertEquals([code, stderr], [0, ""]);
      }
      assertStringIncludes(await Deno.readTextFile(`${etc}/users`), "ann:");
    })
  ));

Deno.test("service: install-service says what of its command the service cannot read", () =>
  bounded(() =>
    inFolder(async (folder) => {
      const program = `${folder}/broker.ts`;
      const entry = new URL("broker/deno/install_service.ts", repository).href;
      await Deno.writeTextFile(program, `import { installService } from "${entry}";\ninstallService([]);\n`);
      const { stderr } = await runProcess(Deno.execPath(), ["run", "-A", "--config", "deno.json", program]);
      assertStringIncludes(stderr, `the service cannot read ${program};`);
    })
  ));

Deno.test({
  name: "service: systemd understands the unit, and finds little of the machine exposed",
  ignore: !hasSystemd,
  fn: () =>
    bounded(() =>
      inFolder(async (folder) => {
        const path = `${folder}/mqtt-broker.service`;
        const { stdout } = await runProcess(Deno.execPath(), ["run", "-A", BROKER, "install-service"]);
        await Deno.writeTextFile(path, stdout);
        const verified = await runProcess("systemd-analyze", ["verify", path]);
        assertEquals([verified.code, verified.stderr], [0, ""]);
        const security = await runProcess("systemd-analyze", ["security", "--offline=true", "--threshold=25", path]);
        assertEquals(security.code, 0, security.stdout);
      })
    ),
});

Deno.test("service: the sample configuration is right, also with everything that is commented out", () =>
  bounded(() =>
    inFolder(async (folder) => {
      await Deno.writeTextFile(`${folder}/users`, "");
      const sample = GATEWAY_CONFIGURATION.replaceAll(FOLDERS.credentials, folder).replaceAll(FOLDERS.state, folder);
      const bridged = sample.replaceAll(/^#(?=connection|address|bridge_|remote_|cleansession|topic)/gm, "");
      for (const text of [sample, bridged.replace(/^bridge_cafile.*$/m, "")]) {
        await Deno.writeTextFile(`${folder}/mosquitto.conf`, text);
        const args = ["run", "-A", BROKER, "-c", `${folder}/mosquitto.conf`, "--test-config"];
        const { code, stdout, stderr } = await runProcess(Deno.execPath(), args);
        assertEquals([code, stderr], [0, ""]);
        assertStringIncludes(stdout, "Listeners: 1, warnings: 0.");
      }
    })
  ));
