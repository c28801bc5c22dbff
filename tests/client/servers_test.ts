/** Several servers, redirections, and what is fetched anew for each attempt. */

import { assertEquals, assertRejects, assertThrows } from "@std/assert";
import { type Client, connect, type ConnectInit, ServerError, type ServerUrl } from "../../client/mod.ts";
import { redirectionIn } from "../../client/redirect.ts";
import { serverAddress } from "../../client/server_address.ts";
import { clientTest, deliver, grant, type Peer, type Script, settle } from "./scripted.ts";

/** Connects to a list of servers; those in `down` refuse. Which were tried is in `tried`. */
class Cluster {
  readonly tried: string[] = [];
  readonly down = new Set<string>();
  readonly #script: Script;

  constructor(script: Script) {
    this.#script = script;
  }

  connecting(urls: ServerUrl | readonly ServerUrl[], init: ConnectInit = {}): Promise<Client> {
    const { version, clock, open } = this.#script;
    return connect(urls, {
      protocolVersion: version,
      clock,
      random: () => 1,
      transport: (url, options) => {
        this.tried.push(url.href);
        if (this.down.has(url.hostname)) return Promise.reject(new Deno.errors.ConnectionRefused("nobody there"));
        return open(url, options);
      },
      ...init,
    });
  }
}

async function refuse(script: Script, reasonCode: number, serverReference?: string): Promise<void> {
  const peer = await script.accept();
  await peer.expect("connect");
  await peer.send({ type: "connack", sessionPresent: false, reasonCode, properties: { serverReference } });
  await peer.expectClosed();
}

const ABC = ["mqtt://a.test", "mqtt://ann:secret@b.test:1884", new URL("mqtt://c.test")];

clientTest(
  { "3.1.1": "", "5.0": "" },
  "servers are tried in order, at once; connect() rejects when all have failed",
  async (script) => {
    const cluster = new Cluster(script);
    for (const host of ["a.test", "b.test", "c.test"]) cluster.down.add(host);
    await assertRejects(() => cluster.connecting(ABC), Deno.errors.ConnectionRefused);
    assertEquals(cluster.tried, ["mqtt://a.test", "mqtt://b.test:1884", "mqtt://c.test"]);
    await assertRejects(() => cluster.connecting([]), TypeError, "received an empty list");
    await assertRejects(() => cluster.connecting(["mqtt://a.test", "no URL"]), TypeError, "url must be one like");
    assertEquals(cluster.tried.length, 3);
    assertEquals(script.clock.size, 0);
  },
);

clientTest(
  { "5.0": "" },
  "after a connection its server comes first, then the others in round, and a wait after all of them",
  async (script) => {
    const cluster = new Cluster(script);
    cluster.down.add("a.test");
    const connecting = cluster.connecting(ABC, { reconnect: { maximumAttempts: 3 } });
    const { peer, packet } = await script.acceptWith();
    await using client = await connecting;
    assertEquals([packet.username, new TextDecoder().decode(packet.password)], ["ann", "secret"]);
    assertEquals(client.state.kind === "connected" && client.state.server, "mqtt://b.test:1884");
    const seen: unknown[] = [];
    client.addEventListener("statechange", () => {
      const { state } = client;
      seen.push(state.kind === "connecting" ? state.server : state.kind);
    });
    client.addEventListener("error", ({ server, error }) => seen.push(`${server}: ${error.name}`));
    client.addEventListener("disconnect", ({ server }) => seen.push(`lost ${server}`));
    client.addEventListener("connect", ({ server }) => seen.push(`connected ${server}`));
    cluster.down.add("b.test").add("c.test");
    await settle();
    seen.length = cluster.tried.length = 0;
    await peer.close();
    await settle();
    assertEquals(seen, ["waiting", "lost mqtt://b.test:1884", "mqtt://b.test:1884: MqttError"]);
    script.clock.advance(1_000);
    await settle();
    const round = ["mqtt://b.test:1884", "mqtt://c.test", "mqtt://a.test"];
    assertEquals([cluster.tried, client.state.kind], [round, "waiting"]);
    cluster.tried.length = 0;
    cluster.down.delete("c.test");
    const accepting = script.acceptWith();
    script.clock.advance(1_999);
    await settle();
    assertEquals(cluster.tried, []);
    seen.length = 0;
    script.clock.advance(1);
    await accepting;
    await settle();
    assertEquals(cluster.tried, ["mqtt://a.test", "mqtt://b.test:1884", "mqtt://c.test"]);
    assertEquals(seen, [
      "mqtt://a.test",
      "mqtt://b.test:1884",
      "mqtt://a.test: ConnectionRefused",
      "mqtt://c.test",
      "mqtt://b.test:1884: ConnectionRefused",
      "connected",
      "connected mqtt://c.test",
    ]);
  },
);

