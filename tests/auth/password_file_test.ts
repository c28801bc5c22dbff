/** Password files: what `mosquitto_passwd` writes, how much work a verification is, and what a flood of them does. */

import { assert, assertEquals, assertGreater, assertThrows } from "@std/assert";
import { AuthFileError, type ConnectRequest, passwordFile } from "../../broker/mod.ts";
import { formatPasswordHash, hashPassword } from "../../broker/auth/password_hash.ts";
import { bounded, withBroker } from "../support/broker.ts";
import { hasProgram } from "../support/mosquitto.ts";
import { runProcess } from "../support/process.ts";
import { countingDerivations } from "./derivations.ts";

/** Written by `mosquitto_passwd` 2.0.11 for the password `secret`. */
const PBKDF2 =
  "$7$101$9cqK3CVQVGf1WK9l$lY233/vB5nBoYH4LIylVAUlbfhqewo0/2pw36IBcPUU+XeDD8bilOr8M4NORzt5O0G4XXDvSeWRANcJ2ME9AQw==";
const SHA512 =
  "$6$fkRY023mwuJQrEe2$OvXUGDkGqOhzu/EXgPPJlElVBmbYt9zAdOK6cM/cEE+WYEvF/pbSH+dDCoJL1Y9FCHqKf2R3tEl+vE+IJH6d+A==";

function request(username: string | undefined, password: string | undefined): ConnectRequest {
  return {
    clientId: "c",
    username,
    password: password === undefined ? undefined : new TextEncoder().encode(password),
    protocolVersion: 5,
    cleanStart: true,
    properties: {},
    peer: { protocol: "memory", address: "test" },
  };
}

async function accepts(file: ReturnType<typeof passwordFile>, username?: string, password?: string): Promise<boolean> {
  return await file.authenticate(request(username, password)) === true;
}

Deno.test("password file: both kinds of hash, the right password alone", async () => {
  const file = passwordFile(`# users\nann:${PBKDF2}\r\n\nbob:${SHA512}\n`);
  for (const user of ["ann", "bob"]) {
    assert(await accepts(file, user, "secret"));
    assert(await accepts(file, user, "secret"), "also when it is remembered");
    assert(!await accepts(file, user, "Secret"));
    assert(!await accepts(file, user, ""));
    assert(!await accepts(file, user));
  }
  assert(!await accepts(file, "carol", "secret"));
  assert(!await accepts(file));
  assert(await accepts(passwordFile("", { allowAnonymous: true })));
  assertEquals([file.has("ann"), file.has("carol")], [true, false]);
});

Deno.test({
  name: "password file: files that mosquitto_passwd writes",
  ignore: !hasProgram("mosquitto_passwd"),
  fn: async () => {
    const path = await Deno.makeTempFile();
    try {
      const users = new Map([["ann", "secret"], ["bob smith", "pässwörd with : and $"], ["$user#", "x"]]);
      let create = ["-c"];
      for (const [user, password] of users) {
        for (const scheme of ["sha512", "sha512-pbkdf2"]) {
          await runProcess("mosquitto_passwd", ["-H", scheme, ...create, "-b", path, `${user} ${scheme}`, password]);
          create = [];
        }
      }
      const file = passwordFile(await Deno.readTextFile(path));
      for (const [user, password] of users) {
        for (const scheme of ["sha512", "sha512-pbkdf2"]) {
          assert(await accepts(file, `${user} ${scheme}`, password), `${user} ${scheme}`);
          assert(!await accepts(file, `${user} ${scheme}`, `${password} `));
        }
      }
    } finally {
      await Deno.remove(path);
    }
  },
});

