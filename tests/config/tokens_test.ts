/** JSON Web Tokens and SCRAM by the configuration file alone, with our own client. */

import { assert, assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { connect, type ConnectInit, scram, ServerError } from "../../client/mod.ts";
import { type Signer, signer, signWithSecret } from "../auth/tokens.ts";
import { bounded, until } from "../support/broker.ts";
import { runProcess } from "../support/process.ts";
import { RawClient } from "../support/raw_client.ts";
import { type ConfiguredBroker, startConfigured } from "./program.ts";
import { parse, problems } from "./sources.ts";

const WATCHDOG = 40_000;
const NOT_AUTHORIZED = 0x87;

function test(name: string, body: () => Promise<void>): void {
  Deno.test({
    name: `broker config: ${name}`,
    ignore: Deno.build.os === "windows",
    fn: () => bounded(body, WATCHDOG),
  });
}

/** Claims that are good for a minute, for `ann`. */
function claims(more: Record<string, unknown> = {}): Record<string, unknown> {
  return { sub: "ann", exp: Math.floor(Date.now() / 1000) + 60, ...more };
}

function open({ port }: Pick<ConfiguredBroker, "port">, init: ConnectInit) {
  return connect(`mqtt://127.0.0.1:${port}`, { reconnect: false, ...init });
}

async function assertRefused(broker: Pick<ConfiguredBroker, "port">, init: ConnectInit): Promise<void> {
  const error = await assertRejects(() => open(broker, init), ServerError);
  assertEquals(error.reasonCode, NOT_AUTHORIZED);
}

/** Writes a line for a user as our `passwd` does. */
async function addUser(file: string, user: string, password: string, ...options: string[]): Promise<void> {
  const { code, stderr } = await runProcess(Deno.execPath(), [
    ...["run", "-A", "broker/mod.ts", "passwd", ...options, "-b", file, user, password],
  ]);
  assertEquals([code, stderr], [0, ""]);
}

test("jwt_key_file lets in who has a token, with what it allows", async () => {
  const owner = await signer("ES256");
  const folder = await Deno.makeTempDir();
  await Deno.writeTextFile(`${folder}/keys.pem`, owner.pem);
  await Deno.writeTextFile(`${folder}/acl`, "pattern readwrite users/%u/#\n");
  await using broker = await startConfigured([
    ...["listener {port} 127.0.0.1", `acl_file ${folder}/acl`, `jwt_key_file ${folder}/keys.pem`],
    ...["jwt_issuer https://id.example.org", "jwt_audience mqtt", "jwt_audience mqtt-test"],
  ]);
  const good = { iss: "https://id.example.org", aud: "mqtt-test" };
  const token = await owner.sign(claims(good));
  for (const protocolVersion of [3, 4, 5] as const) {
    await using client = await open(broker, { protocolVersion, username: "ann", password: token });
    const messages = client.subscribe("users/ann/#", { qos: 1 });
    await messages.ready;
    await client.publish("users/ann/a", `version ${protocolVersion}`, { qos: 1 });
    const { value } = await messages.next();
    assertEquals(value?.text(), `version ${protocolVersion}`);
  }
  // The name is in the token.
  await using nameless = await open(broker, { password: token });
  assert((await nameless.publish("users/ann/a", "mine", { qos: 1 })).ok);
  assertEquals((await nameless.publish("users/bob/a", "not mine", { qos: 1 })).ok, false);
  const limited = await owner.sign(claims({ ...good, publ: ["users/ann/only"], subs: [] }));
  await using narrow = await open(broker, { password: limited });
  assert((await narrow.publish("users/ann/only", "mine", { qos: 1 })).ok);
  assertEquals((await narrow.publish("users/ann/else", "not with this", { qos: 1 })).ok, false);
  const wrong = [
    await owner.sign(claims({ ...good, iss: "https://evil.example.org" })),
    await owner.sign(claims({ ...good, aud: "web" })),
    await owner.sign(claims({ ...good, exp: 1 })),
    await (await signer("ES256")).sign(claims(good)),
    await signWithSecret(owner.pem, claims(good)),
    "no token",
  ];
  for (const password of wrong) await assertRefused(broker, { username: "ann", password });
  await assertRefused(broker, { username: "bob", password: token });
  await assertRefused(broker, {});
  await Deno.remove(folder, { recursive: true });
});

test("tokens and passwords go together, and SIGHUP takes up other keys", async () => {
  const [owner, next] = [await signer("EdDSA"), await signer("RS256")];
  const folder = await Deno.makeTempDir();
  const [keys, users] = [`${folder}/keys.json`, `${folder}/users`];
  const write = (...owners: Signer[]) =>
    Deno.writeTextFile(keys, JSON.stringify({ keys: owners.map(({ publicJwk }) => publicJwk) }));
  await write(owner);
  await Deno.writeTextFile(users, "");
  await addUser(users, "bob", "secret");
  const lines = ["listener {port} 127.0.0.1", `jwt_key_file ${keys}`, `password_file ${users}`];
  await using broker = await startConfigured(lines);
  await using ann = await open(broker, { clientId: "a", password: await owner.sign(claims()) });
  await using bob = await open(broker, { clientId: "b", username: "bob", password: "secret" });
  await using named = await open(broker, { clientId: "n", password: await owner.sign(claims({ sub: "bob" })) });
  const start = async () => new TextEncoder().encode(await owner.sign(claims({ sub: "bob" })));
  const authentication = { method: "JWT", start, respond: () => undefined };
  await using method = await open(broker, { clientId: "m", authentication });
  await assertRefused(broker, { username: "bob", password: await owner.sign(claims()) });
  await assertRefused(broker, { username: "bob", password: "wrong" });
  await assertRefused(broker, {});
  await broker.reload();
  for (const client of [ann, named, method]) assert((await client.publish("a", "stays", { qos: 1 })).ok);
  await write(next);
  await broker.reload();
  await until(() => ann.state.kind === "closed", "the end of a client whose key is gone");
  const closed = () => named.state.kind === "closed" && method.state.kind === "closed";
  await until(closed, "the end of those whose token had the name of a user with a password");
  assert((await bob.publish("a", "stays", { qos: 1 })).ok);
  await assertRefused(broker, { password: await owner.sign(claims()) });
  await using again = await open(broker, { clientId: "a", password: await next.sign(claims()) });
  await Deno.writeTextFile(keys, "neither PEM nor JSON");
  await broker.reload();
  assertStringIncludes(broker.process.stderr, `Cannot reload: Cannot use jwt_key_file ${keys}: it must hold`);
  assert((await again.publish("a", "stays", { qos: 1 })).ok);
  // Without the option, only passwords are left.
  await broker.configure(lines.filter((line) => !line.startsWith("jwt")));
  await broker.reload();
  await until(() => again.state.kind === "closed", "the end of a client whose token counts no more");
  await assertRefused(broker, { password: await next.sign(claims()) });
  assert((await bob.publish("a", "stays", { qos: 1 })).ok);
  await Deno.remove(folder, { recursive: true });
});

test("jwt_jwks_url fetches the keys, for the listener that it is about", async () => {
  const owner = await signer("RS256");
  await using server = Deno.serve(
    { hostname: "127.0.0.1", port: 0, onListen: () => {} },
    () => Response.json({ keys: [{ ...owner.publicJwk, kid: "1" }] }),
  );
  await using broker = await startConfigured([
    "per_listener_settings true",
    "listener {port} 127.0.0.1",
    `jwt_jwks_url http://127.0.0.1:${server.addr.port}/keys`,
    "listener {port2} 127.0.0.1",
    "allow_anonymous true",
  ]);
  await using client = await open(broker, { password: await owner.sign(claims(), { kid: "1" }) });
  assert((await client.publish("a", "b", { qos: 1 })).ok);
  await assertRefused(broker, {});
  await using anybody = await open({ port: broker.ports[1] ?? 0 }, {});
  assert((await anybody.publish("a", "b", { qos: 1 })).ok);
});

test("a token is renewed on the same connection by the method JWT", async () => {
  const owner = await signer("ES256");
  const keys = await Deno.makeTempFile({ suffix: ".pem" });
  await Deno.writeTextFile(keys, owner.pem);
  await using broker = await startConfigured(["listener {port} 127.0.0.1", `jwt_key_file ${keys}`]);
  let calls = 0;
  const authentication = {
    method: "JWT",
    start: async () => new TextEncoder().encode(await owner.sign(claims({ jti: `${++calls}` }))),
    respond: () => undefined,
  };
  await using client = await open(broker, { authentication });
  await client.reauthenticate();
  assertEquals(calls, 2);
  assert((await client.publish("a", "b", { qos: 1 })).ok);
  await Deno.remove(keys);
});

test("users with SCRAM lines in the password file may use SCRAM, the others their passwords", async () => {
  const users = await Deno.makeTempFile();
  await addUser(users, "ann", "secret", "-H", "scram-sha-256");
  await addUser(users, "bob", "hidden");
  const lines = ["listener {port} 127.0.0.1", `password_file ${users}`];
  await using broker = await startConfigured(lines);
  const withScram = (username: string, password: string) => ({ authentication: scram({ username, password }) });
  await using ann = await open(broker, { clientId: "a", ...withScram("ann", "secret") });
  await ann.reauthenticate();
  await using bob = await open(broker, { clientId: "b", username: "bob", password: "hidden" });
  for (const client of [ann, bob]) assert((await client.publish("a", "b", { qos: 1 })).ok);
  await assertRefused(broker, withScram("ann", "wrong"));
  await assertRefused(broker, withScram("bob", "hidden"));
  await assertRefused(broker, withScram("nobody", "secret"));
  await Deno.writeTextFile(
    users,
    (await Deno.readTextFile(users)).split("\n").filter((line) => !line.startsWith("ann:")).join("\n"),
  );
  await broker.reload();
  await until(() => ann.state.kind === "closed", "the end of the client whose user is gone");
  assert((await bob.publish("a", "b", { qos: 1 })).ok);
  // Without such a line, there is no such method.
  const error = await assertRejects(() => open(broker, withScram("ann", "secret")), ServerError);
  assertEquals(error.reasonCode, 0x8c);
  await Deno.remove(users);
});

Deno.test("broker config: settings for tokens, and mistakes in them", () => {
  const { listeners } = parse("jwt_jwks_url https://id.example.org/keys\njwt_issuer a\njwt_issuer b\nlistener 1\n");
  assertEquals(listeners[0]?.security.tokens, {
    keys: { kind: "url", url: "https://id.example.org/keys" },
    issuers: ["a", "b"],
    audiences: [],
  });
  assertEquals(problems("listener 1\njwt_audience a\n"), [
    "main.conf:2: jwt_audience must stand with jwt_key_file or jwt_jwks_url, received neither",
  ]);
  assertEquals(problems("listener 1\njwt_key_file k\njwt_jwks_url https://x/\n"), [
    "main.conf:3: jwt_jwks_url must stand without jwt_key_file, received both",
  ]);
  for (const url of ["http://id.example.org/keys", "file:///etc/passwd", "keys.json"]) {
    assertEquals(problems(`jwt_jwks_url ${url}`), [
      `main.conf:1: jwt_jwks_url must be a text that begins with https:// (http:// for this machine), received "${url}"`,
    ]);
  }
});

test("who is asked for a password of a file that SIGHUP takes away is not let in with it", async () => {
  const users = await Deno.makeTempFile();
  const others = await Deno.makeTempFile();
  await addUser(users, "ann", "secret", "-H", "scram-sha-256");
  await addUser(others, "bob", "hidden");
  await using broker = await startConfigured(["listener {port} 127.0.0.1", `password_file ${users}`]);
  const method = { authenticationMethod: "SCRAM-SHA-256" };
  const authentication = scram({ username: "ann", password: "secret" });
  await using client = await RawClient.open(broker.port, 5);
  await client.sendConnect({ properties: { ...method, authenticationData: await authentication.start?.() } });
  const asked = await client.expect("auth", { reasonCode: 0x18 });
  await broker.configure(["listener {port} 127.0.0.1", `password_file ${others}`]);
  await broker.reload();
  const proof = await authentication.respond(asked.properties?.authenticationData);
  await client.send({ type: "auth", reasonCode: 0x18, properties: { ...method, authenticationData: proof } });
  await client.expect("connack", { reasonCode: NOT_AUTHORIZED });
  for (const file of [users, others]) await Deno.remove(file);
});
