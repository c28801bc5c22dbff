/** MQTT over TLS, beside Mosquitto. @module */

import { assert, assertEquals, assertMatch, assertRejects } from "@std/assert";
import { connect, type ConnectInit, openTransport } from "../../client/mod.ts";
import { openNodeTransport } from "../../client/node_transports.ts";
import { bounded } from "../support/broker.ts";
import { hasMosquitto, hasProgram, type Mosquitto, startMosquitto, Subscriber } from "../support/mosquitto.ts";
import { freePort } from "../support/ports.ts";
import { Authority, type Identity } from "./transports_certificates.ts";
import { exchange } from "./transports_exchange.ts";

const ignore = !hasMosquitto || !hasProgram("openssl");

interface TlsServer {
  readonly authority: Authority;
  readonly server: Identity;
  readonly mosquitto: Mosquitto;
  /** Where it speaks TLS. */
  readonly url: string;
}

/** A test with a Mosquitto whose certificate is for `localhost`, `broker.test` and 127.0.0.1. */
function tlsTest(name: string, lines: string[], body: (server: TlsServer) => Promise<void>): void {
  Deno.test(name, { ignore }, () =>
    bounded(async () => {
      await using authority = await Authority.make();
      const server = await authority.issue("localhost", ["DNS:localhost", "DNS:broker.test", "IP:127.0.0.1"]);
      const port = freePort();
      await using mosquitto = await startMosquitto([
        `listener ${port} 127.0.0.1`,
        ...[`cafile ${authority.certFile}`, `certfile ${server.certFile}`, `keyfile ${server.keyFile}`],
        ...lines,
      ]);
      await body({ authority, server, mosquitto, url: `mqtts://127.0.0.1:${port}` });
    }));
}

/** The message of the error that `connect()` rejects with. */
async function refusal(url: string, init: ConnectInit): Promise<string> {
  const error = await assertRejects(() => connect(url, { reconnect: false, ...init }), Error);
  return error.message;
}

for (const protocolVersion of [3, 4, 5] as const) {
  tlsTest(`client: version ${protocolVersion} over TLS carries all QoS`, [], async ({ url, authority }) => {
    await exchange(url, { protocolVersion, tls: { ca: authority.cert } });
  });
}

tlsTest("client: TLS takes no certificate of an unknown authority", [], async ({ url }) => {
  await using other = await Authority.make();
  assertMatch(await refusal(url, { tls: { ca: other.cert } }), /certificate/i);
  assertMatch(await refusal(url, {}), /certificate/i);
});

tlsTest("client: TLS takes one of several authorities", [], async ({ url, authority }) => {
  await using other = await Authority.make();
  await exchange(url, { tls: { ca: [other.cert, authority.cert] } });
  await exchange(url, { tls: { ca: other.cert + authority.cert } });
});

tlsTest("client: TLS takes the certificate of the right name only", [], async ({ url, authority }) => {
  const ca = authority.cert;
  await exchange(url, { tls: { ca, serverName: "broker.test" } });
  await exchange(url.replace("127.0.0.1", "localhost"), { tls: { ca } });
  assertMatch(await refusal(url, { tls: { ca, serverName: "other.test" } }), /other\.test/);
});

tlsTest("client: TLS takes any certificate when told so", [], async ({ url }) => {
  await exchange(url, { tls: { insecure: true } });
  await exchange(url, { tls: { insecure: true, serverName: "other.test" } });
});

tlsTest(
  "client: TLS shows the client's certificate",
  ["require_certificate true", "use_identity_as_username true"],
  async ({ url, authority }) => {
    const { cert, key } = await authority.issue("gateway-7");
    const ca = authority.cert;
    await exchange(url, { tls: { ca, cert, key } });
    await exchange(url, { tls: { ca, cert, key, serverName: "broker.test" } });
    await exchange(url, { tls: { cert, key, insecure: true } });
    await refusal(url, { tls: { ca } });
    await using other = await Authority.make();
    const stranger = await other.issue("gateway-7");
    await refusal(url, { tls: { ca, cert: stranger.cert, key: stranger.key } });
  },
);

tlsTest("client: closing over TLS says DISCONNECT, so that the will is dropped", [], async (server) => {
  const { url, authority, mosquitto } = server;
  await using subscriber = await Subscriber.start(["-p", `${mosquitto.port}`, "-t", "will/#"]);
  const tls = { ca: authority.cert };
  const client = await connect(url, { tls, will: { topic: "will/1", payload: "lost" } });
  await client.close();
  const other = await connect(url, { tls, will: { topic: "will/2", payload: "lost" } });
  await other.close({ reasonCode: 0x04 });
  const messages = await subscriber.messages(1);
  assertEquals(messages.map(({ topic }) => topic), ["will/2"]);
});

tlsTest("client: over TLS the connection comes back after a restart", [], async (server) => {
  const { url, authority, mosquitto, server: { certFile, keyFile } } = server;
  await using client = await connect(url, {
    tls: { ca: authority.cert },
    reconnect: { minimumDelay: 10, maximumDelay: 50 },
  });
  await mosquitto.stop();
  const publishing = client.publish("after/restart", "kept", { qos: 1 });
  await using _again = await startMosquitto([
    `listener ${new URL(url).port} 127.0.0.1`,
    ...[`cafile ${authority.certFile}`, `certfile ${certFile}`, `keyfile ${keyFile}`],
  ]);
  assert((await publishing).ok);
});

Deno.test("client: an attempt over TLS can be given up", () =>
  bounded(async () => {
    using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
    const accepted = listener.accept();
    const controller = new AbortController();
    const connecting = connect(`mqtts://127.0.0.1:${listener.addr.port}`, { signal: controller.signal });
    // The server says nothing, so that TLS does not begin.
    using connection = await accepted;
    const reason = new Error("changed my mind");
    controller.abort(reason);
    assertEquals(await assertRejects(() => connecting), reason);
    while (await connection.read(new Uint8Array(4_096)) !== null);
  }));

Deno.test("client: over TLS a server that is none is an error", () =>
  bounded(async () => {
    using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
    const url = `mqtts://127.0.0.1:${listener.addr.port}`;
    const serving = (async () => {
      using connection = await listener.accept();
      await connection.write(new TextEncoder().encode("220 mail.test ESMTP\r\n"));
      while (await connection.read(new Uint8Array(4_096)) !== null);
    })();
    await refusal(url, {});
    await serving.catch(() => {});
    const refused = (async () => (await listener.accept()).close())();
    await refusal(url, {});
    await refused;
  }));

Deno.test("client: certificate and key come together", async () => {
  const error = await assertRejects(() => connect("mqtts://127.0.0.1:1", { tls: { cert: "text" } }), TypeError);
  assertMatch(error.message, /tls\.cert and tls\.key must come together/);
});

Deno.test("client: options of TLS do not go with a scheme that has none", async () => {
  for (const url of ["mqtt://127.0.0.1:1", "tcp://127.0.0.1:1", "ws://127.0.0.1:1", "mqtt+unix:///mqtt.sock"]) {
    for (const open of [openTransport, openNodeTransport]) {
      const error = await assertRejects(() => connect(url, { tls: { ca: "text" }, transport: open }), TypeError);
      assertMatch(error.message, /tls( and headers)? must (go with mqtts or wss|be left out)/);
    }
  }
});
