/** The log of refusals: who, from where, what, why; and no flood of lines. */

import { assertEquals, assertMatch } from "@std/assert";
import { type BrokerOptions, type LogLevel, passwordFile } from "../../broker/mod.ts";
import { withBroker } from "../support/broker.ts";
import { publishPacket } from "../support/raw_packets.ts";

function recording(): { lines: string[]; options: BrokerOptions } {
  const lines: string[] = [];
  const write = (level: LogLevel, line: string) => {
    if (level === "notice" && /refused|Denied|not logged/.test(line)) lines.push(line);
  };
  return { lines, options: { log: { debug: false, write } } };
}

Deno.test("broker audit: a line for each refused connection, publication, will and subscription", async () => {
  const { lines, options } = recording();
  await withBroker({
    ...options,
    authenticate: (request) =>
      request.username === "mallory" ? false : passwordFile("", { allowAnonymous: true }).authenticate(request),
    authorizePublish: (_client, { topic }) => !topic.startsWith("secret"),
    authorizeSubscribe: (_client, { filter }) => !filter.startsWith("secret"),
  }, async ({ connect, open, broker }) => {
    const thief = await open();
    await thief.sendConnect({ clientId: "evil", username: "mallory", password: "guess" });
    await thief.expectRefused(0x86);
    const client = await connect({ clientId: 'a\n"b\u001b[2J', will: { topic: "secret/will", payload: "" } });
    await client.send(publishPacket("secret/a", "", { qos: 1, packetId: 1 }));
    await client.expect("puback", { reasonCode: 0x87 });
    await client.trySubscribe([{ filter: "secret/#", qos: 0 }, { filter: "fine", qos: 0 }]);
    await client.disconnect(4);
    await client.expectClosed();
    const who = String.raw`\(client "a\\u{a}\\"b\\u{1b}\[2J", no user\)`;
    const patterns = [
      String.raw`^Client 127\.0\.0\.1:\d+ refused: .*bad user name or password \(client "evil", user "mallory"\)$`,
      String.raw`^Denied PUBLISH from 127\.0\.0\.1:\d+ ${who} to "secret/a": not authorized$`,
      String.raw`^Denied SUBSCRIBE from 127\.0\.0\.1:\d+ ${who} to "secret/#": not authorized$`,
      String.raw`^Denied will from 127\.0\.0\.1:\d+ ${who} to "secret/will": not authorized$`,
    ];
    assertEquals(lines.length, patterns.length);
    patterns.forEach((pattern, at) => assertMatch(lines[at] ?? "", new RegExp(pattern)));
    assertEquals(lines.some((line) => line.includes("guess")), false, "no password");
    const counts = { connections: 1, publications: 2, subscriptions: 1, handshakes: 0, notLogged: 0 };
    assertEquals(broker.counts().refused, counts);
  })();
});

Deno.test("broker audit: a flood of one kind is cut, counted, and hides no other kind", async () => {
  const { lines, options } = recording();
  await withBroker({
    ...options,
    authorizePublish: () => false,
    authorizeSubscribe: () => false,
  }, async ({ connect, broker, clock }) => {
    const client = await connect();
    const flood = (count: number) =>
      client.send(...Array.from({ length: count }, (_, at) => publishPacket(`t/${at}`, "", { qos: 0 })));
    await flood(100);
    await client.barrier();
    assertEquals(lines.length, 20);
    await client.trySubscribe([{ filter: "a", qos: 0 }]);
    assertEquals(lines.length, 22);
    clock.advance(1_000);
    await flood(100);
    await client.barrier();
    const summary = (count: number) =>
      `Refusals that were not logged: 0 connections, ${count} publications, 0 subscriptions, 0 others`;
    assertEquals([lines.length, lines[20]], [27, summary(80)]);
    const counts = { connections: 0, publications: 200, subscriptions: 1, handshakes: 0, notLogged: 175 };
    assertEquals(broker.counts().refused, counts);
    assertEquals(broker.counts().timers, 0);
    await broker.close();
    assertEquals(lines.at(-1), summary(95));
  })();
});

Deno.test("broker audit: limits that are met again and again have few lines, and all are counted", async () => {
  const lines: string[] = [];
  const write = (_level: LogLevel, line: string) => void lines.push(line);
  await withBroker({ log: { debug: false, write }, maxPacketSize: 100 }, async ({ connect, broker, clock }) => {
    for (let at = 0; at < 30; at++) {
      const client = await connect({ clientId: `big${at}` });
      await client.send(publishPacket("t", new Uint8Array(100)));
      await client.expectDisconnect(0x95);
    }
    const said = () => lines.filter((line) => line.includes("disconnected: Packet too large")).length;
    assertEquals([said(), broker.counts().limits.maxPacketSize, broker.counts().refused.notLogged], [20, 30, 10]);
    clock.advance(1_000);
    const client = await connect({ clientId: "last" });
    await client.send(publishPacket("t", new Uint8Array(100)));
    await client.expectDisconnect(0x95);
    assertEquals(said(), 21);
    await broker.close();
    const summary = "Refusals that were not logged: 0 connections, 0 publications, 0 subscriptions, 10 others";
    assertEquals(lines.includes(summary), true, lines.join("\n"));
  })();
});
