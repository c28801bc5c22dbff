/**
 * Responses, with the headers that keep a browser from doing more with them than it should.
 *
 * @module
 */

import type { ApiError } from "./api.ts";
import type { ApiFailure } from "./failure.ts";

/** For all responses: nothing is guessed, framed, or told to other sites. */
const HEADERS: Readonly<Record<string, string>> = {
  "X-Content-Type-Options": "nosniff",
  "Referrer-Policy": "no-referrer",
  "X-Frame-Options": "DENY",
  "Cross-Origin-Resource-Policy": "same-origin",
  "Cross-Origin-Opener-Policy": "same-origin",
};

/** For what is no page: if it is opened as one, it can do nothing. */
const NOTHING = "default-src 'none'; frame-ancestors 'none'";

/** For the page: its own files, and connections to where it came from. */
const PAGE = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "img-src 'self' data:",
  "font-src 'self'",
  "connect-src 'self'",
  "manifest-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
  "require-trusted-types-for 'script'",
].join("; ");

/** A response whose content is data, never kept by a cache. */
export function dataResponse(
  body: BodyInit | null,
  contentType: string,
  status: number = 200,
  headers: Readonly<Record<string, string>> = {},
): Response {
  return new Response(body, {
    status,
    headers: {
      ...HEADERS,
      "Content-Type": contentType,
      "Content-Security-Policy": NOTHING,
      "Cache-Control": "no-store",
      ...headers,
    },
  });
}

/** A response in JSON. */
export function jsonResponse(
  value: unknown,
  status: number = 200,
  headers: Readonly<Record<string, string>> = {},
): Response {
  return dataResponse(JSON.stringify(value), "application/json; charset=utf-8", status, headers);
}

/** The response that tells of a failure. */
export function failureResponse({ status, code, message, headers }: ApiFailure): Response {
  const body: ApiError = { error: code, message };
  return jsonResponse(body, status, headers);
}

/** A file of the page as it was bundled. */
export interface PageAsset {
  /** E.g. `text/html; charset=utf-8`. */
  readonly contentType: string;
  /** Its text. */
  readonly body: string;
  /** An entity tag in quotes, which changes with the text. */
  readonly etag: string;
}

/** A file of the page; only that it has not changed, if the browser has it already. */
export function assetResponse({ contentType, body, etag }: PageAsset, request: Request): Response {
  const known = (request.headers.get("if-none-match") ?? "").split(",").map((tag) => tag.trim().replace(/^W\//, ""));
  const isKnown = known.includes(etag) || known.includes("*");
  return new Response(isKnown ? null : body, {
    status: isKnown ? 304 : 200,
    headers: {
      ...HEADERS,
      "Content-Type": contentType,
      "Content-Security-Policy": PAGE,
      "Cache-Control": "no-cache",
      "ETag": etag,
    },
  });
}
