/** SCRAM-SHA-256: the example of RFC 7677, both sides together, and what either refuses. */

import { assert, assertEquals, assertNotEquals, assertRejects, assertThrows } from "@std/assert";
import { AuthFileError, type AuthStep, type ConnectRequest, passwordFile, scram } from "../../broker/mod.ts";
import { formatPasswordHash, hashPassword } from "../../broker/auth/password_hash.ts";
import { scram as clientScram } from "../../client/scram.ts";
import { hmac, scramKeys, xor } from "../../engine/scram_keys.ts";
import {
  formatAuthMessage,
  parseClientFinal,
  parseClientFirst,
  parseServerFirst,
  saslPrep,
} from "../../engine/scram_messages.ts";
import { startBroker, withBroker } from "../support/broker.ts";
import { connect, ServerError } from "../../client/mod.ts";

const encode = (text: string) => new TextEncoder().encode(text);
const decode = (bytes: Uint8Array | undefined) => new TextDecoder().decode(bytes);
const base64 = (bytes: Uint8Array) => btoa(String.fromCharCode(...bytes));

const ANYBODY: Omit<ConnectRequest, "username" | "password"> = {
  clientId: "c",
  protocolVersion: 4,
  cleanStart: true,
  properties: {},
  peer: { protocol: "memory", address: "test" },
};

/** RFC 7677 section 3. */
const EXAMPLE = {
  clientFirst: "n,,n=user,r=rOprNGfwEbeRWgbNEkqO",
  serverFirst: "r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096",
  clientFinal:
    "c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=",
  serverFinal: "v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=",
};

Deno.test("scram: the example of RFC 7677", async () => {
  const first = parseClientFirst(EXAMPLE.clientFirst);
  const server = parseServerFirst(EXAMPLE.serverFirst);
  const final = parseClientFinal(EXAMPLE.clientFinal);
  assert(first && server && final);
  assertEquals([first.username, first.gs2Header, server.iterations, final.channelBinding], [
    "user",
    "n,,",
    4096,
    "biws",
  ]);
  const salt = Uint8Array.from(atob(server.salt), (character) => character.charCodeAt(0));
  const keys = await scramKeys(saslPrep("pencil"), salt, server.iterations);
  const message = formatAuthMessage(first.bare, EXAMPLE.serverFirst, final.withoutProof);
  assertEquals(base64(xor(keys.clientKey, await hmac(keys.storedKey, message))), final.proof);
  assertEquals(`v=${base64(await hmac(keys.serverKey, message))}`, EXAMPLE.serverFinal);
  // The form in which PostgreSQL writes them.
  const hash = await hashPassword("pencil", "scram-sha-256", 4096, salt);
  assertEquals(
    formatPasswordHash(hash),
    "SCRAM-SHA-256$4096:W22ZaJ0SNY7soEsUEjb6gQ==$WG5d8oPm3OtcPnkdi4Uo7BkeZkBFzpcXkuLmtbsT4qY=:wfPLwcE6nTWhTAmQ7tl2KeoiWGPlZqQxSrmfPwDl2dU=",
  );
});

Deno.test("scram: names are escaped, malformed messages and channel bindings are none", () => {
  assertEquals(parseClientFirst("y,a=x=2Cy,n=a=3Db,r=abc")?.username, "a=b");
  assertEquals(parseClientFirst("y,a=x=2Cy,n=a=3Db,r=abc")?.authorizationId, "x,y");
  const malformed = [
    "",
    "n,,",
    "p=tls-exporter,,n=a,r=x",
    "n,,n=a=2,r=x",
    "n,,m=ext,n=a,r=x",
    "n,,n=a,r=",
    "n,,r=x,n=a",
    "n,,n=a,r=\u00e4",
  ];
  for (const message of malformed) assertEquals(parseClientFirst(message), undefined, message);
  for (const message of ["r=x", "r=x,s=AA==,i=0", "r=x,s=AA==,i=1e3", "m=x,r=x,s=AA==,i=4096"]) {
    assertEquals(parseServerFirst(message), undefined, message);
  }
  for (const message of ["c=biws,r=x", "r=x,c=biws,p=x", "c=biws,r=x,p=a,b=c"]) {
    assertEquals(parseClientFinal(message), undefined, message);
  }
});

Deno.test("scram: names and passwords are prepared as RFC 4013 shows", () => {
  assertEquals(saslPrep("I\u00adX"), "IX");
  assertEquals(saslPrep("user"), "user");
  assertEquals(saslPrep("USER"), "USER");
  assertEquals(saslPrep("\u00aa"), "a");
  assertEquals(saslPrep("\u2168"), "IX");
  assertEquals(saslPrep("a\u00a0b"), "a b");
  assertThrows(() => saslPrep("\u0007"), TypeError);
});

async function credentials(user: string, password: string): Promise<string> {
  return `${user}:${formatPasswordHash(await hashPassword(password, "scram-sha-256", 4096))}\n`;
}

