/** Who may ask: other hosts, other sites and wrong tokens are refused; what is answered can do nothing in a browser. */

import { assert, assertEquals, assertMatch, assertThrows } from "@std/assert";
import { FailedTokens } from "../../broker/admin/failed_tokens.ts";
import { createAdminHandler } from "../../broker/admin/mod.ts";
import { Tickets } from "../../broker/admin/tickets.ts";
import { Broker } from "../../broker/mod.ts";
import { ORIGIN, withAdmin } from "./support.ts";

const TOKEN = "0123456789abcdef";
const AUTHORIZED = { authorization: `Bearer ${TOKEN}` };
const PATHS = ["/api/v1/info", "/api/v1/clients", "/api/v1/events", "/metrics", "/mqtt"];

Deno.test(
  "admin guard: only localhost, IP addresses and our own names are our host",
  withAdmin({ hosts: ["Broker.example.org"] }, async ({ ask, refused }) => {
    const ours = [
      "localhost",
      "localhost:9001",
      "127.0.0.1:9001",
      "[::1]:9001",
      "192.168.0.7",
      "broker.example.org:9001",
    ];
    for (const host of ours) {
      const response = await ask("/api/v1/info", { headers: { host } });
      assertEquals(response.status, 200, host);
      await response.body?.cancel();
    }
    const others = [
      "evil.example",
      "localhost.evil.example",
      "127.0.0.1.evil.example",
      "evil.example:9001",
      "localhost@evil.example",
      "localhost/x",
      "a b",
      "localhost, evil.example",
      "[::1",
      "127.0.0.1.5",
      "256.1.1.1",
    ];
    for (const host of others) {
      for (const path of [...PATHS, "/"]) {
        assertEquals((await refused(path, 403, { headers: { host } })).error, "forbidden", host);
      }
    }
  }),
);

Deno.test(
  "admin guard: requests of other sites are refused, whatever they ask for",
  withAdmin({ token: TOKEN }, async ({ ask, refused }) => {
    const foreign: Record<string, string>[] = [
      { origin: "https://evil.example" },
      { origin: "http://localhost:9002" },
      { origin: "http://127.0.0.1:9001" },
      { origin: "null" },
      { origin: "" },
      { "sec-fetch-site": "cross-site" },
      { "sec-fetch-site": "same-site" },
      { origin: ORIGIN, "sec-fetch-site": "cross-site" },
    ];
    for (const headers of foreign) {
      for (const path of PATHS) {
        const { error } = await refused(path, 403, { headers: { ...headers, ...AUTHORIZED } });
        assertEquals(error, "forbidden");
      }
      for (const method of ["POST", "DELETE", "OPTIONS", "PUT"]) {
        await refused("/api/v1/client/disconnect", 403, { method, headers: { ...headers, ...AUTHORIZED } });
      }
    }
    const own: Record<string, string>[] = [
      { origin: ORIGIN, "sec-fetch-site": "same-origin" },
      { "sec-fetch-site": "none" },
    ];
    for (const headers of own) {
      const response = await ask("/api/v1/info", { headers: { ...headers, ...AUTHORIZED } });
      assertEquals(response.status, 200);
      await response.body?.cancel();
    }
  }),
);

Deno.test(
  "admin guard: nothing is told without the token, but health and the page, which tell nothing",
  withAdmin({ token: TOKEN }, async ({ ask, refused }) => {
    for (const path of [...PATHS, "/api/v1/nothing", "/nothing", "/api/v1/"]) {
      const { error } = await refused(path, 401);
      assertEquals(error, "unauthorized");
    }
    for (
      const authorization of [
        TOKEN,
        `Basic ${TOKEN}`,
        `Bearer ${TOKEN}x`,
        `Bearer ${TOKEN} x`,
        `Bearer ${TOKEN.slice(1)}`,
      ]
    ) {
      await refused("/api/v1/info", 401, { headers: { authorization } });
    }
    await refused("/mqtt?ticket=AAAA", 401);
    for (const path of ["/healthz", "/readyz", "/"]) {
      const response = await ask(path);
      assertEquals(response.status, 200, path);
      await response.body?.cancel();
    }
    const response = await ask("/api/v1/info", { headers: { authorization: `bearer ${TOKEN}` } });
    assertEquals(response.status, 200);
    await response.body?.cancel();
  }),
);

Deno.test(
  "admin guard: who sends wrong tokens has to wait; others do not, nor does a page that has none yet",
  withAdmin({ token: TOKEN }, async ({ ask, refused }) => {
    for (let i = 0; i < 30; i++) await refused("/api/v1/info", 401, { from: "10.0.0.1" });
    const guess = { headers: { authorization: "Bearer wrong-wrong-wrong" }, from: "10.0.0.1" };
    for (let i = 0; i < 10; i++) await refused("/api/v1/info", 401, guess);
    const response = await ask("/api/v1/info", { headers: AUTHORIZED, from: "10.0.0.1" });
    assertEquals(response.status, 429);
    assertMatch(response.headers.get("retry-after") ?? "", /^[1-9]\d*$/);
    await response.body?.cancel();
    const other = await ask("/api/v1/info", { headers: AUTHORIZED, from: "10.0.0.2" });
    assertEquals(other.status, 200);
    await other.body?.cancel();
  }),
);

