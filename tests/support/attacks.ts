/**
 * Hostile clients, each with what they do again and again and how the broker must end it; and a configuration that has a
 * listener for each of them. Tests run them beside a client that minds its own business, the benchmark measures that one.
 *
 * @module
 */

import { AssertionError } from "@std/assert";
import { formatPasswordHash, hashPassword } from "../../broker/auth/password_hash.ts";
import { SocketTransport } from "../../broker/deno/socket_transport.ts";
import { encodePacket } from "../../codec/encode.ts";
import { clientFrame, RawWebSocket } from "../listeners/websocket_client.ts";
import { CertificateAuthority, SERVER } from "./certificates.ts";
import { random } from "./random.ts";
import { RawClient } from "./raw_client.ts";
import { concatBytes, connectPacket, publishPacket } from "./raw_packets.ts";

/** The ports of a broker with {@linkcode attackedLines}. */
export interface AttackedPorts {
  readonly open: number;
  readonly users: number;
  readonly webSocket: number;
  /** Absent where there is no OpenSSL to make a certificate. */
  readonly tls?: number;
}

/** A hostile client. */
export interface Attack {
  readonly name: string;
  readonly needsTls?: boolean;
  /** Does harm once, the `count`th time; throws if it ends in another way than it should. */
  round(ports: AttackedPorts, count: number): Promise<unknown>;
}

/** The only user, and what would let it in. */
export const USER = { username: "ann", password: "correct horse" };

/** Lines of a configuration with all listeners; the files that it names are written into `folder`. */
export async function attackedLines(folder: string, ports: AttackedPorts): Promise<string[]> {
  const hash = await hashPassword(USER.password, "sha512-pbkdf2", 20_000);
  await Deno.writeTextFile(`${folder}/users`, `${USER.username}:${formatPasswordHash(hash)}\n`);
  await Deno.mkdir(`${folder}/www`);
  await Deno.writeTextFile(`${folder}/www/index.html`, "public");
  await Deno.writeTextFile(`${folder}/secret`, SECRET);
  return [
    "per_listener_settings true",
    "connect_timeout 1",
    "handshake_timeout 1",
    "log_type error",
    `listener ${ports.open} 127.0.0.1`,
    "allow_anonymous true",
    `listener ${ports.users} 127.0.0.1`,
    "allow_anonymous false",
    `password_file ${folder}/users`,
    `listener ${ports.webSocket} 127.0.0.1`,
    "protocol websockets",
    "allow_anonymous true",
    `http_dir ${folder}/www`,
    ...ports.tls === undefined ? [] : await tlsLines(folder, ports.tls),
  ];
}

async function tlsLines(folder: string, port: number): Promise<string[]> {
  await using authority = await CertificateAuthority.create();
  const { certFile, keyFile } = await authority.issue({ subject: "/CN=localhost", extensions: SERVER });
  await Deno.copyFile(certFile, `${folder}/server.crt`);
  await Deno.copyFile(keyFile, `${folder}/server.key`);
  await Deno.chmod(`${folder}/server.key`, 0o644);
  return [
    `listener ${port} 127.0.0.1`,
    "allow_anonymous true",
    `certfile ${folder}/server.crt`,
    `keyfile ${folder}/server.key`,
  ];
}

const SECRET = "not for the world";
/** For a connection that the broker ends by a timeout of a second. */
const PATIENCE = 10_000;

/** All of them. */
export const ATTACKS: readonly Attack[] = [
  { name: "slow CONNECT", round: dripConnects },
  { name: "half-open sockets", round: holdSocketsOpen },
  { name: "endless remaining length", round: sendEndlessLengths },
  { name: "10,000 topic levels", round: sendDeepTopics },
  { name: "a million subscriptions", round: subscribeToAMillion },
  { name: "TLS garbage", needsTls: true, round: sendGarbageToTls },
  { name: "WebSocket text frames", round: sendTextFrames },
  { name: "WebSocket fragments", round: sendFragments },
  { name: "path traversal", round: traversePaths },
  { name: "user enumeration", round: enumerateUsers },
  { name: "password flood", round: floodPasswords },
];

