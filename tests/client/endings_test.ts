/**
 * Who ends what, and when: calls, subscriptions and the client itself.
 *
 * @module
 */

import { assertEquals, assertRejects, assertThrows } from "@std/assert";
import { connect, systemClock } from "../../client/mod.ts";
import { clientTest, deliver, grant, ignoreFailure, settle } from "./scripted.ts";

clientTest(
  { "3.1.1": "", "5.0": "" },
  "close() ends a client whose connection opens in this moment",
  async (script) => {
    // Promises that the connection settles have their turn before whoever waits for the connection, sooner or later.
    for (let turns = 0; turns < 8; turns++) {
      const { client, peer } = await script.connect();
      const closing = client.publish("a", "", { qos: 2 }).catch(async () => {
        for (let i = 0; i < turns; i++) await Promise.resolve();
        await client.close();
      });
      await peer.expect("publish");
      const { peer: next } = await script.reconnect(peer);
      await closing;
      assertEquals(client.state, { kind: "closed", error: undefined });
      await next.expect("disconnect");
    }
  },
);

clientTest({ "5.0": "" }, "close() without a limit waits for what is in flight", async (script) => {
  const { client, peer } = await script.connect({ clock: systemClock });
  const published = client.publish("a", "", { qos: 1 });
  ignoreFailure(published);
  const { packetId = 0 } = await peer.expect("publish");
  const closed = client.close({ timeout: Infinity });
  await peer.expectNothing();
  await peer.send({ type: "puback", packetId, reasonCode: 0 });
  assertEquals((await published).ok, true);
  await closed;
});

clientTest(
  { "5.0": "" },
  "a subscription that cannot be asked for throws, and is not asked for later",
  async (script) => {
    const { client, peer } = await script.connect();
    const properties = { userProperties: [["name", 1]] as never };
    const retainHandling = 3 as never;
    const wrong = () => {
      assertThrows(() => client.subscribe("a", { properties }), TypeError, "userProperties must be a string");
      assertThrows(() => client.subscribe("a", { retainHandling }), RangeError, "retain handling must be 0 to 2");
      assertThrows(() => client.unsubscribe("a", { properties }), TypeError, "userProperties must be a string");
    };
    wrong();
    await peer.close();
    await settle();
    wrong();
    const again = script.acceptWith();
    await script.passWait();
    const { peer: next } = await again;
    client.subscribe("b");
    assertEquals((await next.expect("subscribe")).subscriptions.map(({ filter }) => filter), ["b"]);
    assertEquals(client.state.kind, "connected");
  },
);

clientTest(
  { "5.0": "" },
  "close() with properties that cannot be sent ends the client all the same",
  async (script) => {
    const { client, peer } = await script.connect();
    const properties = { sessionExpiryInterval: -1 };
    await assertRejects(() => client.close({ properties }), RangeError, "sessionExpiryInterval must be 0 to");
    await peer.expectDisconnect(0);
    await client.closed;
    assertEquals(client.state.kind, "closed");
  },
);

Deno.test("mqtt client: a signal ends the wait for a message of QoS 0 that the server does not take", async () => {
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const accepting = listener.accept();
  const connecting = connect(`mqtt://127.0.0.1:${listener.addr.port}`, { reconnect: false });
  const server = await accepting;
  await server.write(new Uint8Array([0x20, 3, 0, 0, 0])); // CONNACK, and then it reads nothing
  const client = await connecting;
  const controller = new AbortController();
  const publishing = client.publish("a", new Uint8Array(50_000_000), { signal: controller.signal });
  const aborted = assertRejects(() => publishing, Error, "enough");
  controller.abort(new Error("enough"));
  await aborted;
  server.close();
  await client.closed;
});

clientTest({ "5.0": "" }, "close() ends the reading of a stream that is to be published", async ({ connect }) => {
  const { client } = await connect();
  const cancelled = Promise.withResolvers<void>();
  const stream = new ReadableStream<Uint8Array>({ cancel: () => cancelled.resolve() });
  const rejected = assertRejects(() => client.publish("a", stream), DOMException, "client must be open");
  await client.close();
  await rejected;
  await cancelled.promise;
});

clientTest({ "5.0": "" }, "a stream of anything but bytes is not published", async ({ connect }) => {
  const { client, peer } = await connect();
  const texts = () => ReadableStream.from(["21.5"]);
  // @ts-expect-error: in JavaScript nobody else would say so.
  await assertRejects(() => client.publish("a", texts()), TypeError, "must be Uint8Array, received string");
  await client.publish("a", texts().pipeThrough(new TextEncoderStream()));
  assertEquals((await peer.expect("publish")).payload, new TextEncoder().encode("21.5"));
});

clientTest(
  { "5.0": "" },
  "a subscription that has ended, by whomever, no longer listens to its signal",
  async (script) => {
    const { client, peer } = await script.connect();
    const signal = new CountingSignal();
    const options = { signal: signal.signal, maximumMessages: 1, overflow: "error" } as const;
    const refused = client.subscribe("refused", options);
    await grant(peer, 0x80);
    await assertRejects(() => refused.ready);
    assertEquals(signal.listeners, 0);
    client.subscribe("overflowing", options);
    await grant(peer);
    for (let i = 0; i < 2; i++) await deliver(peer, "overflowing", "");
    await peer.expect("unsubscribe");
    assertEquals(signal.listeners, 0);
    const left = client.subscribe("left", options);
    await grant(peer);
    assertEquals(signal.listeners, 1);
    await left.return();
    assertEquals(signal.listeners, 0);
    client.subscribe("open", options);
    await client.close({ force: true });
    await settle();
    assertEquals(signal.listeners, 0);
  },
);

/** A signal that knows how many listen to it. */
class CountingSignal {
  readonly signal: AbortSignal = new AbortController().signal;
  listeners = 0;

  constructor() {
    const { signal } = this;
    const add = signal.addEventListener.bind(signal);
    const remove = signal.removeEventListener.bind(signal);
    signal.addEventListener = (...args: Parameters<typeof add>) => {
      this.listeners++;
      add(...args);
    };
    signal.removeEventListener = (...args: Parameters<typeof remove>) => {
      this.listeners--;
      remove(...args);
    };
  }
}
