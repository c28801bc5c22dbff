/** Every kind of listener that our broker has, with Mosquitto's clients, MQTT.js and our own client. */

import { assert, assertEquals, assertRejects } from "@std/assert";
import type { IClientOptions } from "mqtt";
import { connect, type ConnectInit, type Message, type Subscription } from "../../client/mod.ts";
import { bounded, until } from "../support/bounded.ts";
import { hasOpenssl, type KeyPair } from "../support/certificates.ts";
import { hasMosquitto, mosquittoPub, Subscriber } from "../support/mosquitto.ts";
import { Peer, text } from "./mqttjs.ts";
import { type OurListeners, startOurListeners } from "./our_listeners.ts";

const WATCHDOG = 60_000;
const QOS = [0, 1, 2] as const;
const VERSIONS = [3, 4, 5] as const;
/** What `-V` of Mosquitto's clients takes. */
const VERSION_FLAGS = ["31", "311", "5"] as const;

function test(name: string, needsMosquitto: boolean, body: (listeners: OurListeners) => Promise<void>): void {
  Deno.test({
    name: `broker listeners: ${name}`,
    ignore: !hasOpenssl || (needsMosquitto && !hasMosquitto) || Deno.build.os === "windows",
    fn: () =>
      bounded(async () => {
        await using listeners = await startOurListeners();
        await body(listeners);
      }, WATCHDOG),
  });
}

/** How Mosquitto's clients reach each listener that they can speak with. */
const MOSQUITTO_WAYS: Readonly<Record<string, (listeners: OurListeners) => string[]>> = {
  "TLS": ({ ports, caFile }) => ["-h", "localhost", "-p", `${ports.tls}`, "--cafile", caFile],
  "mutual TLS": (listeners) => [...mutualTls(listeners), ...identity(listeners.device)],
  "a Unix socket": ({ socket }) => ["--unix", socket],
};

function mutualTls({ ports, caFile }: OurListeners): string[] {
  return ["-h", "localhost", "-p", `${ports.mutualTls}`, "--cafile", caFile];
}

function identity({ certFile, keyFile }: KeyPair): string[] {
  return ["--cert", certFile, "--key", keyFile];
}

for (const [name, argumentsOf] of Object.entries(MOSQUITTO_WAYS)) {
  test(`mosquitto_pub and mosquitto_sub over ${name}, all versions and QoS`, true, async (listeners) => {
    const address = argumentsOf(listeners);
    for (const version of VERSION_FLAGS) {
      const common = [...address, "-V", version];
      await using subscriber = await Subscriber.start([...common, "-t", "a/#", "-q", "2"]);
      for (const qos of QOS) {
        const args = ["-t", `a/${qos}`, "-q", `${qos}`, "-m", `QoS ${qos}`];
        const { code, stderr } = await mosquittoPub([...common, ...args]);
        assertEquals([code, stderr], [0, ""]);
      }
      const messages = await subscriber.messages(3);
      assertEquals(
        messages.map(({ topic, qos, payload }) => [topic, qos, payload]),
        QOS.map((qos) => [`a/${qos}`, qos, `QoS ${qos}`]),
      );
    }
  });
}

test("mosquitto_pub without a certificate, or with a revoked one, is refused", true, async (listeners) => {
  const publish = ["-t", "a", "-m", "x", "-q", "1"];
  for (
    const [own, reason] of [[[], "failed its TLS handshake"], [
      identity(listeners.lost),
      "CN=lost,O=Acme is refused: revoked",
    ]] as const
  ) {
    const { code } = await mosquittoPub([...mutualTls(listeners), ...own, ...publish]);
    assert(code !== 0, "a client that must be refused has published");
    await until(() => listeners.log.includes(reason), `a line with "${reason}" in the log`);
  }
});

