/**
 * A link that takes long for what is sent.
 *
 * @module
 */

import { assertEquals } from "@std/assert";
import { MqttError, type TransportOpener } from "../../client/mod.ts";
import { clientTest, ignoreFailure, type Script, settle } from "./scripted.ts";

/** A link whose writes wait, one by one, until they are let through. */
class SlowLink {
  readonly #open: TransportOpener;
  #isSlow = false;
  #pass: (() => void) | undefined;

  constructor({ open }: Script) {
    this.#open = open;
  }

  readonly open: TransportOpener = async (url, options) => {
    const { readable, writable, peer } = await this.#open(url, options);
    const writer = writable.getWriter();
    return {
      readable,
      writable: new WritableStream<Uint8Array>({
        write: async (chunk) => {
          if (this.#isSlow) await new Promise<void>((resolve) => this.#pass = resolve);
          await writer.write(chunk);
        },
        close: () => writer.close(),
        abort: (reason) => writer.abort(reason),
      }),
      peer,
    };
  };

  slowDown(): void {
    this.#isSlow = true;
  }

  /** Lets the write through that waits. */
  async letOneThrough(): Promise<void> {
    this.#pass?.();
    await settle();
  }

  speedUp(): void {
    this.#isSlow = false;
    this.#pass?.();
  }
}

clientTest(
  { "5.0": "" },
  "a large message that is on its way for minutes is no silence of the server",
  async (script) => {
    const link = new SlowLink(script);
    const { client, peer } = await script.connect({ keepAlive: 60, transport: link.open });
    link.slowDown();
    const payload = new Uint8Array(2_000_000).fill(7);
    const publishing = client.publish("pictures/7", payload, { qos: 1 });
    ignoreFailure(publishing);
    for (let i = 0; i < 14; i++) {
      script.clock.advance(9_000);
      await link.letOneThrough();
    }
    assertEquals(client.state.kind, "connected");
    link.speedUp();
    const { packetId = 0, payload: received } = await peer.expect("publish");
    assertEquals(received, payload);
    // One ping, however long it had to wait.
    await peer.expect("pingreq");
    await peer.send({ type: "puback", packetId, reasonCode: 0 });
    assertEquals((await publishing).ok, true);
    await peer.expectNothing();
  },
);

clientTest({ "5.0": "" }, "a server that takes nothing more of a large message is given up", async (script) => {
  const link = new SlowLink(script);
  const { client } = await script.connect({ keepAlive: 60, transport: link.open, reconnect: false });
  link.slowDown();
  ignoreFailure(client.publish("pictures/7", new Uint8Array(2_000_000), { qos: 1 }));
  await settle();
  script.clock.advance(44_000);
  await link.letOneThrough();
  assertEquals(client.state.kind, "connected");
  // The ping is due 45 seconds after the server's last word, and 10 seconds later it should have been answered.
  script.clock.advance(1_000);
  await settle();
  script.clock.advance(9_999);
  await settle();
  assertEquals(client.state.kind, "connected");
  script.clock.advance(1);
  // Although the write under way never settles.
  await client.closed;
  assertEquals(client.state.kind === "closed" && client.state.error?.message.includes("PINGREQ"), true);
});

clientTest(
  { "3.1": "", "3.1.1": "", "5.0": "" },
  "a server that causes answers without end, and reads none, is left",
  async (script) => {
    const { client, peer } = await script.connect({ reconnect: false });
    const ended = new Promise<Error | undefined>((resolve) => {
      client.addEventListener("disconnect", ({ error }) => resolve(error));
    });
    peer.pause();
    // PUBREL; each has to be answered with PUBCOMP.
    const flood = Uint8Array.from({ length: 65_536 }, (_, i) => [0x62, 2, 0, 1][i % 4] ?? 0);
    for (let i = 0; i < 24; i++) await peer.sendBytes(flood);
    await settle();
    script.clock.advance(10_000); // for the transport to close
    const error = await ended;
    assertEquals(error instanceof MqttError && error.reasonCode, 0x97);
    peer.resume();
  },
);
