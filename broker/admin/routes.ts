/**
 * What can be asked for, and who answers.
 *
 * @module
 */

import type { BrokerInfo, StoreInfo } from "./api.ts";
import { listBridges } from "./bridges.ts";
import {
  CLIENT_PARAMETERS,
  deleteSession,
  disconnectClient,
  listClients,
  listSessions,
  SESSION_PARAMETERS,
  showClient,
} from "./clients.ts";
import type { EventStream } from "./events.ts";
import { ApiFailure } from "./failure.ts";
import type { AdminOptions } from "./options.ts";
import type { Parameters } from "./parameters.ts";
import type { Recorder } from "./recorder.ts";
import { deleteRetained, listRetained, RETAINED_PARAMETERS, showRetained } from "./retained.ts";
import { stateOf } from "./sampler.ts";
import { listSubscriptions, SUBSCRIPTION_PARAMETERS } from "./subscriptions.ts";
import type { Tickets } from "./tickets.ts";
import { listTopics, showTopic, TOPIC_PARAMETERS } from "./topics.ts";
import { VERSION } from "../version.ts";

const MOST_LOG_LINES = 1_000;
const USUAL_LOG_LINES = 200;

/** What the routes work with. */
export interface RouteContext {
  readonly options: AdminOptions;
  readonly recorder: Recorder;
  readonly events: EventStream;
  readonly tickets: Tickets;
}

/** The methods of the API. */
export type Method = "GET" | "POST" | "DELETE";

/** Answers one method of one path. */
export interface Route {
  /** Names of the parameters that it takes. */
  readonly parameters: readonly string[];
  /** What it answers: a response, or what is to be told in JSON. */
  answer(parameters: Parameters, request: Request): unknown;
}

/** All routes by path, without `/api/v1/`, and method. */
export type Routes = ReadonlyMap<string, Partial<Record<Method, Route>>>;

/** The routes of the API. */
export function routesOf(context: RouteContext): Routes {
  const { options, recorder, events, tickets } = context;
  const { broker, log, reload } = options;
  return new Map<string, Partial<Record<Method, Route>>>([
    ["info", { GET: route([], () => infoOf(options)) }],
    ["clients", { GET: route(CLIENT_PARAMETERS, (parameters) => listClients(broker, parameters)) }],
    ["client", { GET: route(["id"], (parameters) => showClient(broker, parameters)) }],
    ["client/disconnect", { POST: route([], (_, request) => disconnectClient(broker, request)) }],
    ["sessions", { GET: route(SESSION_PARAMETERS, (parameters) => listSessions(broker, parameters)) }],
    ["session", { DELETE: route(["id"], (parameters) => deleteSession(broker, parameters)) }],
    ["subscriptions", { GET: route(SUBSCRIPTION_PARAMETERS, (parameters) => listSubscriptions(broker, parameters)) }],
    ["topics", { GET: route(TOPIC_PARAMETERS, (parameters) => listTopics(broker, recorder, parameters)) }],
    ["topic", { GET: route(["topic"], (parameters) => showTopic(broker, recorder, parameters)) }],
    ["retained", { GET: route(RETAINED_PARAMETERS, (parameters) => listRetained(broker, parameters)) }],
    ["retained/message", {
      GET: route(["topic"], (parameters) => showRetained(broker, parameters)),
      DELETE: route(["topic"], (parameters) => deleteRetained(broker, parameters)),
    }],
    ["bridges", { GET: route([], () => listBridges(broker)) }],
    ["reload", { POST: route([], () => reloaded(reload)) }],
    ["log", {
      GET: route(["limit"], (parameters) => {
        const limit = parameters.whole("limit", 1, MOST_LOG_LINES, USUAL_LOG_LINES);
        return { lines: log?.tail(limit) ?? [] };
      }),
    }],
    ["events", { GET: route(["topics"], (parameters) => events.watch(parameters.flag("topics"))) }],
    ["tickets", { POST: route([], () => tickets.issue()) }],
  ]);
}

function route(parameters: readonly string[], answer: Route["answer"]): Route {
  return { parameters, answer };
}

function reloaded(reload: AdminOptions["reload"]) {
  if (reload !== undefined) return reload();
  throw new ApiFailure("conflict", "There is nothing to read again: the broker was started without a file");
}

function infoOf({ broker, token, listeners, log, reload, mqtt }: AdminOptions): BrokerInfo {
  const { dropped, refused, limits } = broker.counts();
  return {
    name: "@x/mqtt",
    version: VERSION,
    startedAt: broker.inspection.startedAt,
    now: broker.inspection.now(),
    listeners: listeners?.() ?? [],
    counts: stateOf(broker),
    dropped: { ...dropped },
    refused: { ...refused },
    limits: { ...limits },
    store: storeOf(broker),
    features: {
      token: token !== undefined,
      reload: reload !== undefined,
      log: log !== undefined,
      mqtt: mqtt?.user ?? null,
    },
  };
}

function storeOf({ inspection }: AdminOptions["broker"]): StoreInfo | null {
  const { isStoreWritable } = inspection;
  if (isStoreWritable === undefined) return null;
  const { commits, storeFailures } = inspection.metrics();
  return { writable: isStoreWritable, commits: commits.count, failures: storeFailures, commitTime: commits.sum };
}
