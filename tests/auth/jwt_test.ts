/** Tokens as passwords: the vectors of the RFCs, what is refused, keys from files and addresses, the end of a token. */

import { assert, assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { type ConnectDecision, type ConnectRequest, jwt, type JwtOptions } from "../../broker/mod.ts";
import { importKeySet, isSignedBy } from "../../broker/auth/jwt_keys.ts";
import { fromBase64Url } from "../../broker/auth/secrets.ts";
import { systemClock } from "../../broker/system_clock.ts";
import { ManualClock } from "../../engine/manual_clock.ts";
import { until, withBroker } from "../support/broker.ts";
import { publishPacket } from "../support/raw_packets.ts";
import { encoded, signer, signWithSecret } from "./tokens.ts";

const SECRET = "a secret with at least thirty-two bytes";

function request(password: string | undefined, more: Partial<ConnectRequest> = {}): ConnectRequest {
  return {
    clientId: "c",
    username: undefined,
    password: password === undefined ? undefined : new TextEncoder().encode(password),
    protocolVersion: 5,
    cleanStart: true,
    properties: {},
    peer: { protocol: "memory", address: "test" },
    ...more,
  };
}

/** A clock that stands at `seconds` since 1970. */
function at(seconds: number): ManualClock {
  return new ManualClock(seconds * 1000);
}

async function decide(options: JwtOptions, token: string | undefined, more?: Partial<ConnectRequest>): Promise<string> {
  return outcome(await (await jwt(options)).authenticate(request(token, more)));
}

function outcome(decision: ConnectDecision): string {
  if (typeof decision === "boolean") return String(decision);
  if (decision.accepted) return `accepted ${decision.username}`;
  return `0x${decision.reasonCode.toString(16)} ${decision.reasonString?.replace("Cannot connect: ", "")}`;
}

const RFC7515_CLAIMS = "eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ";
const RFC7515 = {
  HS256: {
    key: {
      kty: "oct",
      k: "AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-1qS0gZH75aKtMN3Yj0iPS4hcgUuTwjAzZr1Z9CAow",
    },
    header: "eyJ0eXAiOiJKV1QiLA0KICJhbGciOiJIUzI1NiJ9",
    signature: "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk",
  },
  RS256: {
    key: {
      kty: "RSA",
      n: "ofgWCuLjybRlzo0tZWJjNiuSfb4p4fAkd_wWJcyQoTbji9k0l8W26mPddxHmfHQp-Vaw-4qPCJrcS2mJPMEzP1Pt0Bm4d4QlL-yRT-SFd2lZS-pCgNMsD1W_YpRPEwOWvG6b32690r2jZ47soMZo9wGzjb_7OMg0LOL-bSf63kpaSHSXndS5z5rexMdbBYUsLA9e-KXBdQOS-UTo7WTBEMa2R2CapHg665xsmtdVMTBQY4uDZlxvb3qCo5ZwKh9kG4LT6_I5IhlJH7aGhyxXFvUK-DWNmoudF8NAco9_h9iaGNj8q2ethFkMLs91kzk2PAcDTW9gb54h4FRWyuXpoQ",
      e: "AQAB",
    },
    header: "eyJhbGciOiJSUzI1NiJ9",
    signature:
      "cC4hiUPoj9Eetdgtv3hF80EGrhuB__dzERat0XF9g2VtQgr9PJbu3XOiZj5RZmh7AAuHIm4Bh-0Qc_lF5YKt_O8W2Fp5jujGbds9uJdbF9CUAr7t1dnZcAcQjbKBYNX4BAynRFdiuB--f_nZLgrnbyTyWzO75vRK5h6xBArLIARNPvkSjtQBMHlb1L07Qe7K0GarZRmB_eSN9383LcOLn6_dO--xi12jzDwusC-eOkHWEsqtFZESc6BfI7noOPqvhJ1phCnvWh6IeYI2w9QOYEUipUTI8np6LbgGY9Fs98rqVt5AXLIhWkWywlVmtVrBp0igcN_IoypGlUPQGe77Rw",
  },
  ES256: {
    key: {
      kty: "EC",
      crv: "P-256",
      x: "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU",
      y: "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0",
    },
    header: "eyJhbGciOiJFUzI1NiJ9",
    signature: "DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1Q",
  },
} as const;

Deno.test("jwt: the examples of RFC 7515, with HS256, RS256 and ES256, each with its own key alone", async () => {
  for (const [name, { header, signature }] of Object.entries(RFC7515)) {
    const token = `${header}.${RFC7515_CLAIMS}.${signature}`;
    for (const [other, { key }] of Object.entries(RFC7515)) {
      const options: JwtOptions = {
        keys: { keySet: JSON.stringify({ keys: [key] }) },
        usernameClaim: "iss",
        clock: at(1300819379),
      };
      const expected = name === other ? "accepted joe" : "0x87 the token is not signed by a known key";
      assertEquals(await decide(options, token), expected, `${name} with the key for ${other}`);
      const late = { ...options, clock: at(1300819380 + 31) };
      if (name === other) assertEquals(await decide(late, token), "0x87 the token has expired");
    }
  }
});

Deno.test("jwt: the example of RFC 8037, with Ed25519", async () => {
  const jwk = { kty: "OKP", crv: "Ed25519", x: "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo" };
  const [key] = await importKeySet({ keys: [jwk] }, true);
  assert(key);
  const data = new TextEncoder().encode("eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc");
  const signature = fromBase64Url(
    "hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5BhVsPt9g7sVvpAr_MuM0KAg",
  );
  assert(signature);
  assert(await isSignedBy(key, data, signature));
  assert(!await isSignedBy(key, data.subarray(1), signature));
  assert(!await isSignedBy(key, data, signature.subarray(1)));
});

Deno.test("jwt: keys in PEM and in sets, chosen by algorithm and identifier", async () => {
  const clock = at(1_000);
  const claims = { sub: "ann", exp: 2_000 };
  for (const algorithm of ["RS256", "ES256", "EdDSA"] as const) {
    const [ours, other] = [await signer(algorithm), await signer(algorithm)];
    const options: JwtOptions = { keys: { pem: `a comment\n${other.pem}${ours.pem}` }, clock };
    assertEquals(await decide(options, await ours.sign(claims)), "accepted ann", algorithm);
    const alone: JwtOptions = { keys: { pem: other.pem }, clock };
    assertEquals(await decide(alone, await ours.sign(claims)), "0x87 the token is not signed by a known key");
    const keys = [{ ...other.publicJwk, kid: "1" }, { ...ours.publicJwk, kid: "2", use: "sig", alg: algorithm }];
    const set: JwtOptions = { keys: { keySet: JSON.stringify({ keys }) }, clock };
    assertEquals(await decide(set, await ours.sign(claims)), "accepted ann");
    assertEquals(await decide(set, await ours.sign(claims, { kid: "2" })), "accepted ann");
    assertEquals(
      await decide(set, await ours.sign(claims, { kid: "1" })),
      "0x87 the token is not signed by a known key",
    );
  }
});

Deno.test("jwt: no token chooses how it is verified", async () => {
  const clock = at(1_000);
  const claims = { sub: "ann", exp: 2_000 };
  const rsa = await signer("RS256");
  const keys = { pem: rsa.pem };
  const refused = "0x87 the token is not signed by a known key";
  // The public key as a secret: the attack for which libraries that ask the token are known.
  for (const secret of [rsa.pem, rsa.pem.trim(), JSON.stringify(rsa.publicJwk)]) {
    assertEquals(await decide({ keys, clock }, await signWithSecret(secret, claims)), refused);
    assertEquals(await decide({ keys, clock }, await signWithSecret(secret, claims, { alg: "RS256" })), refused);
  }
  for (const alg of ["none", "None", "HS512", "RS512", "PS256", undefined, 1, null, ["RS256"]]) {
    const token = `${encoded(JSON.stringify({ alg }))}.${encoded(JSON.stringify(claims))}.AAAA`;
    assertEquals(await decide({ keys, clock }, token), refused, String(alg));
    assertEquals(await decide({ keys: { secret: SECRET }, clock }, token), refused, String(alg));
  }
  const unsigned = `${encoded('{"alg":"none"}')}.${encoded(JSON.stringify(claims))}.`;
  assertEquals(await decide({ keys, clock }, unsigned), "0x87 the password must be a token");
  const own = await rsa.sign(claims, { jwk: rsa.publicJwk, jku: "https://example.com" });
  assertEquals(await decide({ keys: { secret: SECRET }, clock }, own), refused);
  const critical = await rsa.sign(claims, { crit: ["b64"], b64: false });
  assertEquals(await decide({ keys, clock }, critical), "0x87 the password must be a token");
});

Deno.test("jwt: claims decide who, when, for whom", async () => {
  const options: JwtOptions = { keys: { secret: SECRET }, clock: at(1_000) };
  const check = async (
    claims: Record<string, unknown>,
    more: Partial<JwtOptions> = {},
    who?: Partial<ConnectRequest>,
  ) => await decide({ ...options, ...more }, await signWithSecret(SECRET, { sub: "ann", exp: 2_000, ...claims }), who);
  assertEquals(await check({}), "accepted ann");
  assertEquals(await check({ exp: 971 }), "accepted ann");
  assertEquals(await check({ exp: 970 }), "0x87 the token has expired");
  assertEquals(await check({ exp: 1_000 }, { leeway: 0 }), "0x87 the token has expired");
  assertEquals(await check({ exp: undefined }), "0x87 the token must have an end (exp)");
  assertEquals(await check({ exp: undefined }, { requireExpiry: false }), "accepted ann");
  assertEquals(await check({ exp: "2000" }), "0x87 exp must be a number");
  assertEquals(await check({ nbf: 1_030 }), "accepted ann");
  assertEquals(await check({ nbf: 1_031 }), "0x87 the token is not valid yet");
  assertEquals(await check({ nbf: null }), "0x87 nbf must be a number");
  assertEquals(await check({ iss: "a" }, { issuer: ["a", "b"] }), "accepted ann");
  assertEquals(await check({ iss: "c" }, { issuer: ["a", "b"] }), "0x87 the token is not of the expected issuer");
  assertEquals(await check({}, { issuer: "a" }), "0x87 the token is not of the expected issuer");
  assertEquals(await check({ aud: ["x", "mqtt"] }, { audience: "mqtt" }), "accepted ann");
  assertEquals(await check({ aud: "x" }, { audience: "mqtt" }), "0x87 the token is for another audience");
  assertEquals(await check({}, { audience: "mqtt" }), "0x87 the token is for another audience");
  assertEquals(await check({ sub: "" }), "0x87 the token must have a user name (sub)");
  assertEquals(await check({ sub: 7 }), "0x87 the token must have a user name (sub)");
  assertEquals(await check({ device: "d" }, { usernameClaim: "device" }), "accepted d");
  assertEquals(await check({}, {}, { username: "ann" }), "accepted ann");
  assertEquals(await check({}, {}, { username: "bob" }), "0x87 the token is of another user");
  assertEquals(await check({ cid: "c" }, { clientIdClaim: "cid" }), "accepted ann");
  assertEquals(await check({ cid: "d" }, { clientIdClaim: "cid" }), "0x87 the token is for another client identifier");
  assertEquals(await check({ publ: "a" }), "0x87 publ must be an array of topic filters");
  assertEquals(await check({ subs: ["a/#/b"] }), "0x87 subs must be an array of topic filters");
  assertEquals(await check({ subs: ["$share/g/a"] }), "0x87 subs must be an array of topic filters");
});

Deno.test("jwt: what is no token is refused, and weak keys are no keys", async () => {
  const options: JwtOptions = { keys: { secret: SECRET }, clock: at(1_000) };
  for (
    const token of [undefined, "", "secret", "a.b", "a.b.c.d", "....", `${"a".repeat(20_000)}.a.a`, "e30.W10.AAAA"]
  ) {
    assertStringIncludes(await decide(options, token), "0x87 the password must be a token");
  }
  await assertRejects(() => jwt({ keys: { secret: "short" } }), RangeError, "at least 32 bytes");
  await assertRejects(() => jwt({ keys: { pem: "nothing" } }), TypeError, "PEM block");
  const block = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----";
  await assertRejects(() => jwt({ keys: { pem: block } }), TypeError, "must be PUBLIC KEY");
  await assertRejects(
    () => jwt({ keys: { keySet: '{"keys":[{"kty":"oct","k":"AAAA"}]}' } }),
    TypeError,
    "must have a key",
  );
  await assertRejects(() => jwt({ keys: { keySet: "[]" } }), TypeError, "array `keys`");
  await assertRejects(() => jwt({ keys: { secret: SECRET }, leeway: 1e6 }), RangeError, "0 to 600");
  await assertRejects(() => jwt({ keys: { remote: { url: "http://example.com/keys" } } }), TypeError, "HTTPS");
});

Deno.test("jwt: keys from an address are kept, fetched anew for a new key, and not more often than that", async () => {
  const clock = at(1_000);
  const [first, second] = [await signer("ES256"), await signer("EdDSA")];
  let keys: unknown[] = [{ ...first.publicJwk, kid: "1" }, { kty: "oct", k: btoa(SECRET) }];
  let fetches = 0;
  let status = 200;
  const server = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen: () => {} }, () => {
    fetches++;
    return new Response(JSON.stringify({ keys }), { status });
  });
  try {
    const url = `http://127.0.0.1:${server.addr.port}/keys`;
    const { authenticate } = await jwt({ keys: { remote: { url, maxAge: 100, maxStale: 200 } }, clock });
    const check = async (token: string) => outcome(await authenticate(request(token)));
    const claims = { sub: "ann", exp: 1e9 };
    const results = await Promise.all(Array.from({ length: 20 }, async () => await check(await first.sign(claims))));
    assertEquals([new Set(results), fetches], [new Set(["accepted ann"]), 1]);
    assertEquals(await check(await signWithSecret(SECRET, claims)), "0x87 the token is not signed by a known key");
    assertEquals(await check(await second.sign(claims)), "0x87 the token is not signed by a known key");
    assertEquals(fetches, 1, "no client makes us fetch again and again");

    keys = [{ ...second.publicJwk, kid: "2" }];
    clock.advance(11_000);
    assertEquals(await check(await second.sign(claims, { kid: "2" })), "accepted ann");
    assertEquals(await check(await first.sign(claims)), "0x87 the token is not signed by a known key");
    assertEquals(fetches, 2);

    status = 500;
    clock.advance(150_000);
    assertEquals(await check(await second.sign(claims)), "accepted ann", "stale keys are better than none");
    clock.advance(200_000);
    assertEquals(await check(await second.sign(claims)), "0x88 the keys for tokens cannot be fetched");
    status = 200;
    clock.advance(11_000);
    assertEquals(await check(await second.sign(claims)), "accepted ann");
  } finally {
    await server.shutdown();
  }
});

