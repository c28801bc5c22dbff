/**
 * The handler behind the admin listener.
 *
 * @module
 */

import type { Health } from "./api.ts";
import { EventStream } from "./events.ts";
import { ApiFailure } from "./failure.ts";
import { Guard } from "./guard.ts";
import { LoopDelay } from "./loop_delay.ts";
import { metricsText } from "./metrics_text.ts";
import type { AdminOptions, AdminRequestInfo } from "./options.ts";
import { PAGE_ASSETS } from "./page_assets.ts";
import { Parameters } from "./parameters.ts";
import { PROMETHEUS_TYPE } from "./prometheus.ts";
import { Recorder } from "./recorder.ts";
import { assetResponse, dataResponse, failureResponse, jsonResponse } from "./responses.ts";
import { type Method, type Route, type Routes, routesOf } from "./routes.ts";
import { Sampler } from "./sampler.ts";
import { Tickets } from "./tickets.ts";

const API = "/api/v1/";
/** Requests that are answered at one time; streams and WebSockets do not count once they run. */
const MOST_REQUESTS = 64;

/** Answers requests about a broker. */
export interface AdminHandler extends Disposable {
  /** For `Deno.serve` and other servers that speak in `Request` and `Response`; never rejects. */
  readonly handle: (request: Request, info?: AdminRequestInfo) => Promise<Response>;
  /**
   * Takes another token from now on; returns whether it is not the same one. Then streams and tickets of those who have
   * shown the other one end. Throws `RangeError` for one that is too short, `TypeError` when there was none so far.
   */
  replaceToken(token: string): boolean;
  /** Ends the streams and measures no more; what is asked from now on, but `/healthz`, gets 503. Called when the broker closes. */
  close(): void;
}

/**
 * Makes a handler for metrics, health, the admin API and its page. It begins to measure at once, and ends with the
 * broker. Throws `RangeError` for a token that is too short.
 *
 * @example Metrics and API of a broker in a program
 * ```ts
 * import { Broker } from "@x/mqtt/broker";
 * import { createAdminHandler } from "@x/mqtt/broker/admin";
 *
 * await using broker = new Broker();
 * using admin = createAdminHandler({ broker, token: "a token that is long".replaceAll(" ", "-") });
 * await using server = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen() {} }, admin.handle);
 * const headers = { authorization: "Bearer a-token-that-is-long" };
 * const response = await fetch(`http://127.0.0.1:${server.addr.port}/api/v1/clients`, { headers });
 * console.log((await response.json()).total); // 0
 * ```
 */
export function createAdminHandler(options: AdminOptions): AdminHandler {
  const admin = new Admin(options);
  const forget = options.broker.onClose(() => admin.close());
  const close = () => {
    forget();
    admin.close();
  };
  return {
    handle: (request, info) => admin.handle(request, info),
    replaceToken: (token) => admin.replaceToken(token),
    close,
    [Symbol.dispose]: close,
  };
}

class Admin {
  readonly #options: AdminOptions;
  readonly #guard: Guard;
  readonly #loopDelay: LoopDelay;
  readonly #sampler: Sampler;
  readonly #tickets = new Tickets();
  readonly #events: EventStream;
  readonly #routes: Routes;
  #requests = 0;
  #isOpen = true;

  constructor(options: AdminOptions) {
    this.#options = options;
    this.#guard = new Guard(options);
    this.#loopDelay = new LoopDelay();
    const { broker, log } = options;
    const recorder = new Recorder(broker);
    this.#sampler = new Sampler(broker, this.#loopDelay, () => options.memory?.());
    this.#events = new EventStream(this.#sampler, recorder, log);
    this.#routes = routesOf({ options, recorder, events: this.#events, tickets: this.#tickets });
  }

