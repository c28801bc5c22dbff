/** The admin listener over real sockets: what is slow, malformed or too much; MQTT over WebSocket beside the API. */

import { assert, assertEquals, assertMatch, assertRejects } from "@std/assert";
import { Broker, listenAdmin, type LogLevel } from "../../broker/mod.ts";
import { connect } from "../../client/mod.ts";
import { AdminServer } from "../../broker/deno/admin_server.ts";
import { bounded, until } from "../support/broker.ts";

const TOKEN = "0123456789abcdef";

/** Sends bytes, and returns all that is answered until the other end closes. */
async function exchange(port: number, request: string): Promise<string> {
  using conn = await Deno.connect({ hostname: "127.0.0.1", port });
  await conn.write(new TextEncoder().encode(request));
  return await new Response(conn.readable).text();
}

Deno.test("admin server: a token is needed where strangers can come, and a port that is taken is told", () =>
  bounded(async () => {
    await using broker = new Broker({ sysInterval: 0 });
    for (const hostname of ["0.0.0.0", "::", "192.168.0.7", "example.org"]) {
      await assertRejects(() => listenAdmin(broker, { hostname, port: 0 }), RangeError, "there must be a token");
    }
    await assertRejects(() => listenAdmin(broker, { port: 0, token: "short" }), RangeError, "16 or more");
    await using admin = await listenAdmin(broker, { port: 0 });
    const error = await assertRejects(() => listenAdmin(broker, { port: admin.address.port }), Error);
    assertMatch(error.message, /in use/i);
  }));

