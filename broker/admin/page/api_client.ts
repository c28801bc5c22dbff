/**
 * Requests to the admin API.
 *
 * @module
 */

import type { ApiError, ApiErrorCode, BridgeList, BrokerInfo, Done, Page, ReloadResult, Ticket } from "../api.ts";
import type {
  ClientDetails,
  ClientQuery,
  ClientSummary,
  DisconnectRequest,
  SessionQuery,
  SessionSummary,
  SubscriptionQuery,
  SubscriptionSummary,
} from "../api_clients.ts";
import type { RetainedQuery, RetainedSummary, TopicDetails, TopicPage, TopicQuery } from "../api_topics.ts";

/** What can be read: parameters and answers. */
interface Readable {
  info: { query: object; answer: BrokerInfo };
  clients: { query: ClientQuery; answer: Page<ClientSummary> };
  client: { query: { id: string }; answer: ClientDetails };
  sessions: { query: SessionQuery; answer: Page<SessionSummary> };
  subscriptions: { query: SubscriptionQuery; answer: Page<SubscriptionSummary> };
  topics: { query: TopicQuery; answer: TopicPage };
  topic: { query: { topic: string }; answer: TopicDetails };
  retained: { query: RetainedQuery; answer: Page<RetainedSummary> };
  bridges: { query: object; answer: BridgeList };
}

/** What can be asked to be done. */
interface Doable {
  "client/disconnect": { body: DisconnectRequest; answer: Done };
  reload: { body: undefined; answer: ReloadResult };
  tickets: { body: undefined; answer: Ticket };
}

/** What can be deleted. */
interface Deletable {
  session: { id: string };
  "retained/message": { topic: string };
}

/** What the broker answered instead of what was asked for. */
export class RefusedError extends Error {
  /** What was wrong, for programs. */
  readonly code: ApiErrorCode;

  constructor({ error, message }: ApiError) {
    super(message);
    this.code = error;
  }
}

/** Where the token is kept: as long as the tab is open, and for this tab alone. */
const TOKEN = "token";
/** Longest wait for an answer, in milliseconds. */
const TIMEOUT = 15_000;

/** The admin API of the broker that this page comes from. */
export class ApiClient {
  readonly #askForToken: (wasWrong: boolean) => Promise<string>;
  /** The question that is open, so that many refused requests ask but once. */
  #asking: Promise<void> | undefined;

  /** `askForToken` is called when the broker wants another token than the one that is there. */
  constructor(askForToken: (wasWrong: boolean) => Promise<string>) {
    this.#askForToken = askForToken;
  }

  /** Reads. */
  async get<Path extends keyof Readable>(
    path: Path,
    query: Readable[Path]["query"],
    signal?: AbortSignal,
  ): Promise<Readable[Path]["answer"]> {
    const response = await this.#request("GET", `${path}${search(query)}`, timed(signal));
    return await response.json();
  }

  /** Asks for something to be done. */
  async post<Path extends keyof Doable>(path: Path, body: Doable[Path]["body"]): Promise<Doable[Path]["answer"]> {
    const response = await this.#request("POST", path, timed(), body === undefined ? undefined : JSON.stringify(body));
    return await response.json();
  }

  /** Deletes. */
  async delete<Path extends keyof Deletable>(path: Path, query: Deletable[Path]): Promise<void> {
    await this.#request("DELETE", `${path}${search(query)}`, timed());
  }

  /** Opens the stream of events; `topics`: let the broker record last values meanwhile. */
  async events(topics: boolean, signal: AbortSignal): Promise<ReadableStream<Uint8Array<ArrayBuffer>>> {
    const { body } = await this.#request("GET", `events${topics ? "?topics=true" : ""}`, signal);
    return body ?? new ReadableStream({ start: (controller) => controller.close() });
  }

  async #request(method: string, target: string, signal: AbortSignal, body?: string): Promise<Response> {
    while (true) {
      const token = sessionStorage.getItem(TOKEN);
      const headers = new Headers();
      if (token !== null) headers.set("authorization", `Bearer ${token}`);
      if (body !== undefined) headers.set("content-type", "application/json");
      const response = await reach(`/api/v1/${target}`, { method, headers, body, signal, cache: "no-store" });
      if (response.ok) return response;
      if (response.status !== 401) throw new RefusedError(await apiError(response));
      await response.body?.cancel();
      // Another request may have got a new one meanwhile.
      if (token === sessionStorage.getItem(TOKEN)) await this.#newToken(token !== null);
      signal.throwIfAborted();
    }
  }

  /** However many requests need a token, it is asked for once, and tried by one request: wrong ones are counted. */
  #newToken(wasWrong: boolean): Promise<void> {
    this.#asking ??= this.#askUntilTaken(wasWrong).finally(() => {
      this.#asking = undefined;
    });
    return this.#asking;
  }

  async #askUntilTaken(wasWrong: boolean): Promise<void> {
    let status = 401;
    for (let again = wasWrong; status === 401; again = true) {
      const token = await this.#askForToken(again);
      const response = await reach("/api/v1/info", { headers: { authorization: `Bearer ${token}` }, signal: timed() });
      await response.body?.cancel();
      status = response.status;
      sessionStorage.setItem(TOKEN, token);
    }
  }
}

/** Browsers do not say what went wrong. */
async function reach(target: string, init: RequestInit): Promise<Response> {
  try {
    return await fetch(target, init);
  } catch (error) {
    if (error instanceof TypeError) throw new Error("The broker cannot be reached.", { cause: error });
    throw error;
  }
}

/** The parameters that have a value, as a query. */
function search(query: object): string {
  const parameters = new URLSearchParams();
  for (const [name, value] of Object.entries(query)) {
    if (value !== undefined) parameters.set(name, String(value));
  }
  return parameters.size === 0 ? "" : `?${parameters}`;
}

function timed(signal?: AbortSignal): AbortSignal {
  const timeout = AbortSignal.timeout(TIMEOUT);
  return signal === undefined ? timeout : AbortSignal.any([signal, timeout]);
}

/** What a proxy in between answers is no error of the API. */
async function apiError(response: Response): Promise<ApiError> {
  try {
    const error: ApiError = await response.json();
    if (typeof error.message === "string") return error;
  } catch {
    // No JSON: the status says all that can be known.
  }
  return { error: "internal", message: `The server answered ${response.status} ${response.statusText}`.trim() };
}