  replaceToken(token: string): boolean {
    if (!this.#guard.replaceToken(token)) return false;
    this.#tickets.clear();
    this.#events.close();
    return true;
  }

  close(): void {
    this.#isOpen = false;
    this.#loopDelay.close();
    this.#sampler.close();
    this.#events.close();
  }

  async handle(request: Request, info: AdminRequestInfo | undefined): Promise<Response> {
    this.#requests++;
    try {
      if (this.#requests > MOST_REQUESTS) {
        throw new ApiFailure("too_many_requests", `There may be ${MOST_REQUESTS} requests at a time`, {
          "Retry-After": "1",
        });
      }
      const response = await this.#answer(request, info);
      return request.method === "HEAD" ? await headOf(response) : response;
    } catch (error) {
      return failureResponse(error instanceof ApiFailure ? error : this.#ownFailure(error));
    } finally {
      this.#requests--;
    }
  }

  /** What went wrong here is nobody's business outside. */
  #ownFailure(error: unknown): ApiFailure {
    this.#options.onError?.(error);
    return new ApiFailure("internal", "The broker failed to answer; its log may tell more");
  }

  #answer(request: Request, info: AdminRequestInfo | undefined): Response | Promise<Response> {
    const { pathname } = new URL(request.url);
    // Those who ask whether the broker is well know neither names nor tokens.
    if (pathname === "/healthz") return only(request, () => jsonResponse({ status: "ok" }));
    if (pathname === "/readyz") return only(request, () => this.#readiness());
    if (!this.#isOpen) throw new ApiFailure("unavailable", "The broker closes");
    this.#guard.assertHost(request);
    const asset = this.#options.page === false ? undefined : PAGE_ASSETS.get(pathname);
    if (asset !== undefined) return only(request, () => assetResponse(asset, request));
    this.#guard.assertSite(request);
    if (pathname === "/mqtt") return this.#mqtt(request, info);
    this.#guard.assertToken(request, info?.remoteAddr.hostname ?? "");
    if (pathname === "/metrics") return only(request, () => this.#metrics());
    if (pathname.startsWith(API)) return this.#call(pathname.slice(API.length), request);
    throw notFound();
  }

  #readiness(): Response {
    const { broker, listeners } = this.#options;
    const isStoreWritable = broker.inspection.isStoreWritable ?? true;
    const isListening = this.#isOpen && (listeners === undefined || listeners().length > 0);
    const ready = isListening && isStoreWritable;
    const health: Health = { status: ready ? "ok" : "unavailable", listeners: isListening, store: isStoreWritable };
    return jsonResponse(health, ready ? 200 : 503);
  }

  async #metrics(): Promise<Response> {
    const { broker, listeners, memory } = this.#options;
    const text = await metricsText(broker, {
      loopDelay: this.#loopDelay.state(),
      listeners: listeners?.() ?? [],
      memory: memory?.(),
    });
    return dataResponse(text, PROMETHEUS_TYPE);
  }

  async #mqtt(request: Request, info: AdminRequestInfo | undefined): Promise<Response> {
    const { mqtt } = this.#options;
    const parameters = new Parameters(new URL(request.url).search, ["ticket"]);
    const ticket = parameters.text("ticket");
    if (ticket === undefined) this.#guard.assertToken(request, info?.remoteAddr.hostname ?? "");
    else if (!this.#tickets.redeem(ticket)) throw new ApiFailure("unauthorized", "The ticket must be a fresh one");
    if (mqtt === undefined) throw notFound();
    if (request.method !== "GET" || request.headers.get("upgrade")?.toLowerCase() !== "websocket") {
      throw new ApiFailure("upgrade_required", "This is MQTT over WebSocket", { Upgrade: "websocket" });
    }
    return await mqtt.handler(request, info);
  }

  async #call(path: string, request: Request): Promise<Response> {
    const methods = this.#routes.get(path);
    if (methods === undefined) throw notFound();
    const route = methods[methodOf(request, methods)];
    if (route === undefined) throw notFound();
    const parameters = new Parameters(new URL(request.url).search, route.parameters);
    const answer = await route.answer(parameters, request);
    return answer instanceof Response ? answer : jsonResponse(answer);
  }
}

function notFound(): ApiFailure {
  return new ApiFailure("not_found", "There is nothing here");
}

/** The method, if there is a route for it. */
function methodOf({ method }: Request, methods: Partial<Record<Method, Route>>): Method {
  const wanted = method === "HEAD" ? "GET" : method;
  if ((wanted === "GET" || wanted === "POST" || wanted === "DELETE") && methods[wanted] !== undefined) return wanted;
  throw notAllowed(Object.keys(methods));
}

function notAllowed(methods: readonly string[]): ApiFailure {
  const allowed = methods.includes("GET") ? [...methods, "HEAD"] : methods;
  return new ApiFailure("method_not_allowed", `The method must be ${allowed.join(" or ")}`, {
    Allow: allowed.join(", "),
  });
}

/** For what can only be read. */
function only(request: Request, answer: () => Response | Promise<Response>): Response | Promise<Response> {
  if (request.method === "GET" || request.method === "HEAD") return answer();
  throw notAllowed(["GET"]);
}

async function headOf(response: Response): Promise<Response> {
  await response.body?.cancel();
  return new Response(null, response);
}
