/** The `passwd` command: the files that it writes, read by Mosquitto's rules and ours, and what it refuses. */

import { assert, assertEquals, assertMatch } from "@std/assert";
import { type PasswdHost, runPasswd } from "../../broker/auth/passwd_command.ts";
import { type ConnectRequest, passwordFile } from "../../broker/mod.ts";
import { hasMosquitto, mosquittoPub, startMosquitto } from "../support/mosquitto.ts";
import { repository, runProcess } from "../support/process.ts";

/** A machine with files in memory, and somebody who types `answers`. */
function host(files: Record<string, string>, answers: string[] = []) {
  const output: string[] = [];
  const machine: PasswdHost = {
    read: (path) => files[path],
    write: (path, text) => {
      files[path] = text;
    },
    askPassword: () => answers.shift(),
    print: (line) => output.push(line),
    complain: (line) => output.push(line),
  };
  return { machine, output, run: (...args: string[]) => runPasswd(["-I", "10", ...args], machine) };
}

async function accepts(text: string, username: string, password: string): Promise<boolean> {
  const request: ConnectRequest = {
    clientId: "c",
    username,
    password: new TextEncoder().encode(password),
    protocolVersion: 5,
    cleanStart: true,
    properties: {},
    peer: { protocol: "memory", address: "test" },
  };
  return await passwordFile(text).authenticate(request) === true;
}