Deno.test("jwt: a set of keys that never ends is not read to its end", async () => {
  const server = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen: () => {} }, () => {
    const chunk = new TextEncoder().encode(" ".repeat(65_536));
    let sent = 0;
    return new Response(
      new ReadableStream({
        pull: (controller) => sent++ < 100 ? controller.enqueue(chunk) : controller.close(),
      }),
    );
  });
  try {
    const keys = { remote: { url: `http://127.0.0.1:${server.addr.port}/` } };
    const token = await signWithSecret(SECRET, { sub: "ann" });
    assertEquals(await decide({ keys, clock: at(1_000) }, token), "0x88 the keys for tokens cannot be fetched");
  } finally {
    await server.shutdown();
  }
});

Deno.test("broker jwt: the connection ends with the token, with a reason in 5.0; its session does not", async () => {
  const clock = at(1_000);
  const tokens = await jwt({ keys: { secret: SECRET }, clock, leeway: 0 });
  await withBroker({ ...tokens, clock }, async ({ connect, open, broker }) => {
    const password = await signWithSecret(SECRET, { sub: "ann", exp: 1_060 });
    const session = { cleanStart: false, properties: { sessionExpiryInterval: 1_000 } };
    const client = await connect({ ...session, clientId: "a", password });
    const old = await connect({ version: 4, clientId: "b", username: "ann", password });
    const witness = await connect({ password: await signWithSecret(SECRET, { sub: "bob", exp: 9_000 }) });
    clock.advance(59_000);
    assertEquals(await client.barrier(), []);
    clock.advance(1_500);
    await client.expectDisconnect(0xa0);
    await old.expectClosed();
    assertEquals(await witness.barrier(), []);
    await until(() => broker.counts().connections === 1, "the end of both");
    assertEquals(broker.counts().sessions, 2);

    const late = await open();
    await late.sendConnect({ ...session, clientId: "a", password });
    await late.expectRefused(0x87);
    const renewed = await signWithSecret(SECRET, { sub: "ann", exp: 5_000 });
    const back = await connect({ ...session, clientId: "a", password: renewed });
    assertEquals(back.connack?.sessionPresent, true);
    const thief = await open();
    const others = await signWithSecret(SECRET, { sub: "bob", exp: 9_000 });
    await thief.sendConnect({ ...session, clientId: "a", password: others });
    await thief.expectRefused(0x87);
  })();
});