function exchange(users: Parameters<typeof scram>[0], username?: string) {
  const request: ConnectRequest = {
    clientId: "c",
    username,
    password: undefined,
    protocolVersion: 5,
    cleanStart: true,
    properties: {},
    peer: { protocol: "memory", address: "test" },
  };
  const begin = scram(users).authenticationMethods["SCRAM-SHA-256"];
  if (begin === undefined) throw new TypeError("no such method");
  return begin(request);
}

async function run(
  users: Parameters<typeof scram>[0],
  user: string,
  password: string,
  connectName?: string,
): Promise<AuthStep> {
  const server = exchange(users, connectName);
  const client = clientScram({ username: user, password });
  const asked = await server.next(await client.start?.());
  if (asked.kind !== "continue") return asked;
  const end = await server.next(await client.respond(asked.data));
  if (end.kind === "success") await client.finish?.(end.data);
  return end;
}

Deno.test("scram: the right password of a known user alone", async () => {
  const users = await credentials("ann", "secret") + await credentials("b=,b", "pa\u00a0ss");
  const ok = await run(users, "ann", "secret");
  assertEquals([ok.kind, ok.kind === "success" && ok.username], ["success", "ann"]);
  assertEquals((await run(users, "b=,b", "pa ss")).kind, "success");
  assertEquals((await run(users, "ann", "secret", "ann")).kind, "success");
  assertEquals((await run((name) => Promise.resolve(name === "x" ? undefined : undefined), "x", "x")).kind, "failure");
  const wrong = await run(users, "ann", "other");
  assertEquals(wrong, await run(users, "nobody", "secret"), "nobody knows which of the two was wrong");
  assertEquals(await run(users, "ann", "secret", "bob"), wrong, "not for another user name in CONNECT");
});

Deno.test("scram: a name or password is prepared only if it is of a sensible length, as that takes long for others", async () => {
  // The sorting of combining characters takes the square of their number.
  const hostile = "a" + "\u0301".repeat(16_000) + "\u0327".repeat(16_000);
  const users = await credentials("ann", "secret");
  const file = passwordFile(users);
  const longest = await longestNormalized(async () => {
    assertEquals((await exchange(users).next(encode(`n,,n=${hostile},r=abc`))).kind, "failure");
    for (const username of ["ann", "nobody"]) {
      const decision = await file.authenticate({ ...ANYBODY, username, password: encode(hostile) });
      assertEquals(typeof decision === "object" && !decision.accepted && decision.reasonCode, 0x87);
    }
    await assertRejects(() => hashPassword(hostile, "scram-sha-256", 4_096), TypeError, "at most 1024 characters");
  });
  assert(longest <= 1_024, `${longest} characters were normalized`);
});

/** Characters of the longest text that is normalized while `task` runs. */
async function longestNormalized(task: () => Promise<void>): Promise<number> {
  const { normalize } = String.prototype;
  let longest = 0;
  String.prototype.normalize = function (form) {
    longest = Math.max(longest, this.length);
    return normalize.call(this, form);
  };
  try {
    await task();
  } finally {
    String.prototype.normalize = normalize;
  }
  return longest;
}

Deno.test("scram: an unknown user is asked with a salt of its own, always the same one", async () => {
  const users = await credentials("ann", "secret");
  const ask = async (user: string, with_ = users) => {
    const step = await exchange(with_).next(encode(`n,,n=${user},r=abc`));
    return step.kind === "continue" ? decode(step.data).replace(/^r=[^,]+/, "") : step.kind;
  };
  const [ann, eve, bob] = [await ask("ann"), await ask("eve"), await ask("bob")];
  assertEquals([await ask("ann"), await ask("eve")], [ann, eve]);
  assertEquals(new Set([ann, eve, bob]).size, 3);
  assertEquals(eve.length, ann.length);
  assertNotEquals(eve, bob);
});

Deno.test("scram: a server takes no proof twice, no other nonce, no other binding, no garbage", async () => {
  const users = await credentials("ann", "secret");
  const attempt = async (change: (final: string) => string) => {
    const server = exchange(users);
    const client = clientScram({ username: "ann", password: "secret" });
    const asked = await server.next(await client.start?.());
    if (asked.kind !== "continue") return asked.kind;
    const final = decode(await client.respond(asked.data));
    const { kind } = await server.next(encode(change(final)));
    assertEquals((await server.next(encode(final))).kind, "failure");
    return kind;
  };
  assertEquals(await attempt((final) => final), "success");
  assertEquals(await attempt((final) => final.replace("c=biws", "c=eSws")), "failure");
  assertEquals(await attempt((final) => final.replace(/r=./, "r=~")), "failure");
  assertEquals(await attempt((final) => final.replace(/p=.*/, "p=AAAA")), "failure");
  assertEquals(await attempt(() => "\u0000"), "failure");
  assertEquals((await exchange(users).next(undefined)).kind, "failure");
  assertEquals((await exchange(users).next(Uint8Array.of(0xff))).kind, "failure");
});