Deno.test("admin guard: wrong tokens are forgiven with time, and few addresses are remembered", () => {
  const failed = new FailedTokens();
  for (let i = 0; i < 10; i++) failed.add("a", 0);
  assertEquals(failed.wait("a", 0), 6);
  assertEquals(failed.wait("a", 5_999), 1);
  assertEquals(failed.wait("a", 6_000), 0);
  for (let i = 0; i < 1_000; i++) failed.add(`b${i}`, 0);
  assertEquals(failed.wait("a", 0), 0);
});

Deno.test("admin guard: a ticket works once, and not for long", () => {
  const tickets = new Tickets();
  const { ticket, expiresIn } = tickets.issue(0);
  assert(ticket.length >= 32);
  assertEquals(tickets.redeem(ticket, expiresIn - 1), true);
  assertEquals(tickets.redeem(ticket, expiresIn - 1), false);
  assertEquals(tickets.redeem(tickets.issue(0).ticket, expiresIn), false);
  assertEquals(tickets.redeem("guess", 0), false);
  for (let i = 0; i < 64; i++) tickets.issue(0);
  assertThrows(() => tickets.issue(0), Error, "64 tickets");
  tickets.issue(expiresIn);
});

Deno.test("admin guard: a token that is easily guessed cannot be used", async () => {
  await using broker = new Broker({ sysInterval: 0 });
  for (const token of ["", "short", "0123456789abcde", "with spaces in between", "mit-umläuten-1234"]) {
    assertThrows(() => createAdminHandler({ broker, token }), RangeError, "16 or more visible ASCII");
  }
});

Deno.test(
  "admin guard: browsers may not guess, frame, keep or pass on what is answered, and the page runs its own scripts only",
  withAdmin({}, async ({ ask }) => {
    for (const path of ["/api/v1/info", "/metrics", "/healthz", "/api/v1/nothing", "/api/v1/events", "/"]) {
      const response = await ask(path);
      await response.body?.cancel();
      const { headers } = response;
      assertEquals(headers.get("x-content-type-options"), "nosniff", path);
      assertEquals(headers.get("referrer-policy"), "no-referrer", path);
      assertEquals(headers.get("cross-origin-resource-policy"), "same-origin", path);
      assertEquals(headers.get("access-control-allow-origin"), null, path);
      const policy = headers.get("content-security-policy") ?? "";
      assertMatch(policy, /default-src 'none'/, path);
      assertMatch(policy, /frame-ancestors 'none'/, path);
      assert(!policy.includes("unsafe"), policy);
      if (path !== "/") assertEquals(headers.get("cache-control"), "no-store", path);
    }
    const page = await ask("/");
    const etag = page.headers.get("etag") ?? "";
    assert((await page.text()).includes("<script"));
    const again = await ask("/", { headers: { "if-none-match": etag } });
    assertEquals([again.status, await again.text()], [304, ""]);
    // A proxy that compresses makes the tag a weak one; a browser may know several.
    for (const known of [`W/${etag}`, `"other", ${etag}`, "*"]) {
      const { status, body } = await ask("/", { headers: { "if-none-match": known } });
      await body?.cancel();
      assertEquals([known, status], [known, 304]);
    }
  }),
);

Deno.test("admin guard: names of the server are names, in any script", async () => {
  await using broker = new Broker({ sysInterval: 0 });
  for (
    const host of ["", "broker.example.org:8080", "https://broker.example.org", "a b", "a/b", "user@a", "a?b", "*.a"]
  ) {
    assertThrows(() => createAdminHandler({ broker, hosts: [host] }), RangeError, "must be a name");
  }
  using admin = createAdminHandler({ broker, hosts: ["Bücher.example"] });
  const response = await admin.handle(new Request(ORIGIN, { headers: { host: "xn--bcher-kva.example:8080" } }));
  assertEquals(response.status, 200);
  await response.body?.cancel();
});

Deno.test("admin guard: when the broker has closed, nothing is begun any more, but health is told", async () => {
  const broker = new Broker({ sysInterval: 0 });
  using admin = createAdminHandler({ broker });
  await broker.close();
  for (const path of ["/api/v1/events?topics=true", "/api/v1/info", "/metrics", "/readyz"]) {
    const response = await admin.handle(new Request(`${ORIGIN}${path}`));
    assertEquals([path, response.status], [path, 503]);
    await response.body?.cancel();
  }
  const health = await admin.handle(new Request(`${ORIGIN}/healthz`));
  assertEquals(await health.json(), { status: "ok" });
});
