/** Files beside the WebSocket, and attempts to get others. */

import { assertEquals, assertMatch } from "@std/assert";
import { type ListenerTest, withListener } from "./support.ts";
import { HANDSHAKE } from "./websocket_client.ts";

const SECRET = "nobody shall read this";
const HOST = { Host: "localhost" };

/** A test with a folder of files inside a folder with a secret. */
function test(name: string, body: (test: ListenerTest, folder: string) => Promise<void>): void {
  Deno.test(`http_dir: ${name}`, async () => {
    const outside = await Deno.makeTempDir();
    const folder = `${outside}/www`;
    try {
      await Deno.mkdir(`${folder}/sub/.git`, { recursive: true });
      await Deno.mkdir(`${outside}/www-secret`);
      await Deno.writeTextFile(`${outside}/secret.txt`, SECRET);
      await Deno.writeTextFile(`${outside}/www-secret/secret.txt`, SECRET);
      await Deno.writeTextFile(`${folder}/.env`, SECRET);
      await Deno.writeTextFile(`${folder}/sub/.git/config`, SECRET);
      await Deno.writeTextFile(`${folder}/index.html`, "<h1>hello</h1>");
      await Deno.writeTextFile(`${folder}/sub/index.html`, "below");
      await Deno.writeTextFile(`${folder}/app.js`, "1");
      await Deno.writeTextFile(`${folder}/größe 1.txt`, "ok");
      await Deno.writeFile(`${folder}/large.bin`, new Uint8Array(3_000_000).fill(7));
      await Deno.symlink("../secret.txt", `${folder}/link.txt`);
      await Deno.symlink("..", `${folder}/up`);
      await Deno.symlink("app.js", `${folder}/alias.js`);
      await Deno.symlink("loop", `${folder}/loop`);
      await withListener({ protocol: "websockets", httpDir: folder }, (context) => body(context, folder))();
    } finally {
      await Deno.remove(outside, { recursive: true });
    }
  });
}

async function get(
  { http }: ListenerTest,
  target: string,
  method = "GET",
): Promise<{ head: string; body: Uint8Array }> {
  const connection = await http();
  const head = await connection.request(`${method} ${target} HTTP/1.1`, HOST);
  return { head, body: await connection.body() };
}

function text(bytes: Uint8Array): string {
  return new TextDecoder().decode(bytes);
}

test("files come with their type and length", async (context) => {
  const files: [target: string, type: string, body: string][] = [
    ["/", "text/html; charset=utf-8", "<h1>hello</h1>"],
    ["/?x=../..#y", "text/html; charset=utf-8", "<h1>hello</h1>"],
    ["/index.html", "text/html; charset=utf-8", "<h1>hello</h1>"],
    ["/sub/", "text/html; charset=utf-8", "below"],
    ["/app.js", "text/javascript; charset=utf-8", "1"],
    ["/alias.js", "text/javascript; charset=utf-8", "1"],
    ["/gr%C3%B6%C3%9Fe%201.txt", "text/plain; charset=utf-8", "ok"],
  ];
  for (const [target, type, expected] of files) {
    const { head, body } = await get(context, target);
    assertMatch(head, /^HTTP\/1\.1 200 OK\r\n/, target);
    assertEquals(/\r\nContent-Type: (.*)\r\n/.exec(head)?.[1], type);
    assertEquals(/\r\nContent-Length: (.*)\r\n/.exec(head)?.[1], String(body.length));
    assertEquals(text(body), expected);
  }
  const { body } = await get(context, "/large.bin");
  assertEquals([body.length, body.every((byte) => byte === 7)], [3_000_000, true]);
});

test("HEAD gets no body, other methods are refused", async (context) => {
  const { head, body } = await get(context, "/large.bin", "HEAD");
  assertMatch(head, /\r\nContent-Length: 3000000\r\n/);
  assertEquals(body.length, 0);
  for (const method of ["POST", "PUT", "DELETE", "OPTIONS", "TRACE"]) {
    const answer = await get(context, "/", method);
    assertMatch(answer.head, /^HTTP\/1\.1 405 .*\r\nAllow: GET, HEAD\r\n/s);
  }
});

test("there is no way out of the folder", async (context) => {
  const targets = [
    "/../secret.txt",
    "/sub/../../secret.txt",
    "/%2e%2e/secret.txt",
    "/%2E%2E%2Fsecret.txt",
    "/..%2fsecret.txt",
    "/..%5csecret.txt",
    "/..\\secret.txt",
    "/%252e%252e/secret.txt",
    "/....//secret.txt",
    "/./.././secret.txt",
    "//etc/passwd",
    "/%2fetc/passwd",
    "/etc/passwd",
    "/C:/secret.txt",
    "/../www-secret/secret.txt",
    "/index.html%00.txt",
    "/secret.txt%00",
    "/link.txt",
    "/up/secret.txt",
    "/up/www/index.html",
    "/loop",
    "/.env",
    "/sub/.git/config",
    "/sub",
    `/${"a/".repeat(2_000)}`,
    `/${"a".repeat(5_000)}`,
  ];
  for (const target of targets) {
    const { head, body } = await get(context, target);
    // `/up/www/index.html` would be a way back in: the real path counts.
    const expected = target === "/up/www/index.html" ? 200 : 404;
    assertMatch(head, new RegExp(`^HTTP/1\\.1 ${expected} `), target);
    assertEquals(text(body).includes(SECRET), false, target);
  }
  for (const target of ["secret.txt", "http://localhost/secret.txt", "*", "/%", "/%ff", "/%c0%ae%c0%ae/secret.txt"]) {
    const { head, body } = await get(context, target);
    assertMatch(head, /^HTTP\/1\.1 400 /, target);
    assertEquals(text(body).includes(SECRET), false);
  }
});

test("a pipe or a folder is no file", async (context, folder) => {
  const { code } = await new Deno.Command("mkfifo", { args: [`${folder}/pipe`] }).output();
  if (code === 0) assertMatch((await get(context, "/pipe")).head, /^HTTP\/1\.1 404 /);
  assertMatch((await get(context, "/up")).head, /^HTTP\/1\.1 404 /);
});

test("WebSockets are served beside the files, and a file that nobody reads keeps nobody waiting", async (context) => {
  const stuck = await context.http();
  await stuck.request("GET /large.bin HTTP/1.1", HOST);
  const client = await context.connect((await context.webSocket()).transport());
  assertEquals(await client.barrier(), []);
  assertMatch(await (await context.http()).request("GET / HTTP/1.1", HANDSHAKE), /^HTTP\/1\.1 101 /);
});

Deno.test(
  "http_dir: without it there are no files",
  withListener({ protocol: "websockets" }, async (context) => {
    assertMatch((await get(context, "/")).head, /^HTTP\/1\.1 404 /);
  }),
);