Deno.test("broker jwt: a token says at most what its client may do", async () => {
  const tokens = await jwt({ keys: { secret: SECRET } });
  await withBroker({ ...tokens, clock: undefined }, async ({ connect }) => {
    const claims = { exp: Date.now() / 1000 + 1_000 };
    const password = (more: Record<string, unknown>) => signWithSecret(SECRET, { ...claims, ...more });
    const client = await connect({
      clientId: "ann",
      cleanStart: false,
      properties: { sessionExpiryInterval: 100 },
      password: await password({ sub: "ann", publ: ["out/+"], subs: ["in/#", "$SYS/+"] }),
      will: { topic: "in/will", payload: "" },
    });
    const all = await connect({ password: await password({ sub: "root" }), autoAck: true });
    await all.subscribe("#", { qos: 1 });
    const { reasonCodes } = await client.trySubscribe([
      { filter: "in/#", qos: 1 },
      { filter: "in", qos: 1 },
      { filter: "in/+/x", qos: 1 },
      { filter: "#", qos: 1 },
      { filter: "+/x", qos: 1 },
      { filter: "out/x", qos: 1 },
      { filter: "$share/g/in/x", qos: 1 },
      { filter: "$share/g/out/x", qos: 1 },
      { filter: "$SYS/a", qos: 1 },
      { filter: "$SYS/#", qos: 1 },
    ]);
    assertEquals(reasonCodes, [1, 1, 1, 0x87, 0x87, 0x87, 1, 0x87, 1, 0x87]);
    await client.send(publishPacket("out/x", "", { qos: 1, packetId: 1 }));
    await client.expect("puback", { packetId: 1, reasonCode: 0 });
    await client.send(publishPacket("in/x", "", { qos: 1, packetId: 2 }));
    await client.expect("puback", { packetId: 2, reasonCode: 0x87 });
    await client.close();
    assertEquals((await all.publications()).map(({ topic }) => topic), ["out/x"]);

    // What the session subscribed to with one token, it does not get with another one.
    await all.publish("in/a", "", { qos: 1 });
    const narrow = await connect({
      clientId: "ann",
      cleanStart: false,
      properties: { sessionExpiryInterval: 100 },
      password: await password({ sub: "ann", subs: ["in/b"] }),
      autoAck: true,
    });
    await all.publish("in/a", "", { qos: 1 });
    await all.publish("in/b", "", { qos: 1 });
    assertEquals((await narrow.publications()).map(({ topic }) => topic), ["in/b"]);
    await narrow.send(publishPacket("in/b", "", { qos: 1, packetId: 7 }));
    await narrow.expect("puback", { reasonCode: 0x87 });
  })();
});

