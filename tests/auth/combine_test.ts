/** Hooks of several origins, and back ends of an application's own. */

import { assertEquals, assertStrictEquals } from "@std/assert";
import { accessControl, type BrokerHooks, combineHooks, jwt, passwordFile, scram } from "../../broker/mod.ts";
import { formatPasswordHash, hashPassword } from "../../broker/auth/password_hash.ts";
import { withBroker } from "../support/broker.ts";
import { publishPacket } from "../support/raw_packets.ts";
import { signWithSecret } from "./tokens.ts";

const SECRET = "a secret with at least thirty-two bytes";

Deno.test("combined hooks: whoever one of them lets in, under the rules of all", async () => {
  const users = passwordFile(`ann:${formatPasswordHash(await hashPassword("secret", "sha512-pbkdf2", 101))}`);
  const tokens = await jwt({ keys: { secret: SECRET }, requireExpiry: false });
  const hooks = combineHooks(scram(""), users, tokens, accessControl("pattern %u/#"), {
    authorizePublish: (_client, { payload }) => Promise.resolve(payload.length < 3),
    authorizeSubscribe: (_client, { filter }) => filter !== "#",
  }, accessControl("pattern deny %u/private\npattern #"));
  assertEquals(Object.keys(hooks.authenticationMethods ?? {}).sort(), ["JWT", "SCRAM-SHA-256"]);
  await withBroker({ ...hooks }, async ({ connect, open }) => {
    const ann = await connect({ username: "ann", password: "secret" });
    const bob = await connect({ username: "bob", password: await signWithSecret(SECRET, { sub: "bob" }) });
    for (const [username, password] of [["ann", "wrong"], ["bob", "secret"], [undefined, undefined]]) {
      const client = await open();
      await client.sendConnect({ username, password });
      await client.expectRefused(0x87);
    }
    const code = async (client: typeof ann, topic: string, payload: string) => {
      await client.send(publishPacket(topic, payload, { qos: 1, packetId: 1 }));
      return (await client.expect("puback")).reasonCode;
    };
    assertEquals(await code(ann, "ann/x", "12"), 0x10);
    assertEquals(await code(ann, "ann/x", "123"), 0x87);
    assertEquals(await code(ann, "ann/private", "1"), 0x87);
    assertEquals(await code(ann, "bob/x", "1"), 0x87);
    assertEquals(await code(bob, "bob/x", "1"), 0x10);
    assertEquals((await ann.trySubscribe([{ filter: "#", qos: 0 }])).reasonCodes, [0x87]);
  })();
});

Deno.test("combined hooks: what nobody gives stays absent, one of a kind is taken as it is", () => {
  const { access } = accessControl("");
  const responseInformation = () => "a";
  const hooks = combineHooks({ access }, { responseInformation }, { responseInformation: () => "b" });
  assertStrictEquals(hooks.access, access);
  assertStrictEquals(hooks.responseInformation, responseInformation);
  assertEquals([hooks.authenticate, hooks.authorizePublish, hooks.authorizeSubscribe], [
    undefined,
    undefined,
    undefined,
  ]);
});

Deno.test("combined hooks: a promise and a refusal at once is a refusal, and nothing is left behind", async () => {
  const rejecting: BrokerHooks = { authorizePublish: () => Promise.reject(new Error("too late")) };
  const hooks = combineHooks(rejecting, { authorizePublish: () => false });
  const client = {
    clientId: "c",
    username: undefined,
    protocolVersion: 5,
    peer: { protocol: "memory", address: "" },
  } as const;
  const request = { topic: "a", qos: 0, retain: false, payload: new Uint8Array() } as const;
  assertEquals(await hooks.authorizePublish?.(client, request), false);
});

Deno.test("broker users: a client identifier stays with the user who opened its session, by password and by token", async () => {
  const hash = formatPasswordHash(await hashPassword("secret", "sha512-pbkdf2", 101));
  const users = passwordFile(`ann:${hash}\nbob:${hash}`);
  const tokens = await jwt({ keys: { secret: SECRET }, requireExpiry: false });
  await withBroker({ ...combineHooks(users, tokens) }, async ({ connect, open }) => {
    const session = { clientId: "device", cleanStart: false, properties: { sessionExpiryInterval: 100 } };
    const ann = await connect({ ...session, username: "ann", password: "secret" });
    await ann.subscribe("for/ann", { qos: 1 });
    const token = await signWithSecret(SECRET, { sub: "bob" });
    for (const thief of [{ username: "bob", password: "secret" }, { password: token }]) {
      for (const cleanStart of [false, true]) {
        const client = await open();
        await client.sendConnect({ ...session, ...thief, cleanStart });
        await client.expectRefused(0x87);
      }
    }
    assertEquals(await ann.barrier(), []);
    await ann.close();
    const asToken = await connect({ ...session, password: await signWithSecret(SECRET, { sub: "ann" }) });
    assertEquals(asToken.connack?.sessionPresent, true);
  })();
});
