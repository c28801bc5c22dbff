/** The PROXY protocol: addresses of real clients, and everything that is not a header. */

import { assert, assertEquals, assertThrows } from "@std/assert";
import type { Peer } from "../../broker/mod.ts";
import { parseVersion1, parseVersion2 } from "../../broker/proxy_protocol.ts";
import { encodePacket } from "../../codec/encode.ts";
import { concatBytes, connectPacket, fromHex } from "../support/raw_packets.ts";
import { until } from "../support/broker.ts";
import { random } from "../support/random.ts";
import { readToEnd, withListener, write } from "./support.ts";

const SIGNATURE = "0d0a0d0a000d0a515549540a";
const IPV4 = fromHex(`${SIGNATURE}2111000c c0000207 0a000001 c001 075b`.replaceAll(" ", ""));
const IPV6 = fromHex(
  `${SIGNATURE}21210024 20010db8000000000000000000000001 fe800000000000000000000000000002 c001 075b`.replaceAll(
    " ",
    "",
  ),
);
const CONNECT = encodePacket(connectPacket({ version: 5, clientId: "a" }), 5);

function bytes(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}

Deno.test("proxy protocol: a line of version 1 says who the client is", () => {
  const parse = (text: string) => parseVersion1(bytes(text));
  assertEquals(parse("PROXY TCP4 192.0.2.7 10.0.0.1 49153 1883\r\n"), { hostname: "192.0.2.7", port: 49153 });
  assertEquals(parse("PROXY TCP6 2001:db8::1 ::1 1 65535\r\n"), { hostname: "2001:db8::1", port: 1 });
  assertEquals(parse("PROXY UNKNOWN\r\n"), undefined);
  assertEquals(parse("PROXY UNKNOWN whatever it says\r\n"), undefined);
  const wrong = [
    "PROXY TCP4 192.0.2.7 10.0.0.1 49153 1883\n",
    "PROXY TCP4 192.0.2.7 10.0.0.1 49153 65536\r\n",
    "PROXY TCP4 192.0.2.7 10.0.0.1 049153 1883\r\n",
    "PROXY TCP4 192.0.2.256 10.0.0.1 1 1\r\n",
    "PROXY TCP4 192.0.2 10.0.0.1 1 1\r\n",
    "PROXY TCP4 192.0.02.1 10.0.0.1 1 1\r\n",
    "PROXY TCP4 ::1 ::1 1 1\r\n",
    "PROXY TCP6 192.0.2.7 ::1 1 1\r\n",
    "PROXY TCP6 ::1] ::1 1 1\r\n",
    "PROXY TCP4  192.0.2.7 10.0.0.1 1 1\r\n",
    "PROXY TCP4 192.0.2.7 10.0.0.1 1\r\n",
    "PROXY UDP4 192.0.2.7 10.0.0.1 1 1\r\n",
    "proxy TCP4 192.0.2.7 10.0.0.1 1 1\r\n",
    "PROXY\r\n",
    "\r\n",
  ];
  for (const line of wrong) assertThrows(() => parse(line), Error, undefined, line);
});

Deno.test("proxy protocol: a header of version 2 says who the client is", () => {
  assertEquals(parseVersion2(IPV4), { hostname: "192.0.2.7", port: 49153 });
  assertEquals(parseVersion2(IPV6), { hostname: "2001:db8::1", port: 49153 });
  for (const local of ["20000000", "20110000", "21000000", `213100d8${"00".repeat(216)}`]) {
    assertEquals(parseVersion2(fromHex(SIGNATURE + local)), undefined);
  }
  for (const wrong of ["11110000", "22110000", "2112000c", "2111000b", "21210023", "21310001", "2111ffff"]) {
    assertThrows(() => parseVersion2(fromHex(SIGNATURE + wrong + "00".repeat(36))), Error, undefined, wrong);
  }
});

Deno.test("proxy protocol: random bytes throw errors and nothing else", () => {
  const next = random(7);
  for (let round = 0; round < 20_000; round++) {
    const header = Uint8Array.from({ length: 16 + Math.floor(next() * 64) }, () => next() * 256);
    if (round % 2 === 0) header.set(IPV4.subarray(0, 13));
    try {
      parseVersion2(header);
    } catch (error) {
      assert(error instanceof Error && !(error instanceof RangeError), `${error}`);
    }
  }
});

Deno.test("proxy protocol: hooks and the log see the address of the real client, however the header comes", async () => {
  const peers: Peer[] = [];
  const broker = { authenticate: ({ peer }: { peer: Peer }) => peers.push(peer) > 0 };
  await withListener({ proxyProtocol: true, broker }, async ({ open, connect, log }) => {
    const line = bytes("PROXY TCP4 192.0.2.7 10.0.0.1 49153 1883\r\n");
    const extended = fromHex(`${SIGNATURE}21110012c00002070a000001c001075b`);
    for (const header of [line, IPV4, concatBytes(extended, Uint8Array.of(4, 0, 3, 0, 0, 0))]) {
      const transport = await open();
      await write(transport, header);
      const client = await connect(transport);
      assertEquals(await client.barrier(), []);
      // Byte by byte, and together with what comes after it.
      const dripping = await open();
      for (const byte of header) await write(dripping, Uint8Array.of(byte));
      await connect(dripping);
      const together = await open();
      await write(together, concatBytes(header, CONNECT));
    }
    const six = await open();
    await write(six, concatBytes(IPV6, CONNECT));
    await until(() => peers.length === 10, "all clients");
    assert(log.some((line) => line.startsWith("New connection from 192.0.2.7:49153 on port ")));
  })();
  assertEquals(new Set(peers.map(({ address }) => address)), new Set(["192.0.2.7:49153", "[2001:db8::1]:49153"]));
});

Deno.test(
  "proxy protocol: who sends no header, or half of one, is closed, and others are served",
  withListener({ proxyProtocol: true, handshakeTimeout: 300 }, async ({ open, connect, listener }) => {
    const witness = await open();
    await write(witness, bytes("PROXY UNKNOWN\r\n"));
    const client = await connect(witness);
    const wrong = [
      CONNECT,
      bytes("GET / HTTP/1.1\r\n\r\n"),
      bytes("P".repeat(200)),
      new Uint8Array(100_000),
      concatBytes(IPV4.subarray(0, 12), fromHex("2111ffff")),
      concatBytes(IPV4.subarray(0, 11), new Uint8Array(5)),
    ];
    for (const header of wrong) {
      const transport = await open();
      await write(transport, header);
      assertEquals(await readToEnd(transport), new Uint8Array(0));
    }
    assertEquals(listener.counts().refused.proxy, wrong.length);
    for (const part of [new Uint8Array(0), IPV4.subarray(0, 14), bytes("PROXY TCP4 ")]) {
      const transport = await open();
      await write(transport, part);
      await readToEnd(transport);
    }
    assertEquals(listener.counts().refused.timeouts, 3);
    assertEquals(await client.barrier(), []);
  }),
);

Deno.test(
  "proxy protocol: it comes before the HTTP request of a WebSocket",
  withListener({ proxyProtocol: true, protocol: "websockets" }, async ({ http, log }) => {
    const connection = await http();
    await connection.send(IPV4);
    await connection.request("GET / HTTP/1.1", { Host: "a" });
    await connection.body();
    assertEquals(log, []);
  }),
);