Deno.test("admin server: what is no request of HTTP/1.1 is refused, and others go on", () =>
  bounded(async () => {
    await using broker = new Broker({ sysInterval: 0 });
    await using admin = await listenAdmin(broker, { port: 0 });
    const { port } = admin.address;
    const wrong = [
      "nonsense\r\n\r\n",
      "GET /healthz HTTP/1.1\r\n\r\n",
      "GET http://127.0.0.1/healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n",
      "GET /healthz HTTP/1.1\r\nHost: localhost\r\nbad header\r\nConnection: close\r\n\r\n",
      "CONNECT x:1 HTTP/1.1\r\nHost: localhost\r\n\r\n",
      "TRACE /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n",
      "POST /healthz HTTP/1.1\r\nHost: localhost\r\nContent-Length: x\r\nConnection: close\r\n\r\n",
      `GET /healthz HTTP/1.1\r\nHost: localhost\r\nX: ${"x".repeat(300_000)}\r\nConnection: close\r\n\r\n`,
      "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
      "\x10\x0c\x00\x04MQTT\x04\x02\x00\x00\x00\x00",
    ];
    for (const request of wrong) {
      // One that is no head at all is ended by its time; here, by us.
      const answer = await exchange(
        port,
        request.startsWith("\x16") || request.startsWith("\x10") ? `${request}\r\n\r\n` : request,
      )
        .catch(() => "");
      assert(answer === "" || /^HTTP\/1\.1 4\d\d /.test(answer), `${request.slice(0, 40)}: ${answer.slice(0, 200)}`);
    }
    const fine = await exchange(port, "GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
    assertMatch(fine, /^HTTP\/1\.1 200 /);
    const foreign = await exchange(
      port,
      "GET /api/v1/info HTTP/1.1\r\nHost: a.b\r\nHost: localhost\r\nConnection: close\r\n\r\n",
    );
    assertMatch(foreign, /^HTTP\/1\.1 40[03] /);
  }));

Deno.test("admin server: a body is read as long as it may be, and the connection is used again", () =>
  bounded(async () => {
    await using broker = new Broker({ sysInterval: 0 });
    await using admin = await listenAdmin(broker, { port: 0 });
    const url = `http://127.0.0.1:${admin.address.port}/api/v1/client/disconnect`;
    const headers = { "content-type": "application/json" };
    for (const [body, status] of [["x".repeat(1_000_000), 413], ["{}", 400], ['{"clientId":"a"}', 404]] as const) {
      const response = await fetch(url, { method: "POST", headers, body });
      assertEquals(response.status, status);
      await response.body?.cancel();
    }
  }));

Deno.test("admin server: no more than 128 connections are open", () =>
  bounded(async () => {
    await using broker = new Broker({ sysInterval: 0 });
    await using admin = await listenAdmin(broker, { port: 0 });
    const { port } = admin.address;
    const conns: Deno.Conn[] = [];
    try {
      for (let i = 0; i < 128; i++) conns.push(await Deno.connect({ hostname: "127.0.0.1", port }));
      const refused = await Deno.connect({ hostname: "127.0.0.1", port });
      conns.push(refused);
      assertEquals(await refused.read(new Uint8Array(1)).catch(() => null), null);
    } finally {
      for (const conn of conns) conn.close();
    }
    let status = 0;
    for (let i = 0; i < 400 && status !== 200; i++) {
      const response = await fetch(`http://127.0.0.1:${port}/healthz`).catch(() => undefined);
      status = response?.status ?? 0;
      await response?.body?.cancel();
    }
    assertEquals(status, 200);
  }));

Deno.test("admin server: streams reach their watchers, and end with the listener", () =>
  bounded(async () => {
    await using broker = new Broker({ sysInterval: 0 });
    const admin = await listenAdmin(broker, { port: 0 });
    const response = await fetch(`http://127.0.0.1:${admin.address.port}/api/v1/events`);
    assert(response.body !== null);
    const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
    assertMatch((await reader.read()).value ?? "", /^event: history\n/);
    assertMatch((await reader.read()).value ?? "", /^event: sample\n/);
    await admin.close();
    for (let next = await reader.read().catch(() => undefined); next?.done === false;) {
      next = await reader.read().catch(() => undefined);
    }
    await assertRejects(() => fetch(`http://127.0.0.1:${admin.address.port}/healthz`));
  }));

Deno.test("admin server: it ends with its broker", () =>
  bounded(async () => {
    const broker = new Broker({ sysInterval: 0 });
    const admin = await listenAdmin(broker, { port: 0 });
    await broker.close();
    await admin.close();
    await assertRejects(() => fetch(`http://127.0.0.1:${admin.address.port}/healthz`));
  }));

Deno.test("admin server: with a ticket, a page is an MQTT client that may do everything", () =>
  bounded(async () => {
    await using broker = new Broker({
      sysInterval: 0,
      allowAnonymous: false,
      authenticate: () => false,
      authorizePublish: () => false,
      authorizeSubscribe: () => false,
    });
    await using admin = await listenAdmin(broker, { port: 0, token: TOKEN });
    const base = `127.0.0.1:${admin.address.port}`;
    const headers = { authorization: `Bearer ${TOKEN}` };
    const info = await (await fetch(`http://${base}/api/v1/info`, { headers })).json();
    assertEquals(info.features, { token: true, reload: false, log: false, mqtt: "admin" });
    const ticketOf = async () => {
      const response = await fetch(`http://${base}/api/v1/tickets`, { method: "POST", headers });
      return (await response.json()).ticket;
    };
    const ticket = await ticketOf();
    {
      await using client = await connect(`ws://${base}/mqtt?ticket=${ticket}`);
      const subscription = client.subscribe("#", { qos: 1 });
      await subscription.ready;
      await client.publish("a", "x".repeat(100_000), { qos: 1 });
      for await (const message of subscription) {
        assertEquals(message.text().length, 100_000);
        break;
      }
      const { items } = await (await fetch(`http://${base}/api/v1/clients`, { headers })).json();
      assertEquals(items[0].transport, "ws");
    }
    await until(() => broker.counts().connections === 0, "the connection to end");
    for (const query of ["", `?ticket=${ticket}`, "?ticket=guess", `?token=${TOKEN}`]) {
      await assertRejects(() => connect(`ws://${base}/mqtt${query}`, { reconnect: false }));
    }
    assertEquals(broker.counts().connections, 0);
  }));

Deno.test("admin server: without a token, MQTT clients are users like all others, and pages of other sites none", () =>
  bounded(async () => {
    const lines: string[] = [];
    await using broker = new Broker({
      sysInterval: 0,
      log: { debug: false, write: (_: LogLevel, line: string) => void lines.push(line) },
      authenticate: ({ username }) => username === "ann",
    });
    await using admin = await listenAdmin(broker, { port: 0 });
    const { port } = admin.address;
    await using client = await connect(`ws://127.0.0.1:${port}/mqtt`, { username: "ann" });
    assertEquals(broker.inspection.connected, 1);
    assertEquals(client.state.kind, "connected");
    await assertRejects(() => connect(`ws://127.0.0.1:${port}/mqtt`, { username: "bob", reconnect: false }));

    const upgrade = (extra: string, host = "localhost") =>
      exchange(
        port,
        `GET /mqtt HTTP/1.1\r\nHost: ${host}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n` +
          `Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n${extra}\r\n`,
      );
    const mqtt = "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Protocol: mqtt\r\n";
    assertMatch(await upgrade(`${mqtt}Origin: https://evil.example\r\n`), /^HTTP\/1\.1 403 .*"forbidden"/s);
    assertMatch(await upgrade(`${mqtt}Origin: null\r\n`), /^HTTP\/1\.1 403 /);
    assertMatch(await upgrade(mqtt, "evil.example"), /^HTTP\/1\.1 403 /);
    assertMatch(await upgrade("Sec-WebSocket-Version: 13\r\n"), /^HTTP\/1\.1 400 .*subprotocol must be mqtt/s);
    assertMatch(await upgrade("Sec-WebSocket-Version: 7\r\nSec-WebSocket-Protocol: mqtt\r\n"), /^HTTP\/1\.1 426 /);
    assertMatch(
      await exchange(port, "GET /x HTTP/1.1\r\nHost: localhost\r\nUpgrade: h2c\r\nConnection: Upgrade, close\r\n\r\n"),
      /^HTTP\/1\.1 404 /,
    );
    const plain = await fetch(`http://127.0.0.1:${port}/mqtt`);
    assertEquals([plain.status, plain.headers.get("upgrade")], [426, "websocket"]);
    await plain.body?.cancel();
    assertEquals(lines.filter((line) => line.includes("failed")), []);
  }));

Deno.test("admin server: who asks for another protocol where there is none is answered as all others", () =>
  bounded(async () => {
    await using broker = new Broker({ sysInterval: 0 });
    await using admin = await listenAdmin(broker, { port: 0 });
    const { port } = admin.address;
    const body = '{"clientId":"a"}';
    const ask = (method: string, path: string, upgrade: string, more = "") =>
      `${method} ${path} HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: ${upgrade}\r\n${more}\r\n`;
    const json = `Content-Type: application/json\r\nContent-Length: ${body.length}\r\n`;
    for (const upgrade of ["h2c", "websocket"]) {
      using events = await Deno.connect({ hostname: "127.0.0.1", port });
      await events.write(new TextEncoder().encode(ask("GET", "/api/v1/events", upgrade)));
      assertMatch(await firstBytes(events), /^HTTP\/1\.1 200 OK\r\n/, "a stream begins, and is not gathered");
      using post = await Deno.connect({ hostname: "127.0.0.1", port });
      // The body comes later than the head.
      await post.write(new TextEncoder().encode(ask("POST", "/api/v1/client/disconnect", upgrade, json)));
      await fetch(`http://127.0.0.1:${port}/healthz`).then((response) => response.body?.cancel());
      await post.write(new TextEncoder().encode(body));
      assertMatch(await firstBytes(post), /^HTTP\/1\.1 404 Not Found\r\n/);
    }
    // No WebSocket comes of these.
    using half = await Deno.connect({ hostname: "127.0.0.1", port });
    await half.write(new TextEncoder().encode("GET /mqtt HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\n\r\n"));
    assertMatch(await firstBytes(half), /^HTTP\/1\.1 400 /);
    using posted = await Deno.connect({ hostname: "127.0.0.1", port });
    await posted.write(new TextEncoder().encode(ask("POST", "/mqtt", "websocket")));
    assertMatch(await firstBytes(posted), /^HTTP\/1\.1 426 /);
  }));

Deno.test("admin server: health is told to balancers, which ask in HTTP/1.0 and name no host; nothing else is", () =>
  bounded(async () => {
    await using broker = new Broker({ sysInterval: 0 });
    await using admin = await listenAdmin(broker, { port: 0 });
    const { port } = admin.address;
    assertMatch(await exchange(port, "GET /healthz HTTP/1.0\r\n\r\n"), /^HTTP\/1\.1 200 .*"ok"/s);
    assertMatch(await exchange(port, "GET /readyz HTTP/1.0\r\n\r\n"), /^HTTP\/1\.1 200 .*"ok"/s);
    for (const path of ["/metrics", "/api/v1/info", "/", "/mqtt"]) {
      assertMatch(await exchange(port, `GET ${path} HTTP/1.0\r\n\r\n`), /^HTTP\/1\.1 403 /);
    }
  }));

Deno.test("admin server: requests that do not wait for answers let others have their turn, and too many are cut off", () =>
  bounded(async () => {
    await using broker = new Broker({ sysInterval: 0 });
    await using admin = await listenAdmin(broker, { port: 0 });
    const { port } = admin.address;
    const request = "GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n";
    const last = "GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
    let turns = 0;
    const others = setInterval(() => turns++, 0);
    const answers = await exchange(port, request.repeat(99) + last);
    clearInterval(others);
    assertEquals(answers.split("HTTP/1.1 200 OK").length - 1, 100);
    assert(turns > 0);
    using greedy = await Deno.connect({ hostname: "127.0.0.1", port });
    await greedy.write(new TextEncoder().encode(request.repeat(2_000)));
    assert(await answersOf(greedy) < 2_000);
    const fine = await fetch(`http://127.0.0.1:${port}/healthz`);
    assertEquals(fine.status, 200);
    await fine.body?.cancel();
  }));

/** How many answers come before the other end closes, well within the time after which it closes idle connections. */
async function answersOf(conn: Deno.Conn): Promise<number> {
  const decoder = new TextDecoder();
  const bytes = new Uint8Array(65_536);
  let text = "";
  try {
    for (let count = await conn.read(bytes); count !== null; count = await conn.read(bytes)) {
      text += decoder.decode(bytes.subarray(0, count), { stream: true });
    }
  } catch {
    // What was not read there resets the connection.
  }
  return text.split("HTTP/1.1 200 OK").length - 1;
}

Deno.test("admin server: who does not read what was asked for is not kept", () =>
  bounded(async () => {
    await using broker = new Broker({ sysInterval: 0 });
    await using admin = new AdminServer(broker, { port: 0 }, 300);
    await admin.listen("127.0.0.1", 0);
    const conn = await Deno.connect({ hostname: "127.0.0.1", port: admin.address.port });
    const request = "GET /app.js HTTP/1.1\r\nHost: localhost\r\n\r\n";
    await conn.write(new TextEncoder().encode(request.repeat(200)));
    using watcher = await Deno.connect({ hostname: "127.0.0.1", port: admin.address.port });
    await watcher.write(new TextEncoder().encode("GET /api/v1/events HTTP/1.1\r\nHost: localhost\r\n\r\n"));
    // The other end does not read, either, but tells once it has closed.
    await assertRejects(async () => {
      for (;;) {
        await conn.write(new TextEncoder().encode("\r\n"));
        await new Promise((resolve) => setTimeout(resolve, 20));
      }
    });
    conn.close();
    assertMatch(await firstBytes(watcher), /^HTTP\/1\.1 200 OK/);
    const fine = await fetch(`http://127.0.0.1:${admin.address.port}/healthz`);
    assertEquals(fine.status, 200);
    await fine.body?.cancel();
  }));

async function firstBytes(conn: Deno.Conn): Promise<string> {
  const bytes = new Uint8Array(4_096);
  return new TextDecoder().decode(bytes.subarray(0, await conn.read(bytes) ?? 0));
}
