/**
 * Messages for a function instead of a loop.
 *
 * @module
 */

import type { Inbox } from "./inbox.ts";
import type { Message } from "./message.ts";

/**
 * Takes the messages of a subscription, one at a time: the next one comes when what it returns is settled.
 *
 * @example
 * ```ts
 * import { connect, type MessageHandler } from "@x/mqtt/client";
 *
 * await using client = await connect("mqtt://127.0.0.1:1883");
 * const store: MessageHandler = async (message) => {
 *   await Deno.writeFile(await Deno.makeTempFile(), message.payload);
 * };
 * await client.subscribe("pictures/+", { qos: 1, onMessage: store }).ready;
 * ```
 */
export type MessageHandler = (message: Message) => unknown;

/** What becomes of errors. */
export interface HandlerErrors {
  /** The handler has thrown. */
  onThrown(error: unknown): void;
  /** The subscription was refused, or has ended by an error. */
  onEnded(error: unknown): void;
}

/**
 * Gives the messages of an inbox, which must be one for manual acknowledgement, to `handler` until it ends.
 * `acknowledges`: a message of which the handler is through is acknowledged. Never rejects.
 */
export async function handleMessages(
  inbox: Inbox,
  handler: MessageHandler,
  acknowledges: boolean,
  errors: HandlerErrors,
): Promise<void> {
  try {
    for (let next = await inbox.next(); !next.done; next = await inbox.next()) {
      try {
        await handler(next.value);
      } catch (error) {
        errors.onThrown(error);
      }
      if (acknowledges) next.value.acknowledge();
    }
  } catch (error) {
    errors.onEnded(error);
  }
}
