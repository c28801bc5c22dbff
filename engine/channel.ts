/**
 * The two faces of a connection, each made from the other.
 *
 * @module
 */

import type { Channel, Peer, Transport } from "./transport.ts";

/** The channel of a transport. Its streams must not be used any more. */
export function channelOf(transport: Transport): Channel {
  if (transport.channel !== undefined) return transport.channel;
  const reader = transport.readable.getReader();
  const writer = transport.writable.getWriter();
  return {
    read: async () => (await reader.read()).value,
    write: (bytes) => writer.write(bytes),
    close: () => writer.close(),
    abort() {
      writer.abort().catch(() => {});
      reader.cancel().catch(() => {});
    },
  };
}

/** A transport over a channel: streams are made for those only who ask for them. */
export function transportOf(channel: Channel, peer: Peer): Transport {
  let streams: Pick<Transport, "readable" | "writable"> | undefined;
  const transport: Transport = {
    get readable() {
      return (streams ??= streamsOf(channel)).readable;
    },
    get writable() {
      return (streams ??= streamsOf(channel)).writable;
    },
    peer,
  };
  // Not enumerable: a copy with another stream in it must not bring a way around that.
  return Object.defineProperty(transport, "channel", { value: channel });
}

/** A pair of streams over a channel, which must not be used any more. */
export function streamsOf(channel: Channel): Pick<Transport, "readable" | "writable"> {
  const readable = new ReadableStream<Uint8Array>({
    async pull(controller) {
      const chunk = await channel.read();
      if (chunk === undefined) controller.close();
      else controller.enqueue(chunk);
    },
    cancel: (reason) => channel.abort(reason),
  }, { highWaterMark: 0 });
  const writable = new WritableStream<Uint8Array>({
    start(controller) {
      const { signal } = controller;
      // A sink's own `abort` is called when the write in flight has ended, which it may never do.
      signal.addEventListener("abort", () => channel.abort(signal.reason));
    },
    write: (chunk) => channel.write(chunk),
    close: () => channel.close(),
  });
  return { readable, writable };
}