clientTest(
  { "5.0": "" },
  "a server that refuses for good ends the attempts when no other one may take the client later",
  async (script) => {
    const cluster = new Cluster(script);
    const all = cluster.connecting(ABC, { reconnect: { initial: true } });
    const rejected = assertRejects(() => all, ServerError);
    for (let i = 0; i < 3; i++) await refuse(script, 0x86);
    await rejected;
    assertEquals(cluster.tried.length, 3);
    const init = { reconnect: { initial: true } };
    const some = cluster.connecting(ABC, init);
    await refuse(script, 0x86);
    await refuse(script, 0x89); // busy
    await refuse(script, 0x84);
    const accepting = script.acceptWith();
    await script.passWait();
    await accepting;
    await (await some).close({ force: true });
  },
);

clientTest({ "5.0": "" }, "attempts in a row are rounds through all servers", async (script) => {
  const cluster = new Cluster(script);
  for (const host of ["a.test", "b.test", "c.test"]) cluster.down.add(host);
  const connecting = cluster.connecting(ABC, { reconnect: { initial: true, maximumAttempts: 2 } });
  const rejected = assertRejects(() => connecting, Deno.errors.ConnectionRefused);
  await script.passWait();
  await rejected;
  assertEquals(cluster.tried.length, 6);
});

clientTest(
  { "5.0": "" },
  "refresh: asked before each attempt, and used for it",
  async (script) => {
    const cluster = new Cluster(script);
    const asked: unknown[] = [];
    let round = 0;
    const headers: unknown[] = [];
    const connecting = cluster.connecting("mqtt://old:pw@a.test/x?key=secret", {
      username: "given",
      refresh: ({ server, attempt, error }) => {
        asked.push([server, attempt, error?.name]);
        round++;
        if (round === 1) return;
        if (round === 2) return Promise.resolve({ password: `token ${round}`, headers: { x: "1" } });
        return { url: "mqtt://new:fresh@b.test/y?signature=secret", username: round === 4 ? "named" : undefined };
      },
      transport: (url, options) => {
        headers.push(options.headers);
        return script.open(url, options);
      },
    });
    const credentials = async (next: Promise<{ peer: Peer; packet: { username?: string; password?: Uint8Array } }>) => {
      const { peer, packet } = await next;
      return { peer, seen: [packet.username, new TextDecoder().decode(packet.password)] };
    };
    const first = await credentials(script.acceptWith());
    await using client = await connecting;
    assertEquals(first.seen, ["given", "pw"]);
    const second = await credentials(script.reconnect(first.peer));
    assertEquals(second.seen, ["given", "token 2"]);
    const third = await credentials(script.reconnect(second.peer));
    assertEquals(third.seen, ["new", "fresh"]);
    await settle();
    assertEquals(client.state.kind === "connected" && client.state.server, "mqtt://b.test/y");
    const fourth = await credentials(script.reconnect(third.peer));
    assertEquals(fourth.seen, ["named", "fresh"]);
    assertEquals(headers, [undefined, { x: "1" }, undefined, undefined]);
    assertEquals(asked, [
      ["mqtt://a.test/x", 1, undefined],
      ...Array(3).fill(["mqtt://a.test/x", 1, "MqttError"]),
    ]);
  },
);