Deno.test("scram: a client refuses a server that does not know the user, or wants too little or too much", async () => {
  const begin = async (init = {}) => {
    const client = clientScram({ username: "ann", password: "secret", ...init });
    return { client, nonce: decode(await client.start?.()).replace(/.*r=/, "") };
  };
  const answer = async (server: (nonce: string) => string) => {
    const { client, nonce } = await begin();
    await client.respond(encode(server(nonce)));
  };
  await assertRejects(() => answer(() => "r=other,s=AAAA,i=4096"), Error, "nonce");
  await assertRejects(() => answer((nonce) => `r=${nonce},s=AAAA,i=4096`), Error, "nonce");
  await assertRejects(() => answer((nonce) => `r=${nonce}x,s=AAAA,i=100`), Error, "iterations");
  await assertRejects(() => answer((nonce) => `r=${nonce}x,s=AAAA,i=100000000`), Error, "iterations");
  await assertRejects(() => answer((nonce) => `r=${nonce}x,s=!,i=4096`), Error, "base64");
  await assertRejects(() => answer(() => "e=other-error"), Error, "SCRAM");
  const { client, nonce } = await begin();
  await assertRejects(async () => await client.finish?.(undefined), Error, "must show");
  await client.start?.();
  await assertRejects(async () => await client.respond(encode(`r=${nonce}x,s=AAAA,i=4096`)), Error, "nonce");
  const other = await begin();
  await other.client.respond(encode(`r=${other.nonce}x,s=AAAA,i=4096`));
  await assertRejects(async () => await other.client.finish?.(encode("v=AAAA")), Error, "signature");
});

Deno.test("scram: a file must hold nothing else, and its lines serve for plain passwords, too", async () => {
  const sha512 = formatPasswordHash(await hashPassword("x", "sha512", 1));
  const users = await credentials("ann", "secret");
  const error = assertThrows(() => scram(`${users}bob:${sha512}\n`), AuthFileError);
  assertEquals(error.line, 2);
  const file = passwordFile(users);
  const request = (password: string) => ({ ...ANYBODY, username: "ann", password: encode(password) });
  assertEquals(await file.authenticate(request("secret")), true);
  assert(await file.authenticate(request("other")) !== true);
});

Deno.test("broker scram: over AUTH packets, again when the client wants, and never without it", async () => {
  const users = await credentials("ann", "secret");
  await withBroker({ ...scram(users) }, async ({ open }) => {
    const method = { authenticationMethod: "SCRAM-SHA-256" };
    const authentication = clientScram({ username: "ann", password: "secret" });
    const client = await open();
    await client.sendConnect({ properties: { ...method, authenticationData: await authentication.start?.() } });
    const asked = await client.expect("auth", { reasonCode: 0x18 });
    const proof = await authentication.respond(asked.properties?.authenticationData);
    await client.send({ type: "auth", reasonCode: 0x18, properties: { ...method, authenticationData: proof } });
    const connack = await client.expect("connack", { reasonCode: 0 });
    await authentication.finish?.(connack.properties?.authenticationData);

    const first = await authentication.start?.();
    await client.send({ type: "auth", reasonCode: 0x19, properties: { ...method, authenticationData: first } });
    const again = await client.expect("auth", { reasonCode: 0x18 });
    const second = await authentication.respond(again.properties?.authenticationData);
    await client.send({ type: "auth", reasonCode: 0x18, properties: { ...method, authenticationData: second } });
    const end = await client.expect("auth", { reasonCode: 0 });
    await authentication.finish?.(end.properties?.authenticationData);

    for (const version of [4, 5] as const) {
      const without = await open(version);
      await without.sendConnect({ version, username: "ann", password: "secret" });
      await without.expectRefused(version === 5 ? 0x87 : 5);
    }
    const wrong = clientScram({ username: "ann", password: "other" });
    const thief = await open();
    await thief.sendConnect({ properties: { ...method, authenticationData: await wrong.start?.() } });
    const question = await thief.expect("auth", { reasonCode: 0x18 });
    const guess = await wrong.respond(question.properties?.authenticationData);
    await thief.send({ type: "auth", reasonCode: 0x18, properties: { ...method, authenticationData: guess } });
    await thief.expectRefused(0x87);
  })();
});

Deno.test("broker client scram: our client proves who it is, again without a new connection, and trusts no other server", async () => {
  const users = await credentials("ann", "secret");
  await using running = await startBroker({ ...scram(users), sysInterval: 0 });
  const url = `mqtt://127.0.0.1:${running.port}`;
  const authentication = clientScram({ username: "ann", password: "secret" });
  await using client = await connect(url, { authentication, reconnect: false });
  await client.reauthenticate();
  await client.publish("a", "still here", { qos: 1 });
  const wrong = clientScram({ username: "ann", password: "guess" });
  const error = await assertRejects(() => connect(url, { authentication: wrong, reconnect: false }), ServerError);
  assertEquals(error.reasonCode, 0x87);
  const greedy = await assertRejects(() =>
    connect(url, {
      authentication: clientScram({ username: "ann", password: "secret", minIterations: 100_000 }),
      reconnect: false,
    }), Error);
  assert(greedy.message.includes("iterations") || String(greedy.cause).includes("iterations"), String(greedy));
});