Deno.test("password file: a line that cannot be used is named, and no password is repeated", () => {
  const cases: [text: string, line: number, reason: string][] = [
    ["ann:hunter2", 1, "the password must be hashed, received plain text; hash the file with `passwd -U`"],
    [`ann:${PBKDF2}\nbob:`, 2, "the password must be hashed, received plain text; hash the file with `passwd -U`"],
    ["no colon", 1, "it must have the form user:hash"],
    [`:${PBKDF2}`, 1, "it must have the form user:hash"],
    ["a:$7$0$AAAA$AAAA", 1, "the hash must have the form $7$iterations$salt$hash with 64 bytes of hash in base64"],
    [
      "a:$7$99999999$AAAA$AAAA",
      1,
      "the hash must have the form $7$iterations$salt$hash with 64 bytes of hash in base64",
    ],
    ["a:$6$AAAA", 1, "the hash must have the form $6$salt$hash with 64 bytes of hash in base64"],
    [
      "a:$argon2id$v=19$x",
      1,
      "the hash must begin with $7$, $6$ or SCRAM-SHA-256$, received another kind; set the password again",
    ],
  ];
  for (const [text, line, reason] of cases) {
    const error = assertThrows(() => passwordFile(text, { name: "passwords" }), AuthFileError);
    assertEquals(error.message, `Cannot use passwords, line ${line}: ${reason}`);
  }
});

Deno.test("password file: an unknown user costs the work of a known one, a remembered password none", async () => {
  const slow = formatPasswordHash(await hashPassword("secret", "sha512-pbkdf2", 5_000));
  const file = passwordFile(`ann:${slow}\nbob:${slow}\n`);
  const work = async (user: string, password: string) => {
    const { result, derivations } = await countingDerivations(() => accepts(file, user, password));
    return { result, derivations };
  };
  assertEquals(await work("ann", "wrong"), { result: false, derivations: ["PBKDF2 SHA-512 5000"] });
  for (const user of ["nobody", "", "ann ", "x".repeat(1_000)]) {
    assertEquals(await work(user, "wrong"), { result: false, derivations: ["PBKDF2 SHA-512 5000"] });
  }
  assertEquals(await work("ann", "secret"), { result: true, derivations: ["PBKDF2 SHA-512 5000"] });
  assertEquals(await work("ann", "secret"), { result: true, derivations: [] });
  assertEquals(await work("ann", "wrong"), { result: false, derivations: ["PBKDF2 SHA-512 5000"] });
  assertEquals(await work("bob", "secret"), { result: true, derivations: ["PBKDF2 SHA-512 5000"] });
  const empty = passwordFile("");
  assertEquals((await countingDerivations(() => accepts(empty, "ann", "x"))).derivations, ["PBKDF2 SHA-512 101"]);
});

Deno.test("password file: the same name is always compared with the same hash, all kinds among them", async () => {
  const kinds = [100, 200, 300].map(async (iterations, at) =>
    `u${at}:${formatPasswordHash(await hashPassword("x", "sha512-pbkdf2", iterations))}`
  );
  const file = passwordFile((await Promise.all(kinds)).join("\n"));
  const seen = new Set<string>();
  for (let at = 0; at < 60; at++) {
    const work = () => countingDerivations(() => accepts(file, `stranger ${at}`, "x"));
    const [first, second] = [await work(), await work()];
    assertEquals(first, second);
    seen.add(first.derivations.join());
  }
  assertEquals(seen.size, 3);
});

Deno.test("password file: what was remembered is forgotten with a reload, which names who has changed", async () => {
  const other = formatPasswordHash(await hashPassword("other", "sha512-pbkdf2", 101));
  const file = passwordFile(`ann:${PBKDF2}\nbob:${PBKDF2}\ncarol:${SHA512}`);
  for (const user of ["ann", "bob", "carol"]) assert(await accepts(file, user, "secret"));
  const late = file.authenticate(request("ann", "secret"));
  assertEquals([...file.reload(`ann:${other}\ncarol:${SHA512}\ndan:${SHA512}`)], ["ann", "bob"]);
  assert(await late !== true, "verified by the line that is gone");
  assert(!await accepts(file, "ann", "secret"));
  assert(await accepts(file, "ann", "other"));
  assert(!await accepts(file, "bob", "secret"));
  assertThrows(() => file.reload("x:plain"), AuthFileError);
  assert(await accepts(file, "carol", "secret"));
});

