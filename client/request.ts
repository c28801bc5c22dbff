/**
 * Requests and their responses (MQTT 5.0, section 4.10), the side that asks.
 *
 * @module
 */

import { MqttError } from "../codec/errors.ts";
import type { QoS } from "../codec/packets.ts";
import { ReasonCode, reasonCodeName } from "../codec/reason_codes.ts";
import type { Clock } from "../engine/clock.ts";
import { asError } from "./errors.ts";
import type { Message } from "./message.ts";
import type { Payload } from "./payload.ts";
import type { PublishOptions, PublishResult } from "./publication.ts";
import type { ClientState } from "./state.ts";
import type { SubscribeOptions, Subscription } from "./subscription.ts";
import { abortable } from "./waiting.ts";

/**
 * Options of `request()`.
 *
 * @example
 * ```ts
 * import { connect, type RequestOptions } from "@x/mqtt/client";
 *
 * await using client = await connect("mqtt://127.0.0.1:1883");
 * await using responder = client.respond("time", () => new Date().toISOString());
 * await responder.ready;
 * const options: RequestOptions = { timeout: 5_000 };
 * console.log((await client.request("time", "", options)).text());
 * ```
 */
export interface RequestOptions {
  /** Default 1, or 0 if the server takes no more. */
  qos?: QoS;
  /** Milliseconds, above 0, to wait for the response; `Infinity` for no limit. Default 30,000. */
  timeout?: number;
  /** The client adds response topic, correlation data and, by the timeout, a message expiry interval. */
  properties?: Omit<NonNullable<PublishOptions["properties"]>, "responseTopic" | "correlationData">;
  /** Ends the wait. */
  signal?: AbortSignal;
}

/**
 * A responder has answered that it could not do what it was asked. A handler of `respond()` throws it to say why; the
 * requester's `request()` rejects with it.
 *
 * @example
 * ```ts
 * import { connect, RequestError } from "@x/mqtt/client";
 *
 * await using client = await connect("mqtt://127.0.0.1:1883");
 * await using responder = client.respond("half", (request) => {
 *   const number = Number(request.text());
 *   if (number % 2 !== 0) throw new RequestError(`Cannot halve: number must be even, received ${number}`);
 *   return `${number / 2}`;
 * });
 * await responder.ready;
 * await client.request("half", "7").catch((error) => console.log(error instanceof RequestError, error.message));
 * ```
 */
export class RequestError extends Error {
  /** Always the same. */
  override readonly name = "RequestError";
}

/** The user property with which a response tells of an error. */
export const ERROR_PROPERTY = "error";

/** What a requester needs of a client. */
export interface RequestPort {
  readonly state: ClientState;
  readonly clientId: string;
  publish(topic: string, payload: Payload, options: PublishOptions): Promise<PublishResult>;
  subscribe(filter: string, options: SubscribeOptions): Subscription;
}

const DEFAULT_TIMEOUT = 30_000;
/** What clocks can wait for. */
const LONGEST_TIMEOUT = 2_147_483_647;

/** Where responses come in: one topic for all requests of a client. */
interface ResponseInbox {
  readonly topic: string;
  readonly subscription: Subscription;
}

/** Waits for the responses of one client's requests. */
export class Requester {
  readonly #port: RequestPort;
  readonly #clock: Clock;
  /** By correlation data. */
  readonly #waiting = new Map<number, PromiseWithResolvers<Message>>();
  #inbox: ResponseInbox | undefined;
  #lastId = 0;

  constructor(port: RequestPort, clock: Clock) {
    this.#port = port;
    this.#clock = clock;
  }

  /** Publishes a request; resolves to its response. */
  async request(topic: string, payload: Payload, options: RequestOptions): Promise<Message> {
    const { signal, timeout = DEFAULT_TIMEOUT } = options;
    signal?.throwIfAborted();
    if (!(timeout > 0)) throw new RangeError(`Cannot request: timeout must be above 0, received ${timeout}`);
    const end = new AbortController();
    const cancelTimeout = timeout > LONGEST_TIMEOUT
      ? undefined
      : this.#clock.schedule(timeout, () => end.abort(timeoutError(topic, timeout)));
    const onAbort = () => end.abort(signal?.reason);
    signal?.addEventListener("abort", onAbort, { once: true });
    try {
      return await this.#exchange(topic, payload, options, end.signal);
    } finally {
      cancelTimeout?.();
      signal?.removeEventListener("abort", onAbort);
    }
  }

