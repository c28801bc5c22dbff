/**
 * Requests and their responses (MQTT 5.0, section 4.10), the side that answers.
 *
 * @module
 */

import type { QoS } from "../codec/packets.ts";
import { topicMatches } from "../codec/topic.ts";
import type { Message } from "./message.ts";
import type { Payload } from "./payload.ts";
import type { PublishOptions } from "./publication.ts";
import { ERROR_PROPERTY, RequestError, type RequestPort } from "./request.ts";
import type { Subscription } from "./subscription.ts";

/**
 * A response with more than its payload.
 *
 * @example
 * ```ts
 * import { connect, type Reply } from "@x/mqtt/client";
 *
 * await using client = await connect("mqtt://127.0.0.1:1883");
 * const now = (): Reply => ({ payload: new Date().toISOString(), properties: { messageExpiryInterval: 10 } });
 * await using responder = client.respond("time", now);
 * await responder.ready;
 * ```
 */
export interface Reply {
  /** What the response is made of. */
  readonly payload: Payload;
  /** Default: that of the request. */
  readonly qos?: QoS;
  /** The client adds the correlation data. */
  readonly properties?: Omit<NonNullable<PublishOptions["properties"]>, "correlationData" | "responseTopic">;
}

/**
 * Answers a request. What it throws reaches the requester: the text of a {@linkcode RequestError}; of other errors
 * only that there was one, since they may tell what is nobody's business, and the client gets an `error` event.
 *
 * @example
 * ```ts
 * import { connect, json, type RequestHandler } from "@x/mqtt/client";
 *
 * await using client = await connect("mqtt://127.0.0.1:1883");
 * const double: RequestHandler = (request) => json(2 * Number(request.text()));
 * await using responder = client.respond("double", double);
 * await responder.ready;
 * ```
 */
export type RequestHandler = (request: Message) => Payload | Reply | Promise<Payload | Reply>;

/**
 * Options of `respond()`.
 *
 * @example
 * ```ts
 * import { connect, type RespondOptions } from "@x/mqtt/client";
 *
 * await using client = await connect("mqtt://127.0.0.1:1883");
 * const options: RespondOptions = { concurrency: 4, responseFilter: "clients/+/answers" };
 * await using responder = client.respond("$share/workers/resize", (request) => request.payload, options);
 * await responder.ready;
 * ```
 */
export interface RespondOptions {
  /** The highest QoS that requests come with. Default 1. */
  qos?: QoS;
  /** How many requests may be with the handler at once, 1 or more. With 1, each is acknowledged when it was answered. Default 16. */
  concurrency?: number;
  /**
   * Filter of the topics that may be answered to; requests that want other ones are left alone. A requester chooses
   * the topic, and could have something published that only the responder may. Default: any topic.
   */
  responseFilter?: string;
  /** Ends the responding. */
  signal?: AbortSignal;
}

/**
 * What `respond()` gives: responds until it is ended.
 *
 * @example
 * ```ts
 * import { connect, type Responder } from "@x/mqtt/client";
 *
 * await using client = await connect("mqtt://127.0.0.1:1883");
 * const responder: Responder = client.respond("ping", () => "pong");
 * await responder.ready;
 * await responder.close(); // when the last request is answered
 * ```
 */
export class Responder implements AsyncDisposable {
  readonly #subscription: Subscription;
  /** Settles when the last request that was taken is answered. Never rejects. */
  readonly closed: Promise<void>;

  /** Made by `respond()`. */
  constructor(subscription: Subscription, closed: Promise<void>) {
    this.#subscription = subscription;
    this.closed = closed;
  }

  /** Resolves when requests can come; rejects with `MqttError` when the server refuses the subscription. */
  get ready(): Promise<void> {
    return this.#subscription.ready.then(() => {});
  }

  /** Takes no more requests, and waits for those that the handler has. */
  async close(): Promise<void> {
    await this.#subscription.unsubscribe();
    await this.closed;
  }

  /** Takes no more requests, and waits for those that the handler has. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}

/** What a responder needs of a client. */
export interface RespondPort {
  readonly client: Pick<RequestPort, "publish" | "subscribe">;
  /** Tells of an error that nobody waits for. */
  report(error: unknown): void;
}

/** Begins to respond. */
export function respond(
  port: RespondPort,
  filter: string,
  handler: RequestHandler,
  { qos = 1, concurrency = 16, responseFilter = "#", signal }: RespondOptions,
): Responder {
  if (!Number.isInteger(concurrency) || concurrency < 1) {
    throw new RangeError(`Cannot respond: concurrency must be 1 or more, received ${concurrency}`);
  }
  // What was retained before this responder came is no request to it.
  const subscription = port.client.subscribe(filter, { qos, retainHandling: 2, signal });
  const work = async (): Promise<void> => {
    for (let next = await subscription.next(); !next.done; next = await subscription.next()) {
      await answer(port, handler, next.value, responseFilter);
    }
  };
  const workers = Array.from({ length: concurrency }, () => work().catch((error) => ended(port, error, signal)));
  return new Responder(subscription, Promise.all(workers).then(() => {}));
}

/** Never rejects. */
async function answer(port: RespondPort, handler: RequestHandler, request: Message, allowed: string): Promise<void> {
  const { responseTopic, correlationData } = request.properties;
  if (responseTopic === undefined || !topicMatches(allowed, responseTopic)) return;
  const send = async ({ payload, qos = request.qos, properties }: Reply): Promise<void> => {
    await port.client.publish(responseTopic, payload, { qos, properties: { ...properties, correlationData } });
  };
  try {
    const answer = await handler(request);
    await send(isReply(answer) ? answer : { payload: answer });
  } catch (error) {
    const isMeant = error instanceof RequestError;
    if (!isMeant) port.report(error);
    const text = isMeant ? error.message : "The responder has failed";
    await send({ payload: "", properties: { userProperties: [[ERROR_PROPERTY, text]] } })
      .catch((error) => port.report(error));
  }
}

function isReply(value: Payload | Reply): value is Reply {
  return typeof value === "object" && "payload" in value;
}

/** The end of a subscription is told where it is waited for: by the signal's owner, in `ready`, or by an event. */
function ended(port: RespondPort, error: unknown, signal: AbortSignal | undefined): void {
  if (!signal?.aborted) port.report(error);
}