/** CONNECT byte by byte, and never the last one. */
async function dripConnects({ open }: AttackedPorts): Promise<void> {
  const bytes = encodePacket(connectPacket({ version: 5, clientId: "drip" }), 5);
  await together(20, async () => {
    await using client = await RawClient.open(open);
    for (const byte of bytes.subarray(0, -1)) {
      await client.sendBytes(Uint8Array.of(byte));
      await pause(5);
    }
    await client.expectClosed(PATIENCE);
  });
}

async function holdSocketsOpen({ open }: AttackedPorts): Promise<void> {
  await together(200, async () => {
    await using client = await RawClient.open(open);
    await client.expectClosed(PATIENCE);
  });
}

async function sendEndlessLengths({ open }: AttackedPorts): Promise<void> {
  const endless = Uint8Array.of(0x10, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80);
  await together(20, async () => {
    await using client = await RawClient.open(open);
    await client.sendBytes(endless);
    await client.expectOptional("connack");
    await client.expectClosed();
  });
  await using known = await RawClient.connect(open);
  await known.sendBytes(concatBytes(Uint8Array.of(0x30), endless.subarray(1)));
  await known.expectDisconnect(0x81);
}

async function sendDeepTopics({ open }: AttackedPorts): Promise<void> {
  const deep = "a/".repeat(9_999) + "a";
  await using publisher = await RawClient.connect(open);
  await publisher.send(publishPacket(deep, ""));
  await publisher.expectDisconnect(0x90);
  await using subscriber = await RawClient.connect(open);
  for (let at = 0; at < 20; at++) {
    const { reasonCodes } = await subscriber.trySubscribe([deep, "+/".repeat(9_999) + "#"]);
    expectSame(reasonCodes.join(), "143,143");
  }
}

/** A hundred thousand are served, the others refused. */
async function subscribeToAMillion({ open }: AttackedPorts, count: number): Promise<void> {
  await using client = await RawClient.connect(open, { clientId: `million${count}` });
  const inOnePacket = 5_000;
  for (let from = 0; from < 1_000_000; from += inOnePacket) {
    const subscriptions = Array.from({ length: inOnePacket }, (_, at) => ({
      filter: `${from + at}/+`,
      qos: 0 as const,
    }));
    await client.send({ type: "subscribe", packetId: 1, subscriptions });
    const { reasonCodes } = await client.expect("suback", {}, PATIENCE);
    expectSame(reasonCodes[0], from < 100_000 ? 0 : 0x97);
  }
}

async function sendGarbageToTls({ tls = 0 }: AttackedPorts, count: number): Promise<void> {
  await together(20, async (index) => {
    const next = random(count * 20 + index);
    await using client = await RawClient.open(tls);
    // A record of a handshake, as it says, and what is not.
    const header = index % 2 === 0 ? [0x16, 0x03, 0x01, 0x02, 0x00] : [];
    await client.sendBytes(
      Uint8Array.from([...header, ...Array.from({ length: 512 }, () => Math.floor(next() * 256))]),
    );
    // An alert of TLS may come, which is no packet.
    await untilEnd(client);
  });
}

async function sendTextFrames({ webSocket }: AttackedPorts): Promise<void> {
  await together(10, async () => {
    await using socket = await openWebSocket(webSocket);
    await socket.value.send(clientFrame(new TextEncoder().encode("x".repeat(10_000)), { opcode: 1 }));
    expectSame(await socket.value.closeCode(), 1003);
  });
}