Deno.test("passwd: creates, adds, replaces, deletes, and leaves all other lines alone", async () => {
  const files: Record<string, string> = { f: "old:content\n" };
  const { run } = host(files);
  assertEquals(await run("-c", "-b", "f", "ann", "one"), 0);
  assert(!files.f?.includes("old:"), "-c throws away what was there");
  files.f = `# users\n\n${files.f}`;
  assertEquals(await run("-b", "f", "007", "008"), 0);
  assertEquals(await run("-b", "f", "ann", "two"), 0);
  assertEquals(await run("-b", "f", "-x", "-b"), 0);
  const text = files.f ?? "";
  assertMatch(text, /^# users\n\nann:\$7\$10\$\S+\n007:\S+\n-x:\S+\n$/);
  assertEquals(
    [await accepts(text, "ann", "two"), await accepts(text, "ann", "one"), await accepts(text, "007", "008")],
    [true, false, true],
  );
  assertEquals(await run("-D", "f", "007"), 0);
  assertMatch(files.f ?? "", /^# users\n\nann:\S+\n-x:\S+\n$/);
  assertEquals(await run("-D", "f", "007"), 1);
});

Deno.test("passwd: each scheme, and iterations as they are asked for", async () => {
  const files: Record<string, string> = {};
  const { machine } = host(files);
  const run = (...args: string[]) => runPasswd(args, machine);
  assertEquals(await run("-c", "-H", "sha512", "-b", "f", "a", "p"), 0);
  assertEquals(await run("-H", "sha512-pbkdf2", "-I", "7", "-b", "f", "b", "p"), 0);
  assertEquals(await run("-H", "scram-sha-256", "-I", "4096", "-b", "f", "c", "p"), 0);
  assertMatch(files.f ?? "", /^a:\$6\$\S+\nb:\$7\$7\$\S+\nc:SCRAM-SHA-256\$4096:\S+\n$/);
  for (const user of ["a", "b", "c"]) {
    assertEquals([await accepts(files.f ?? "", user, "p"), await accepts(files.f ?? "", user, "q")], [true, false]);
  }
});

Deno.test("passwd: -U hashes what is plain, and nothing twice", async () => {
  const files: Record<string, string> = { f: "# c\r\nann:secret\r\nbob:a:b $7$\n" };
  const { run } = host(files);
  assertEquals(await run("-U", "f"), 0);
  const once = files.f ?? "";
  assertEquals(
    [await accepts(once, "ann", "secret"), await accepts(once, "bob", "a:b $7$"), once.startsWith("# c\n")],
    [true, true, true],
  );
  assertEquals(await run("-U", "f"), 0);
  assertEquals(files.f, once);
  files.f = "fine:x\nnothing";
  assertEquals(await run("-U", "f"), 1);
  assertEquals(files.f, "fine:x\nnothing");
});

Deno.test("passwd: -U gives nobody an empty password who had none to come in with", async () => {
  const files: Record<string, string> = { f: "ann:secret\nlocked: \n" };
  assertEquals(await host(files).run("-U", "f"), 1);
  assertEquals(files.f, "ann:secret\nlocked: \n");
});

Deno.test("passwd: asks twice, and takes no empty password and no two", async () => {
  const files: Record<string, string> = {};
  assertEquals(await host(files, ["pw", "pw"]).run("-c", "f", "ann"), 0);
  assert(await accepts(files.f ?? "", "ann", "pw"));
  for (const answers of [["pw", "pv"], ["", ""], [], ["pw"]]) {
    assertEquals(await host(files, answers).run("f", "ann"), 1);
  }
  assert(await accepts(files.f ?? "", "ann", "pw"));
});

Deno.test("passwd: arguments that make no sense have status 2 and say what was expected", async () => {
  const cases: [args: string[], message: string][] = [
    [[], "arguments must be FILE USER, received 0"],
    [["-b", "f", "u"], "arguments must be FILE USER PASSWORD, received 2"],
    [["-b", "-D", "f", "u"], "there must be one of -b, -D and -U at most"],
    [["-c", "-U", "f"], "-c without -D and -U"],
    [["-x", "f", "u"], "options must be among"],
    [["-H", "md5", "f", "u"], "-H must be"],
    [["-I", "0", "f", "u"], "-I must be a whole number from 1"],
    [["-H", "scram-sha-256", "-I", "100", "f", "u"], "from 4096"],
    [["-b", "f", "a:b", "x"], "no colon"],
    [["-b", "f", "#a", "x"], "no # in front"],
    [["-b", "f", " a", "x"], "begin or end with a blank"],
    [["-b", "f", "a\nroot", "x"], "no control characters"],
    [["-b", "f", "", "x"], "must not be empty"],
  ];
  for (const [args, message] of cases) {
    const { machine, output } = host({ f: "" });
    assertEquals(await runPasswd(args, machine), 2, args.join(" "));
    assertMatch(output.join("\n"), new RegExp(`${RegExp.escape(message)}[^]*Try passwd --help`));
  }
  const { machine, output } = host({});
  for (const help of ["-h", "--help"]) assertEquals(await runPasswd([help], machine), 0);
  assertMatch(output.join(), /Usage: passwd/);
  assertEquals(await runPasswd(["-b", "missing", "u", "p"], machine), 1);
  assertMatch(output.at(-1) ?? "", /Cannot change missing: it must exist/);
});

Deno.test({
  name: "passwd: as a program; only the owner may read a new file, an old one keeps its mode; Mosquitto takes it",
  ignore: !hasMosquitto,
  fn: async () => {
    const folder = await Deno.makeTempDir();
    try {
      const path = `${folder}/users`;
      const passwd = (args: string[], stdin?: string) =>
        runProcess(Deno.execPath(), ["run", "-A", "--no-check", "broker/mod.ts", "passwd", ...args], {
          stdin,
          cwd: repository,
        });
      assertEquals((await passwd(["-c", path, "ann"], "se cret\nse cret\n")).code, 0);
      assertEquals(((await Deno.stat(path)).mode ?? 0) & 0o777, 0o600);
      await Deno.chmod(path, 0o640);
      await Deno.symlink(path, `${folder}/link`);
      assertEquals((await passwd(["-b", `${folder}/link`, "bob", "pw"])).code, 0);
      assertEquals(((await Deno.stat(path)).mode ?? 0) & 0o777, 0o640);
      assert((await Deno.lstat(`${folder}/link`)).isSymlink);
      assertEquals([...Deno.readDirSync(folder)].length, 2, "nothing is left beside it");
      await using mosquitto = await startMosquitto(["allow_anonymous false", `password_file ${path}`]);
      const publish = async (user: string, password: string) =>
        (await mosquittoPub(["-p", `${mosquitto.port}`, "-u", user, "-P", password, "-t", "t", "-m", "m"])).code;
      assertEquals([await publish("ann", "se cret"), await publish("bob", "pw"), await publish("ann", "pw")], [
        0,
        0,
        5,
      ]);
    } finally {
      await Deno.remove(folder, { recursive: true });
    }
  },
});
