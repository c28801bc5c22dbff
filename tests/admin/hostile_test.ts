/** What cannot be a request is refused with a status and a reason, and harms nobody. */

import { assertEquals, assertMatch } from "@std/assert";
import { type AskOptions, withAdmin } from "./support.ts";

const JSON_TYPE = { "content-type": "application/json" };
const DISCONNECT = "/api/v1/client/disconnect";

Deno.test(
  "admin hostile: paths that are none, and methods that are not for a path",
  withAdmin({}, async ({ ask, refused }) => {
    const paths = ["/x", "/api", "/api/", "/api/v1", "/api/v1/", "/api/v2/info", "/api/v1/info/", "/api/v1/INFO"];
    const disguised = ["//api/v1/info", "/api//v1/info", "/api/v1/%69nfo", "/api/v1/constructor", "/api/v1/__proto__"];
    for (const path of [...paths, ...disguised, "/../etc/passwd", "/%00", "/metrics/", "/page_assets.ts"]) {
      assertEquals((await refused(path, 404)).error, "not_found", path);
    }
    const allowed: readonly [path: string, allow: string][] = [
      ["/api/v1/info", "GET, HEAD"],
      ["/api/v1/retained/message", "GET, DELETE, HEAD"],
      [DISCONNECT, "POST"],
      ["/api/v1/session", "DELETE"],
      ["/metrics", "GET, HEAD"],
      ["/healthz", "GET, HEAD"],
      ["/", "GET, HEAD"],
    ];
    for (const [path, allow] of allowed) {
      for (const method of ["PUT", "PATCH", "OPTIONS", "PROPFIND", ...allow.includes("POST") ? ["GET"] : ["POST"]]) {
        const response = await ask(path, { method });
        assertEquals([response.status, response.headers.get("allow")], [405, allow], `${method} ${path}`);
        assertEquals((await response.json()).error, "method_not_allowed");
      }
    }
    const head = await ask("/api/v1/info", { method: "HEAD" });
    assertEquals([head.status, await head.text()], [200, ""]);
  }),
);

Deno.test(
  "admin hostile: parameters that are unknown, twice there, badly encoded or out of range",
  withAdmin({}, async ({ refused }) => {
    const wrong = [
      "clients?x=1",
      "clients?limit=1&limit=2",
      "clients?limit=0",
      "clients?limit=501",
      "clients?limit=-1",
      "clients?limit=1e2",
      "clients?limit=",
      "clients?limit=99999999999999999999",
      "clients?sort=password",
      "clients?order=up",
      "clients?q=%FF",
      "clients?q=%",
      "clients?%ZZ=1",
      "clients?cursor=",
      "clients?cursor=!!!",
      "clients?cursor=AAAA",
      `clients?cursor=${btoa("[1]")}`,
      `clients?cursor=${btoa('{"0":1}').replaceAll("=", "")}`,
      "client?id=",
      "sessions?state=gone",
      "subscriptions?topic=a/%23",
      "topics?under=a/%2B",
      "topics?under=%00",
      "topic?topic=",
      "retained?filter=a/%23/b",
      "retained/message?topic=%23",
      "log?limit=1001",
      "events?topics=yes",
      "info?x",
      `client?id=${"x".repeat(65_536)}`,
    ];
    for (const path of wrong) {
      const { error, message } = await refused(`/api/v1/${path}`, 400);
      assertEquals(error, "bad_request", path);
      assertMatch(message, /^Cannot use (the query|the request|parameter ).*/, path);
    }
    await refused("/mqtt?token=x", 400);
  }),
);

Deno.test(
  "admin hostile: bodies that are no JSON, none at all, of another type, or too large",
  withAdmin({}, async ({ refused }) => {
    const post = (body: BodyInit | undefined, headers: Record<string, string> = JSON_TYPE): AskOptions => {
      return { method: "POST", body, headers };
    };
    const bodies: (BodyInit | undefined)[] = [
      undefined,
      "",
      "{",
      "null",
      "[]",
      "7",
      '"x"',
      "{}",
      '{"clientId":7}',
      '{"clientId":"a","x":1}',
      '{"clientId":"a","reasonCode":"128"}',
      '{"clientId":"a","reasonCode":0}',
      '{"clientId":"a","reasonCode":256}',
      '{"clientId":"a","reasonCode":128.5}',
      // Those of other packets.
      '{"clientId":"a","reasonCode":133}',
      '{"clientId":"a","reasonCode":255}',
      '{"clientId":"a"}x',
      Uint8Array.of(0x22, 0xff, 0x22),
      `${"[".repeat(30_000)}${"]".repeat(30_000)}`,
    ];
    for (const body of bodies) assertEquals((await refused(DISCONNECT, 400, post(body))).error, "bad_request");
    for (
      const type of ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data", "application/jsonp"]
    ) {
      const { error } = await refused(DISCONNECT, 415, post('{"clientId":"a"}', { "content-type": type }));
      assertEquals(error, "unsupported_media_type", type);
    }
    const large = `{"clientId":"${"x".repeat(65_536)}"}`;
    assertEquals((await refused(DISCONNECT, 413, post(large))).error, "too_large");
    assertEquals((await refused(DISCONNECT, 413, post(endless()))).error, "too_large");
    await refused(DISCONNECT, 413, post("{}", { ...JSON_TYPE, "content-length": "65537" }));
    await refused(DISCONNECT, 404, post('{"clientId":"a"}', { "content-type": "application/JSON; charset=utf-8" }));
  }),
);

Deno.test(
  "admin hostile: what goes wrong inside is told to the log, and not to the sender",
  async () => {
    const errors: unknown[] = [];
    await withAdmin({
      reload: () => Promise.reject(new Error("secret path /etc/x")),
      onError: (error) => void errors.push(error),
    }, async ({ refused }) => {
      const { error, message } = await refused("/api/v1/reload", 500, { method: "POST" });
      assertEquals([error, message.includes("secret")], ["internal", false]);
    })();
    assertEquals(errors.map(String), ["Error: secret path /etc/x"]);
  },
);

Deno.test(
  "admin hostile: no more than 64 requests are answered at a time",
  async () => {
    const { promise, resolve } = Promise.withResolvers<{ ok: boolean; messages: string[] }>();
    await withAdmin({ reload: () => promise }, async ({ ask, get }) => {
      const pending = Array.from({ length: 64 }, () => ask("/api/v1/reload", { method: "POST" }));
      const response = await ask("/api/v1/info");
      assertEquals([response.status, (await response.json()).error], [429, "too_many_requests"]);
      resolve({ ok: true, messages: [] });
      for (const answered of await Promise.all(pending)) assertEquals((await answered.json()).ok, true);
      await get("info");
    })();
  },
);

/** A body that says nothing of its length, and has no end. */
function endless(): ReadableStream<Uint8Array<ArrayBuffer>> {
  const chunk = new Uint8Array(4_096).fill(0x20);
  return new ReadableStream({ pull: (controller) => controller.enqueue(chunk) });
}
