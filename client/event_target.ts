/**
 * Listeners that know the events of a client.
 *
 * @module
 */

import type { ClientEventListener, ClientEventMap } from "./events.ts";

/** Types alone: there is nothing else to do to take a listener back. */
export interface ClientEventTarget {
  /** Takes a listener back. */
  removeEventListener<Name extends keyof ClientEventMap>(
    type: Name,
    listener: ClientEventListener<Name> | null,
    options?: boolean | EventListenerOptions,
  ): void;
  /** The same for names that this client does not know. */
  removeEventListener(
    type: string,
    listener: EventListenerOrEventListenerObject | null,
    options?: boolean | EventListenerOptions,
  ): void;
}

/**
 * An `EventTarget` whose events have types.
 *
 * @example
 * ```ts
 * import { ClientEventTarget, connect } from "@x/mqtt/client";
 *
 * await using client = await connect("mqtt://127.0.0.1:1883");
 * client.addEventListener("disconnect", ({ reasonCode }) => console.log(reasonCode), { once: true });
 * console.log(client instanceof ClientEventTarget); // true
 * ```
 */
export class ClientEventTarget extends EventTarget {
  #hasMessageListeners = false;
  #hasErrorListeners = false;

  /** Whether somebody has ever listened to messages, so that each needs an event. */
  protected get hasMessageListeners(): boolean {
    return this.#hasMessageListeners;
  }

  /** Whether somebody has ever listened to errors. */
  protected get hasErrorListeners(): boolean {
    return this.#hasErrorListeners;
  }

  /** Calls `listener` for each event of this name. */
  override addEventListener<Name extends keyof ClientEventMap>(
    type: Name,
    listener: ClientEventListener<Name> | null,
    options?: boolean | AddEventListenerOptions,
  ): void;
  /** The same for names that this client does not know. */
  override addEventListener(
    type: string,
    listener: EventListenerOrEventListenerObject | null,
    options?: boolean | AddEventListenerOptions,
  ): void;
  override addEventListener(
    type: string,
    listener: EventListenerOrEventListenerObject | null,
    options?: boolean | AddEventListenerOptions,
  ): void {
    if (type === "message") this.#hasMessageListeners = true;
    if (type === "error") this.#hasErrorListeners = true;
    super.addEventListener(type, listener, options);
  }
}