clientTest(
  { "3.1.1": "", "5.0": "" },
  "refresh: when it fails or takes too long the attempt has failed; refused credentials are no end",
  async (script) => {
    const cluster = new Cluster(script);
    let answer: () => Promise<{ password: string }> = () => Promise.reject(new TypeError("fetch failed"));
    let signal: AbortSignal | undefined;
    const attempts: number[] = [];
    const connecting = cluster.connecting("mqtt://ann@a.test", {
      connectTimeout: 5_000,
      reconnect: { initial: true },
      refresh: (attempt) => {
        signal = attempt.signal;
        attempts.push(attempt.attempt);
        return answer();
      },
    });
    const failures: string[] = [];
    await settle();
    assertEquals([cluster.tried, script.clock.size], [[], 1]); // the wait of the back-off, and no time limit
    answer = () => new Promise(() => {});
    script.clock.advance(1_000);
    await settle();
    assertEquals(signal?.aborted, false);
    script.clock.advance(5_000);
    await settle();
    assertEquals([signal?.aborted, cluster.tried], [true, []]);
    answer = () => Promise.resolve({ password: "right" });
    const refused = refuse(script, script.version === 5 ? 0x86 : 4);
    script.clock.advance(2_000);
    await refused;
    const accepted = script.acceptWith();
    await script.passWait();
    await accepted;
    await using client = await connecting;
    client.addEventListener("error", ({ error }) => failures.push(error.message));
    assertEquals(attempts, [1, 2, 3, 4]);
    answer = () => Promise.reject(new TypeError("fetch failed"));
    const { peer } = await accepted;
    await peer.close();
    await script.passWait();
    await settle();
    assertEquals(failures.at(-1), "Cannot connect: refresh has failed: fetch failed");
    assertEquals(client.state.kind, "waiting");
  },
);

clientTest(
  { "5.0": "" },
  "refresh: without a chance for another attempt connect() rejects with what is wrong",
  async (script) => {
    const cluster = new Cluster(script);
    const throwing = () => {
      throw new Error("no token");
    };
    await assertRejects(() => cluster.connecting("mqtt://a.test", { refresh: throwing }), Error, "failed: no token");
    const refresh = () => ({ url: "no URL" });
    await assertRejects(() => cluster.connecting("mqtt://a.test", { refresh }), TypeError, "url must be one like");
    assertEquals(cluster.tried, []);
  },
);

clientTest({ "5.0": "" }, "redirections are not followed unless it is allowed", async (script) => {
  const cluster = new Cluster(script);
  for (const code of [0x9c, 0x9d]) {
    const connecting = cluster.connecting("mqtt://a.test");
    const rejected = assertRejects(() => connecting, ServerError);
    await refuse(script, code, "b.test");
    await rejected;
  }
  assertEquals(cluster.tried, ["mqtt://a.test", "mqtt://a.test"]);
});

clientTest(
  { "5.0": "" },
  "use another server: the named ones are tried at once with the same credentials, later the first one again",
  async (script) => {
    const cluster = new Cluster(script);
    cluster.down.add("b.test");
    const connecting = cluster.connecting("mqtt://ann:pw@a.test:1999/path", { maximumRedirects: 1 });
    await refuse(script, 0x9c, "b.test [::1]:1884 c.test");
    const { peer, packet } = await script.acceptWith();
    await using client = await connecting;
    assertEquals([packet.username, new TextDecoder().decode(packet.password)], ["ann", "pw"]);
    const path = ["mqtt://a.test:1999/path", "mqtt://b.test/path", "mqtt://[::1]:1884/path"];
    assertEquals(cluster.tried, path);
    assertEquals(client.state.kind === "connected" && client.state.server, path[2]);
    // It begins with the server of the last connection, and falls back to the one that it was told.
    cluster.tried.length = 0;
    cluster.down.add("[::1]");
    await script.reconnect(peer);
    assertEquals(cluster.tried, [path[2], path[0]]);
  },
);

