/**
 * What goes wrong with a request.
 *
 * @module
 */

import type { ApiErrorCode } from "./api.ts";

const STATUS: Readonly<Record<ApiErrorCode, number>> = {
  bad_request: 400,
  unauthorized: 401,
  forbidden: 403,
  not_found: 404,
  method_not_allowed: 405,
  conflict: 409,
  too_large: 413,
  unsupported_media_type: 415,
  upgrade_required: 426,
  too_many_requests: 429,
  internal: 500,
  unavailable: 503,
};

/** A request that is refused, with the reason that its sender is told. */
export class ApiFailure extends Error {
  override readonly name = "ApiFailure";

  /** `headers` go into the response. */
  constructor(
    readonly code: ApiErrorCode,
    message: string,
    readonly headers: Readonly<Record<string, string>> = {},
  ) {
    super(message);
  }

  /** The status of the response. */
  get status(): number {
    return STATUS[this.code];
  }
}
