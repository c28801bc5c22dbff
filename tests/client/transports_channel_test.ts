/**
 * Transports with a channel of their own, and those without.
 *
 * @module
 */

import { assert, assertEquals, assertGreater } from "@std/assert";
import type { Channel, Transport } from "../../client/mod.ts";
import { clientTest } from "./scripted.ts";

clientTest({ "5.0": "" }, "a transport's channel is used in place of its streams", async (script) => {
  const { client, peer } = await script.connect({
    transport: async (...args) => {
      const { channel, peer } = await script.open(...args);
      assert(channel !== undefined);
      return new ChannelOnly(channel, peer);
    },
  });
  const publishing = client.publish("a", "1", { qos: 1 });
  const { packetId = 0 } = await peer.expect("publish");
  await peer.send({ type: "puback", packetId, reasonCode: 0 });
  assertEquals((await publishing).ok, true);
  await client.close();
  await peer.expect("disconnect");
  await peer.expectClosed();
});

clientTest({ "5.0": "" }, "a copy of a transport with another stream in it is used as it is", async (script) => {
  let bytes = 0;
  const counter = new TransformStream<Uint8Array, Uint8Array>({
    transform(chunk, controller) {
      bytes += chunk.length;
      controller.enqueue(chunk.slice());
    },
  });
  const { client, peer } = await script.connect({
    transport: async (...args) => {
      const transport = await script.open(...args);
      return { ...transport, readable: transport.readable.pipeThrough(counter) };
    },
  });
  assertGreater(bytes, 0); // CONNACK
  await client.close();
  await peer.expect("disconnect");
});

class ChannelOnly implements Transport {
  readonly channel: Channel;
  readonly peer: Transport["peer"];

  constructor(channel: Channel, peer: Transport["peer"]) {
    this.channel = channel;
    this.peer = peer;
  }

  get readable(): Transport["readable"] {
    throw new Error("nobody may ask for streams");
  }

  get writable(): Transport["writable"] {
    throw new Error("nobody may ask for streams");
  }
}