for (const protocol of ["ws", "wss"] as const) {
  test(`MQTT.js over ${protocol}, all versions and QoS`, false, async ({ ports, caFile }) => {
    const options: IClientOptions = { protocol, host: "localhost", ca: read(caFile) };
    for (const version of VERSIONS) {
      await using peer = await Peer.connect(ports[protocol], version, options);
      await peer.client.subscribeAsync("a/#", { qos: 2 });
      const large = Buffer.alloc(300_000, "x");
      for (const qos of QOS) {
        await peer.client.publishAsync(`a/${qos}`, `QoS ${qos}`, { qos });
        await peer.client.publishAsync(`a/${qos}/large`, large, { qos });
      }
      const messages = await peer.take(6);
      assertEquals(
        messages.map((message) => [message.topic, message.packet.qos, text(message)]),
        QOS.flatMap((qos) => [[`a/${qos}`, qos, `QoS ${qos}`], [`a/${qos}/large`, qos, large.toString()]]),
      );
    }
  });
}

/** Where our client connects to, and what it is told. */
type Way = (listeners: OurListeners) => [url: string, init: ConnectInit];

const OUR_WAYS: Readonly<Record<string, Way>> = {
  "TCP": ({ ports }) => [`mqtt://127.0.0.1:${ports.tcp}`, {}],
  "TLS": ({ ports, caFile }) => [`mqtts://localhost:${ports.tls}`, { tls: { ca: read(caFile) } }],
  "mutual TLS": (listeners) => withCertificate(listeners, listeners.device),
  "WebSocket": ({ ports }) => [`ws://127.0.0.1:${ports.ws}/mqtt`, {}],
  "WebSocket with TLS": ({ ports, caFile }) => [`wss://localhost:${ports.wss}`, { tls: { ca: read(caFile) } }],
  "WebSocket with mutual TLS": ({ ports, caFile, device }) => [
    `wss://localhost:${ports.mutualWss}`,
    { tls: { ca: read(caFile), cert: read(device.certFile), key: read(device.keyFile) } },
  ],
  "a Unix socket": ({ socket }) => [`mqtt+unix://${socket}`, {}],
};

function withCertificate({ ports, caFile }: OurListeners, { certFile, keyFile }: KeyPair): [string, ConnectInit] {
  const tls = { ca: read(caFile), cert: read(certFile), key: read(keyFile) };
  return [`mqtts://localhost:${ports.mutualTls}`, { tls }];
}

function read(path: string): string {
  return Deno.readTextFileSync(path);
}

for (const [name, way] of Object.entries(OUR_WAYS)) {
  test(`our client over ${name}, all versions and QoS`, false, async (listeners) => {
    const [url, init] = way(listeners);
    for (const protocolVersion of VERSIONS) {
      await using client = await connect(url, { ...init, protocolVersion });
      const subscription = client.subscribe("a/#", { qos: 2 });
      await subscription.ready;
      const large = "x".repeat(300_000);
      for (const qos of QOS) {
        assert((await client.publish(`a/${qos}`, `QoS ${qos}`, { qos })).ok);
        assert((await client.publish(`a/${qos}/large`, large, { qos })).ok);
      }
      assertEquals(
        (await take(subscription, 6)).map((message) => [message.topic, message.qos, message.text()]),
        QOS.flatMap((qos) => [[`a/${qos}`, qos, `QoS ${qos}`], [`a/${qos}/large`, qos, large]]),
      );
    }
  });
}

async function take(subscription: Subscription, count: number): Promise<Message[]> {
  const messages: Message[] = [];
  for await (const message of subscription) {
    if (messages.push(message) === count) break;
  }
  return messages;
}

test("our client with a revoked certificate is refused", false, async (listeners) => {
  const [url, init] = withCertificate(listeners, listeners.lost);
  await assertRejects(() => connect(url, { ...init, reconnect: false }), Error);
  await until(() => listeners.log.includes("CN=lost,O=Acme is refused: revoked"), "the line in the log");
});
