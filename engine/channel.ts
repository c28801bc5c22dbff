/**
 * The two faces of a connection, each made from the other.
 *
 * @module
 */

import type { Channel, Transport } from "./transport.ts";

/** The channel of a transport. Its streams must not be used any more. */
export function channelOf(transport: Transport): Channel {
  return transport.channel ?? new StreamChannel(transport);
}

/** A pair of streams over a channel, which must not be used any more. */
export function streamsOf(channel: Channel): Pick<Transport, "readable" | "writable"> {
  const readable = new ReadableStream<Uint8Array>({
    async pull(controller) {
      const chunk = await channel.read();
      if (chunk === undefined) controller.close();
      else controller.enqueue(chunk);
    },
    cancel: () => channel.abort(),
  }, { highWaterMark: 0 });
  const writable = new WritableStream<Uint8Array>({
    start(controller) {
      // A sink's own `abort` is called when the write in flight has ended, which it may never do.
      controller.signal.addEventListener("abort", () => channel.abort());
    },
    write: (chunk) => channel.write(chunk),
    close: () => channel.close(),
  });
  return { readable, writable };
}

class StreamChannel implements Channel {
  readonly #reader: ReadableStreamDefaultReader<Uint8Array>;
  readonly #writer: WritableStreamDefaultWriter<Uint8Array>;

  constructor({ readable, writable }: Transport) {
    this.#reader = readable.getReader();
    this.#writer = writable.getWriter();
    // Failures are seen at the write that meets them.
    this.#writer.closed.catch(() => {});
  }

  async read(): Promise<Uint8Array | undefined> {
    const { value } = await this.#reader.read();
    return value;
  }

  write(bytes: Uint8Array): Promise<void> {
    return this.#writer.write(bytes);
  }

  close(): Promise<void> {
    return this.#writer.close();
  }

  abort(): void {
    this.#writer.abort().catch(() => {});
    this.#reader.cancel().catch(() => {});
  }
}
