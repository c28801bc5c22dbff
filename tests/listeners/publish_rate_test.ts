/** A publish rate makes the client wait over every kind of listener: the network takes no more from it. */

import { assertEquals, assertLess } from "@std/assert";
import { Broker, listen, type ListenOptions } from "../../broker/mod.ts";
import { encodePacket } from "../../codec/encode.ts";
import { bounded, until } from "../support/broker.ts";
import { CertificateAuthority, hasOpenssl, SERVER } from "../support/certificates.ts";
import { RawClient } from "../support/raw_client.ts";
import { connectPacket, publishPacket } from "../support/raw_packets.ts";
import { clientFrame, HANDSHAKE } from "./websocket_client.ts";

const CONNECT = encodePacket(connectPacket({ version: 4, clientId: "flood" }), 4);
const PUBLISH = encodePacket(publishPacket("t", new Uint8Array(65_536)), 4);
/** More than all buffers on the way hold. */
const PACKETS = 1_000;

/** Sends as much as the broker takes; returns how many packets it was when nothing moves any more. */
async function flood(connection: Deno.Conn, wrap: (packet: Uint8Array) => Uint8Array, broker: Broker): Promise<number> {
  const write = async (bytes: Uint8Array) => {
    for (let sent = 0; sent < bytes.length;) sent += await connection.write(bytes.subarray(sent));
  };
  let sent = 0;
  const packet = wrap(PUBLISH);
  const writing = (async () => {
    await write(wrap(CONNECT));
    for (; sent < PACKETS; sent++) await write(packet);
  })().catch(() => {});
  await until(() => broker.counts().limits.maxPublishBytesRate > 0, "the pause");
  for (let before = -1; before !== sent;) {
    before = sent;
    await new Promise((resolve) => setTimeout(resolve, 200));
  }
  const result = sent;
  connection.close();
  await writing;
  return result;
}

async function test(
  options: ListenOptions,
  open: (port: number) => Promise<Deno.Conn>,
  wrap: (packet: Uint8Array) => Uint8Array,
): Promise<void> {
  await using broker = new Broker({ sysInterval: 0 });
  // One packet now, and no other one as long as a test lasts.
  const policy = { maxPublishBytesRate: 1 };
  await using listener = await listen(broker, { ...options, policy });
  await using other = listen(broker, { port: 0 });
  await using witness = await RawClient.connect(other.address.port);
  await witness.subscribe("t");
  const sent = await flood(await open(listener.address.port), wrap, broker);
  assertLess(sent, PACKETS / 2);
  assertEquals((await witness.publications()).length, 1);
}

const whole = (packet: Uint8Array) => packet;

Deno.test("listen: a publish rate makes a client wait over TCP", () =>
  bounded(() => test({ port: 0 }, (port) => Deno.connect({ hostname: "127.0.0.1", port }), whole)));

Deno.test("listen: a publish rate makes a client wait over WebSockets", () =>
  bounded(() =>
    test({ port: 0, protocol: "websockets" }, async (port) => {
      const connection = await Deno.connect({ hostname: "127.0.0.1", port });
      const lines = Object.entries(HANDSHAKE).map(([name, value]) => `${name}: ${value}\r\n`);
      await connection.write(new TextEncoder().encode(`GET /mqtt HTTP/1.1\r\n${lines.join("")}\r\n`));
      await connection.read(new Uint8Array(1_000));
      return connection;
    }, (packet) => clientFrame(packet))
  ));

Deno.test({
  name: "listen: a publish rate makes a client wait over TLS",
  ignore: !hasOpenssl,
  fn: () =>
    bounded(async () => {
      await using authority = await CertificateAuthority.create();
      const { certFile, keyFile } = await authority.issue({ subject: "/CN=localhost", extensions: SERVER });
      const caCerts = [await Deno.readTextFile(authority.caFile)];
      const open = (port: number) => Deno.connectTls({ hostname: "localhost", port, caCerts });
      await test({ port: 0, tls: { certFile, keyFile } }, open, whole);
    }),
});