Deno.test("password file: the last line of a user holds, as with Mosquitto", async () => {
  const other = formatPasswordHash(await hashPassword("other", "sha512", 1));
  const file = passwordFile(`ann:${PBKDF2}\nann:${other}`);
  assertEquals([await accepts(file, "ann", "secret"), await accepts(file, "ann", "other")], [false, true]);
});

Deno.test("password file: verifications at once and in line are bounded, those beyond are refused as busy", async () => {
  const slow = formatPasswordHash(await hashPassword("secret", "sha512-pbkdf2", 20_000));
  const file = passwordFile(`ann:${slow}`, { maxVerifications: 2, maxWaiting: 3 });
  const { result, derivations, most } = await countingDerivations(() =>
    Promise.all(Array.from({ length: 10 }, (_, at) => file.authenticate(request("ann", `guess ${at}`))))
  );
  const codes = result.map((decision) => typeof decision === "object" && !decision.accepted ? decision.reasonCode : 0);
  assertEquals(codes.filter((code) => code === 0x87).length, 5);
  assertEquals(codes.filter((code) => code === 0x89).length, 5);
  assertEquals([derivations.length, most], [5, 2]);
  assert(await accepts(file, "ann", "secret"));
});

Deno.test(
  "broker users: refused with the codes of Mosquitto, whatever is wrong",
  withBroker(passwordFile(`ann:${PBKDF2}`), async ({ open, connect, broker }) => {
    for (const [version, code] of [[5, 0x87], [4, 5], [3, 5]] as const) {
      for (
        const who of [{}, { username: "ann" }, { username: "ann", password: "x" }, { username: "eve", password: "x" }]
      ) {
        const client = await open(version);
        await client.sendConnect({ version, ...who });
        const { reasonCode, properties } = await client.expectRefused(code);
        assertEquals([reasonCode, properties?.reasonString], [code, undefined]);
      }
      await connect({ version, username: "ann", password: "secret" });
    }
    assertEquals(broker.counts().sessions, 3);
  }),
);

Deno.test("broker users: a flood of passwords keeps neither the clients that are in waiting nor those that come back", () =>
  bounded(async () => {
    const slow = formatPasswordHash(await hashPassword("secret", "sha512-pbkdf2", 50_000));
    const users = passwordFile(`ann:${slow}`, { maxVerifications: 1, maxWaiting: 8 });
    await withBroker({ ...users }, async ({ connect, open, broker }) => {
      const ann = { username: "ann", password: "secret", clientId: "ann" };
      await (await connect(ann)).disconnect();
      const normal = await connect({ ...ann, clientId: "normal" });
      await normal.subscribe("ping", { qos: 0 });
      let answered = 0;
      const attackers = await Promise.all(Array.from({ length: 60 }, () => open()));
      const floods = Promise.all(attackers.map(async (attacker, at) => {
        await attacker.sendConnect({ username: at % 2 === 0 ? "ann" : `guess ${at}`, password: `${at}` });
        const { reasonCode } = await attacker.expect("connack");
        answered++;
        return reasonCode;
      }));
      floods.catch(() => {}); // told below
      // Round trips of one client while others are being verified: counted, not timed.
      let meanwhile = 0;
      for (; answered < 60; meanwhile++) {
        await normal.publish("ping", "", { qos: 1 });
        await normal.take("publish");
      }
      assertGreater(meanwhile, 3);
      const codes = await floods;
      assert(codes.includes(0x87) && codes.includes(0x89), "some verified, some refused as busy");
      assert(codes.every((code) => code === 0x87 || code === 0x89));
      await connect(ann);
      assertEquals(broker.counts().sessions, 2);
    })();
  }));
