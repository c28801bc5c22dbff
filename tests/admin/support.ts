/**
 * A broker with an admin handler for tests, asked without a network.
 *
 * @module
 */

import { assertEquals } from "@std/assert";
import type { ApiError } from "../../broker/admin/api.ts";
import { type AdminOptions, createAdminHandler } from "../../broker/admin/mod.ts";
import type { BrokerOptions } from "../../broker/mod.ts";
import { type BrokerTest, withBroker } from "../support/broker.ts";

/** Where requests say that they go. */
export const ORIGIN = "http://localhost:9001";

/** How a request differs from a plain GET. */
export interface AskOptions {
  readonly method?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: BodyInit;
  /** Sent as JSON. */
  readonly json?: unknown;
  /** Where it comes from. Default `127.0.0.1`. */
  readonly from?: string;
}

/** What a test body gets from {@linkcode withAdmin}. */
export interface AdminTest extends BrokerTest {
  /** Sends a request. */
  ask(path: string, options?: AskOptions): Promise<Response>;
  /** What a route of the API answers, which must be status 200 and JSON. */
  // deno-lint-ignore no-explicit-any -- tests look at answers field by field
  get(path: string, options?: AskOptions): Promise<any>;
  /** The error that a request is refused with. */
  refused(path: string, status: number, options?: AskOptions): Promise<ApiError>;
}

/** Options of the handler, and of the broker. */
export interface AdminTestOptions extends Omit<AdminOptions, "broker"> {
  readonly brokerOptions?: BrokerOptions;
}

/** A test body for `Deno.test` with a fresh broker and a handler that looks at it. */
export function withAdmin(
  { brokerOptions = {}, ...options }: AdminTestOptions,
  body: (test: AdminTest) => Promise<void>,
): () => Promise<void> {
  return withBroker(brokerOptions, async (test) => {
    using admin = createAdminHandler({ ...options, broker: test.broker });
    const ask = (path: string, { headers = {}, method, body, json, from = "127.0.0.1" }: AskOptions = {}) => {
      const request = new Request(`${ORIGIN}${path}`, {
        method,
        headers: json === undefined ? headers : { "content-type": "application/json", ...headers },
        body: json === undefined ? body : JSON.stringify(json),
      });
      return admin.handle(request, { remoteAddr: { transport: "tcp", hostname: from } });
    };
    await body({
      ...test,
      ask,
      async get(path, askOptions) {
        const response = await ask(`/api/v1/${path}`, askOptions);
        const text = await response.text();
        assertEquals(response.status, 200, text);
        assertEquals(response.headers.get("content-type"), "application/json; charset=utf-8");
        return JSON.parse(text);
      },
      async refused(path, status, askOptions) {
        const response = await ask(path, askOptions);
        const text = await response.text();
        assertEquals(response.status, status, `${path}: ${text}`);
        assertEquals(response.headers.get("content-type"), "application/json; charset=utf-8");
        return JSON.parse(text);
      },
    });
  });
}