Deno.test("broker jwt: method JWT renews a token without a new connection, but for the same user alone", async () => {
  const clock = at(1_000);
  const tokens = await jwt({ keys: { secret: SECRET }, clock, leeway: 0 });
  await withBroker({ ...tokens, clock }, async ({ connect }) => {
    const authentication = async (sub: string, exp: number) => ({
      authenticationMethod: "JWT",
      authenticationData: new TextEncoder().encode(await signWithSecret(SECRET, { sub, exp })),
    });
    const client = await connect({ properties: await authentication("ann", 1_060) });
    await client.send({ type: "auth", reasonCode: 0x19, properties: await authentication("ann", 2_000) });
    await client.expect("auth", { reasonCode: 0 });
    clock.advance(900_000);
    assertEquals(await client.barrier(), []);
    await client.send({ type: "auth", reasonCode: 0x19, properties: await authentication("bob", 3_000) });
    await client.expectDisconnect(0x87);
  })();
});

/** Sets the machine's clock for this process by so many seconds, until it is disposed. */
function setClock(seconds: number): Disposable {
  const { now } = Date;
  Date.now = () => now() + seconds * 1000;
  return { [Symbol.dispose]: () => void (Date.now = now) };
}

Deno.test("broker tokens: the date that the machine finds out after the broker's start holds", async () => {
  const tokens = await jwt({ keys: { secret: SECRET }, leeway: 0 });
  await withBroker({ ...tokens, clock: systemClock }, async ({ connect, open }) => {
    const days = 3 * 86_400;
    const start = Math.floor(Date.now() / 1000);
    using _ = setClock(days);
    const expired = await open();
    await expired.sendConnect({ password: await signWithSecret(SECRET, { sub: "ann", exp: start + 60 }) });
    await expired.expectRefused(0x87);
    const claims = { sub: "ann", nbf: start + days - 1, exp: start + days + 2 };
    const client = await connect({ password: await signWithSecret(SECRET, claims) });
    await client.expectDisconnect(0xa0);
  })();
});