/** A CONNECT and 1,000 PINGREQ, each byte in a fragment of its own. */
async function sendFragments({ webSocket }: AttackedPorts): Promise<void> {
  await using socket = await openWebSocket(webSocket);
  const connect = encodePacket(connectPacket({ version: 4, clientId: "fragments" }), 4);
  const ping = Uint8Array.of(0xc0, 0);
  const fragments = [...connect, ...Array.from({ length: 1_000 }, () => [...ping]).flat()].map((byte, at, all) => {
    return clientFrame(Uint8Array.of(byte), { opcode: at === 0 ? 2 : 0, isLast: at === all.length - 1 });
  });
  const sending = socket.value.send(concatBytes(...fragments));
  let received = 0;
  while (received < 4 + 2 * 1_000) {
    const frame = await socket.value.frame();
    if (frame === undefined) throw new AssertionError(`Expected 1,000 answers, received ${received} bytes`);
    received += frame.payload.length;
  }
  await sending;
}

async function traversePaths({ webSocket }: AttackedPorts): Promise<void> {
  const paths = ["/../secret", "/%2e%2e/secret", "/..%2fsecret", "/./../secret", "/..\\secret", "//../../etc/passwd"];
  for (const path of paths) {
    await using socket = await openSocket(webSocket);
    const head = await socket.value.request(`GET ${path} HTTP/1.1`, { Host: "localhost" });
    const body = new TextDecoder().decode(await socket.value.body());
    if (!/^HTTP\/1\.1 4\d\d /.test(head) || body.includes(SECRET) || body.includes("root:")) {
      throw new AssertionError(`Expected a refusal of ${path}, received ${head}${body}`);
    }
  }
}

async function enumerateUsers({ users }: AttackedPorts, count: number): Promise<void> {
  await tryPassword(users, count % 2 === 0 ? USER.username : `nobody${count}`);
}

async function floodPasswords({ users }: AttackedPorts): Promise<void> {
  await together(100, (index) => tryPassword(users, index % 2 === 0 ? USER.username : `nobody${index}`));
}

/** A wrong one; answered with 0x86, or with 0x89 when too many wait. */
export async function tryPassword(port: number, username: string): Promise<void> {
  await using client = await RawClient.open(port, 5);
  await client.sendConnect({ username, password: "guess" });
  // The time for it is a second; who has to wait longer than that is closed without an answer.
  const connack = await client.expectOptional("connack");
  const code = connack?.reasonCode ?? 0x86;
  if (code !== 0x86 && code !== 0x87 && code !== 0x89) {
    throw new AssertionError(`Expected a refusal, received ${code}`);
  }
}

/** Runs a task so many times at once. */
async function together(count: number, task: (index: number) => Promise<void>): Promise<void> {
  await Promise.all(Array.from({ length: count }, (_, index) => task(index)));
}

function pause(milliseconds: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, milliseconds));
}

function expectSame<T>(actual: T, expected: T): void {
  if (actual !== expected) throw new AssertionError(`Expected ${expected}, received ${actual}`);
}

async function untilEnd(client: RawClient): Promise<void> {
  for (let waited = 0; !client.ended; waited += 5) {
    if (waited > PATIENCE) throw new AssertionError("Expected the connection to end");
    await pause(5);
  }
}

/** Something that is closed with its socket. */
interface Opened extends AsyncDisposable {
  readonly value: RawWebSocket;
}

async function openSocket(port: number): Promise<Opened> {
  const connection = await Deno.connect({ hostname: "127.0.0.1", port });
  const transport = new SocketTransport(connection, { protocol: "tcp", address: "attacker" });
  return {
    value: new RawWebSocket(transport),
    [Symbol.asyncDispose]: () => Promise.resolve(transport.abort()),
  };
}

async function openWebSocket(port: number): Promise<Opened> {
  const connection = await Deno.connect({ hostname: "127.0.0.1", port });
  const transport = new SocketTransport(connection, { protocol: "tcp", address: "attacker" });
  return {
    value: await RawWebSocket.open(transport),
    [Symbol.asyncDispose]: () => Promise.resolve(transport.abort()),
  };
}