clientTest(
  { "5.0": "4.13.2-1" },
  "server moved: the named one takes the place of the first for good, also by DISCONNECT",
  async (script) => {
    const cluster = new Cluster(script);
    const connecting = cluster.connecting("mqtt://a.test", { maximumRedirects: 1 });
    const { peer } = await script.acceptWith();
    await using client = await connecting;
    const lost: unknown[] = [];
    client.addEventListener("disconnect", ({ reasonCode, reconnecting, server }) => {
      lost.push([reasonCode, reconnecting, server, client.state.kind]);
    });
    const subscription = client.subscribe("t", { qos: 1 });
    await grant(peer);
    const next = script.acceptWith();
    await peer.send({ type: "disconnect", reasonCode: 0x9d, properties: { serverReference: "b.test:1884" } });
    await peer.expectClosed();
    const second = await next;
    await grant(second.peer);
    await deliver(second.peer, "t", "from b");
    assertEquals((await subscription.next()).value?.text(), "from b");
    assertEquals(lost, [[0x9d, true, "mqtt://a.test", "connecting"]]);
    cluster.tried.length = 0;
    cluster.down.add("b.test");
    await second.peer.close();
    await script.passWait();
    await script.passWait();
    await settle();
    assertEquals(cluster.tried, ["mqtt://b.test:1884", "mqtt://b.test:1884"]);
  },
);

clientTest(
  { "5.0": "" },
  "servers that send a client round and round are left after so many redirections",
  async (script) => {
    const cluster = new Cluster(script);
    const connecting = cluster.connecting("mqtt://a.test", { maximumRedirects: 3 });
    const rejected = assertRejects(() => connecting, ServerError, "Server moved");
    for (const name of ["b.test", "a.test", "b.test", "a.test"]) await refuse(script, 0x9d, name);
    await rejected;
    assertEquals(cluster.tried.length, 4);
  },
);

clientTest(
  { "5.0": "" },
  "a connection that has lasted begins a new row of redirections",
  async (script) => {
    const cluster = new Cluster(script);
    const init = { maximumRedirects: 1, reconnect: { stableAfter: 1_000 }, keepAlive: 0 };
    const connecting = cluster.connecting("mqtt://a.test", init);
    let { peer } = await script.acceptWith();
    await using client = await connecting;
    const leave = (serverReference: string) =>
      peer.send({ type: "disconnect", reasonCode: 0x9c, properties: { serverReference } });
    for (const name of ["b.test", "c.test"]) {
      await settle();
      script.clock.advance(1_000);
      const next = script.acceptWith();
      await leave(name);
      peer = (await next).peer;
    }
    await settle();
    await leave("d.test");
    await settle();
    assertEquals(client.state.kind, "waiting");
    assertEquals(cluster.tried, ["mqtt://a.test", "mqtt://b.test", "mqtt://c.test"]);
  },
);

Deno.test("client: server references name hosts and ports, and nothing else", () => {
  const from = serverAddress("wss://ann@a.test:8084/mqtt?x=1");
  const targets = (serverReference: string | undefined, reasonCode = 0x9c) =>
    redirectionIn(new ServerError("", reasonCode, { serverReference }), from)?.targets.map(({ url }) => url.href);
  assertEquals(targets("b.test"), ["wss://b.test/mqtt?x=1"]);
  assertEquals(targets("b.test:9001 10.10.151.22:8883 [fe80::9610:3eff:fe1c]:1883"), [
    "wss://b.test:9001/mqtt?x=1",
    "wss://10.10.151.22:8883/mqtt?x=1",
    "wss://[fe80::9610:3eff:fe1c]:1883/mqtt?x=1",
  ]);
  const nothing = ["", " ", "a/b", "u@h", "h#x", "h?x", "mqtt://h", "h:x", "h:99999", "h:", ":1", "::1", "[x]", "h\\x"];
  for (const text of [undefined, ...nothing]) assertEquals(targets(text), undefined, text);
  assertEquals(targets("u@h b.test"), ["wss://b.test/mqtt?x=1"]);
  assertEquals(targets("h ".repeat(10_000))?.length, 8);
  for (const code of [0x80, 0x9b, 0x9e]) assertEquals(targets("b.test", code), undefined);
  assertEquals(redirectionIn(new Error("no answer of a server"), from), undefined);
  const socket = serverAddress("mqtt+unix:///run/mqtt.sock");
  assertEquals(redirectionIn(new ServerError("", 0x9c, { serverReference: "b" }), socket), undefined);
  assertThrows(() => serverAddress("no URL"), TypeError);
});