  async #exchange(topic: string, payload: Payload, options: RequestOptions, signal: AbortSignal): Promise<Message> {
    const inbox = this.#inbox ??= this.#open();
    await abortable(inbox.subscription.ready, signal);
    const id = this.#newId();
    const response = Promise.withResolvers<Message>();
    // While the request is published nobody looks at it.
    response.promise.catch(() => {});
    this.#waiting.set(id, response);
    try {
      await this.#publish(topic, payload, options, { topic: inbox.topic, id, signal, response: response.promise });
      return checked(await abortable(response.promise, signal));
    } finally {
      this.#waiting.delete(id);
    }
  }

  /** Settles when the server has taken the request, or when there is a response, which may come before. */
  async #publish(
    topic: string,
    payload: Payload,
    { qos = this.#defaultQoS(), timeout = DEFAULT_TIMEOUT, properties }: RequestOptions,
    exchange: { topic: string; id: number; signal: AbortSignal; response: Promise<Message> },
  ): Promise<void> {
    const { signal } = exchange;
    const messageExpiryInterval = timeout > LONGEST_TIMEOUT ? undefined : Math.ceil(timeout / 1_000);
    const published = this.#port.publish(topic, payload, {
      qos,
      signal,
      properties: {
        messageExpiryInterval,
        ...properties,
        responseTopic: exchange.topic,
        correlationData: correlationData(exchange.id),
      },
    });
    const result = await Promise.race([published, exchange.response]);
    if (!("reasonCode" in result)) return;
    if (result.ok && result.reasonCode !== ReasonCode.NoMatchingSubscribers) return;
    throw new MqttError(
      `Cannot request: server must pass the request on, received ${reasonCodeName(result.reasonCode)} for ${topic}`,
      result.reasonCode,
    );
  }

  #defaultQoS(): QoS {
    const { state } = this.#port;
    return state.kind === "connected" && state.limits.maximumQoS === 0 ? 0 : 1;
  }

  #open(): ResponseInbox {
    const topic = this.#responseTopic();
    const subscription = this.#port.subscribe(topic, { qos: 1 });
    const inbox: ResponseInbox = { topic, subscription };
    this.#read(inbox);
    return inbox;
  }

  /** Nobody can guess it, so that nobody else answers unless the server lets strangers listen to what is published. */
  #responseTopic(): string {
    const { state, clientId } = this.#port;
    const base = state.kind === "connected" ? state.properties.responseInformation : undefined;
    const random = Array.from(crypto.getRandomValues(new Uint8Array(8)), (byte) => byte.toString(16).padStart(2, "0"));
    const name = clientId.replace(/[/+#]/g, "-");
    return `${(base ?? "response").replace(/\/$/, "")}/${name}/${random.join("")}`;
  }

  /** Hands out responses for as long as the client lives; never rejects. */
  async #read(inbox: ResponseInbox): Promise<void> {
    let error: Error = new DOMException("Cannot request: client was closed before the response", "InvalidStateError");
    try {
      for await (const response of inbox.subscription) {
        this.#waiting.get(correlationId(response))?.resolve(response);
      }
    } catch (thrown) {
      error = asError(thrown);
    }
    if (this.#inbox === inbox) this.#inbox = undefined;
    for (const { reject } of this.#waiting.values()) reject(error);
  }

  #newId(): number {
    do this.#lastId = (this.#lastId + 1) >>> 0; while (this.#waiting.has(this.#lastId));
    return this.#lastId;
  }
}

function correlationData(id: number): Uint8Array {
  const bytes = new Uint8Array(4);
  new DataView(bytes.buffer).setUint32(0, id);
  return bytes;
}

/** -1 for a response that belongs to no request. */
function correlationId({ properties: { correlationData: bytes } }: Message): number {
  if (bytes?.length !== 4) return -1;
  return new DataView(bytes.buffer, bytes.byteOffset, 4).getUint32(0);
}

function checked(response: Message): Message {
  const error = response.properties.userProperties?.find(([name]) => name === ERROR_PROPERTY);
  if (error !== undefined) throw new RequestError(error[1]);
  return response;
}

function timeoutError(topic: string, milliseconds: number): DOMException {
  return new DOMException(
    `Cannot request: the response to ${topic} must come within ${milliseconds} ms, received none`,
    "TimeoutError",
  );
}
