/** Connections from an address of this machine that is not the system's choice. @module */

import { assertEquals, assertRejects } from "@std/assert";
import { connect, openTransport, type TransportOptions } from "../../client/mod.ts";
import { openNodeTransport } from "../../client/node_transports.ts";
import type { Peer } from "../../engine/transport.ts";
import { bounded, startBroker } from "../support/broker.ts";
import { runProcess } from "../support/process.ts";

/** All of 127.0.0.0/8 is this machine on Linux; elsewhere only 127.0.0.1 is sure. */
const ADDRESS = "127.0.0.3";
const ignore = Deno.build.os !== "linux";

function isFrom({ address }: Peer): boolean {
  return address.startsWith(`${ADDRESS}:`);
}

const OPENERS = { Deno: openTransport, Node: openNodeTransport } as const;

for (const [runtime, open] of Object.entries(OPENERS)) {
  for (const scheme of ["mqtt", "mqtts"]) {
    Deno.test(
      `client: localAddress is where ${scheme} connects from, by the transports of ${runtime}`,
      { ignore },
      () =>
        bounded(async () => {
          using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
          const url = new URL(`${scheme}://127.0.0.1:${listener.addr.port}`);
          const opened = open(url, { signal: AbortSignal.timeout(5_000), localAddress: ADDRESS });
          const connection = await listener.accept();
          assertEquals(connection.remoteAddr.hostname, ADDRESS);
          connection.close();
          // The server speaks no TLS.
          if (scheme === "mqtts") await assertRejects(() => opened);
          else await (await opened).writable.abort();
        }),
    );
  }

  Deno.test(`client: localAddress must be an address, and go with TCP, by the transports of ${runtime}`, async () => {
    const attempt = (url: string, options: Omit<TransportOptions, "signal">) =>
      assertRejects(() => open(new URL(url), { signal: AbortSignal.timeout(5_000), ...options }), TypeError);
    for (const url of ["ws://127.0.0.1:9", "wss://127.0.0.1:9", "mqtt+unix:///run/none.sock"]) {
      const { message } = await attempt(url, { localAddress: ADDRESS });
      const scheme = url.split(":", 1)[0];
      assertEquals(message, `Cannot connect: localAddress must go with mqtt or mqtts, received it with ${scheme}`);
    }
    const { message } = await attempt("mqtt://127.0.0.1:9", { localAddress: "eth0" });
    assertEquals(message, 'Cannot connect: localAddress must be an IP address, received "eth0"');
  });
}

Deno.test("client: a connection from another address carries messages", { ignore }, () =>
  bounded(async () => {
    await using server = await startBroker({ authenticate: ({ peer }) => isFrom(peer) });
    await using client = await connect(`mqtt://127.0.0.1:${server.port}`, {
      transport: (url, options) => openTransport(url, { ...options, localAddress: ADDRESS }),
    });
    const subscription = client.subscribe("a", { qos: 2 });
    await subscription.ready;
    const payload = new Uint8Array(300_000).fill(7);
    await client.publish("a", payload, { qos: 2 });
    assertEquals((await subscription.next()).value?.bytes(), payload);
  }));

Deno.test("cli: -A says where to connect from", { ignore }, () =>
  bounded(async () => {
    await using server = await startBroker({
      authorizePublish: ({ peer }) => isFrom(peer),
    });
    const publish = ["run", "-A", "client/mod.ts", "pub", "-p", String(server.port), "-q", "1", "-V", "5"];
    const from = async (...more: string[]) =>
      (await runProcess(Deno.execPath(), [...publish, "-h", "127.0.0.1", "-t", "a", "-m", "b", ...more])).stderr;
    assertEquals(await from("-A", ADDRESS), "");
    assertEquals((await from()) === "", false);
  }));
