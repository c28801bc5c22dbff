/**
 * The page as an MQTT client: it publishes, subscribes, and keeps the last messages, whichever view is shown.
 *
 * @module
 */

import {
  type Client,
  connect,
  type Message,
  openWebSocket,
  type QoS,
  reasonCodeName,
} from "../../../client/browser.ts";
import type { ApiClient } from "./api_client.ts";
import { failureText } from "./notice.ts";

/** Messages that are kept. */
const KEPT = 200;
/** Messages that may wait to be taken; the oldest ones give way. */
const WAITING = 2_000;
/** Milliseconds between two events `messages`. */
const BATCH = 250;
/** The most bytes of a payload that are kept. */
const MAXIMUM_PAYLOAD = 16_384;

/** A message that came. */
export interface ReceivedMessage {
  /** Rises by one with each message. */
  readonly number: number;
  readonly at: number;
  readonly topic: string;
  readonly qos: QoS;
  readonly retain: boolean;
  /** Bytes of the whole payload. */
  readonly size: number;
  /** Its beginning. */
  readonly payload: Uint8Array;
  readonly properties: Message["properties"];
}

/** How it stands with the connection. */
export type ConsoleState =
  | { readonly kind: "off" }
  | { readonly kind: "connecting" }
  | { readonly kind: "connected" }
  /** It was lost, and is tried again. */
  | { readonly kind: "waiting"; readonly reason: string }
  | { readonly kind: "failed"; readonly reason: string };

/** Who the page connects as, where the broker wants to know. */
export interface Credentials {
  readonly username: string;
  readonly password: string;
}

/** Events: `change` for the connection and the subscriptions, `messages` for new messages, several times a second. */
export class MqttConsole extends EventTarget {
  readonly #api: ApiClient;
  readonly messages: ReceivedMessage[] = [];
  /** Filters with the granted QoS; undefined until the broker has answered. */
  readonly subscriptions = new Map<string, QoS | undefined>();
  state: ConsoleState = { kind: "off" };
  /** Messages received so far, those that are no longer kept included. */
  received = 0;
  #client: Client | undefined;
  #ends = new Map<string, AbortController>();
  #batch: number | undefined;

  constructor(api: ApiClient) {
    super();
    this.#api = api;
  }

  /** Connects, unless it is connected. Rejects when the broker does not let it in. */
  async connect(credentials?: Credentials): Promise<void> {
    if (this.#client !== undefined) return;
    this.#become({ kind: "connecting" });
    const url = new URL("/mqtt", location.href);
    url.protocol = url.protocol === "https:" ? "wss:" : "ws:";
    try {
      const client = await connect(url, {
        ...credentials,
        clientId: `admin-page-${crypto.getRandomValues(new Uint8Array(4)).toHex()}`,
        reconnect: { maximumDelay: 5_000 },
        // A ticket lets one connection in: each attempt needs its own.
        transport: async (address, options) => {
          const { ticket } = await this.#api.post("tickets", undefined);
          return openWebSocket(new URL(`${address.pathname}?ticket=${encodeURIComponent(ticket)}`, address), options);
        },
      });
      this.#client = client;
      client.addEventListener("statechange", () => this.#follow(client));
      // It is reported by the state.
      client.addEventListener("error", () => {});
      this.#follow(client);
    } catch (error) {
      this.#become({ kind: "failed", reason: reasonOf(error) });
      throw error;
    }
  }

  /** Publishes; resolves to what the broker said, rejects with what was wrong. */
  async publish(topic: string, payload: string, qos: QoS, retain: boolean): Promise<string> {
    if (this.#client === undefined) throw new Error("The page is not connected.");
    const { ok, reasonCode } = await this.#client.publish(topic, payload, { qos, retain });
    if (!ok) throw new Error(`The broker refused it: ${reasonCodeName(reasonCode)}.`);
    return reasonCode === 0x10 ? "Published; nobody has subscribed to it." : "Published.";
  }

  /** Subscribes until `unsubscribe`. Rejects when the broker refuses. */
  async subscribe(filter: string, qos: QoS): Promise<void> {
    if (this.#client === undefined) throw new Error("The page is not connected.");
    if (this.subscriptions.has(filter)) return;
    const end = new AbortController();
    const options = { qos, signal: end.signal, maximumMessages: WAITING, overflow: "drop-oldest" } as const;
    const subscription = this.#client.subscribe(filter, options);
    this.subscriptions.set(filter, undefined);
    this.#ends.set(filter, end);
    this.#changed();
    void this.#take(subscription, filter);
    const [granted = 0x80] = await subscription.ready;
    if (this.subscriptions.has(filter)) this.subscriptions.set(filter, granted === 2 ? 2 : granted === 1 ? 1 : 0);
    this.#changed();
  }

  /** Ends a subscription. */
  unsubscribe(filter: string): void {
    this.#ends.get(filter)?.abort();
    this.#ends.delete(filter);
    this.subscriptions.delete(filter);
    this.#changed();
  }

  /** Forgets all messages. */
  clear(): void {
    this.messages.length = 0;
    this.dispatchEvent(new Event("messages"));
  }

  async #take(messages: AsyncIterable<Message>, filter: string): Promise<void> {
    try {
      for await (const message of messages) this.#keep(message);
    } catch {
      // Whoever asked for the subscription has been told, or has ended it.
    }
    if (this.subscriptions.has(filter)) this.unsubscribe(filter);
  }

  #keep(message: Message): void {
    const { topic, qos, retain, size, properties } = message;
    const payload = message.payload.slice(0, MAXIMUM_PAYLOAD);
    this.messages.push({ number: ++this.received, at: Date.now(), topic, qos, retain, size, payload, properties });
    if (this.messages.length > 2 * KEPT) this.messages.splice(0, KEPT);
    this.#batch ??= setTimeout(() => {
      this.#batch = undefined;
      this.messages.splice(0, this.messages.length - KEPT);
      this.dispatchEvent(new Event("messages"));
    }, BATCH);
  }

  #follow(client: Client): void {
    const { state } = client;
    if (state.kind === "connected" || state.kind === "connecting") this.#become({ kind: state.kind });
    if (state.kind === "waiting") this.#become({ kind: "waiting", reason: reasonOf(state.error) });
    if (state.kind !== "closed") return;
    this.#client = undefined;
    for (const filter of [...this.subscriptions.keys()]) this.unsubscribe(filter);
    this.#become({ kind: "failed", reason: reasonOf(state.error) });
  }

  #become(state: ConsoleState): void {
    this.state = state;
    this.#changed();
  }

  #changed(): void {
    this.dispatchEvent(new Event("change"));
  }
}

function reasonOf(error: unknown): string {
  return error === undefined ? "The connection has ended." : failureText(error);
}
