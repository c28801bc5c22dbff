/**
 * What a token says, and whether it says it to us and now.
 *
 * @module
 */

import { isTopicFilter } from "../../codec/topic.ts";
import type { Acceptance, ConnectRequest, Permissions } from "../hooks.ts";

/** What the claims of a token must be. */
export interface ClaimOptions {
  /** Who must have issued the token (`iss`); one of these. Default: anybody who has the key. */
  readonly issuer?: string | readonly string[];
  /** Whom the token must be for (`aud`); one of these. Default: anybody. */
  readonly audience?: string | readonly string[];
  /** Seconds by which clocks may differ, 0 to 600. Default 30. */
  readonly leeway?: number;
  /** Whether a token must have an end (`exp`). Default true. */
  readonly requireExpiry?: boolean;
  /** Claim with the user name. Default `sub`. A client that gives another user name is refused. */
  readonly usernameClaim?: string;
  /** Claim with the client identifier that the token is for. Default: for any. */
  readonly clientIdClaim?: string;
  /** Claim with an array of the topic filters within which the client may publish. Default `publ`. */
  readonly publishClaim?: string;
  /** Claim with an array of the topic filters within which the client may subscribe. Default `subs`. */
  readonly subscribeClaim?: string;
}

/** Topic filters in one claim. */
const MAX_FILTERS = 1_000;

/** What follows from the claims for a client; a text says why it is refused. `now` is in milliseconds. */
export function judgeClaims(
  claims: Record<string, unknown>,
  options: ClaimOptions,
  request: ConnectRequest,
  now: number,
): Acceptance | string {
  const problem = problemWithTime(claims, options, now) ?? problemWithParties(claims, options) ??
    problemWithClient(claims, options, request);
  if (problem !== undefined) return problem;
  const permissions = permissionsOf(claims, options);
  if (typeof permissions === "string") return permissions;
  const { exp } = claims;
  return {
    username: String(claims[options.usernameClaim ?? "sub"]),
    expiresAt: typeof exp === "number" ? (exp + leewayOf(options)) * 1000 : undefined,
    permissions,
  };
}

function leewayOf({ leeway = 30 }: ClaimOptions): number {
  return leeway;
}

function problemWithTime(
  { exp, nbf }: Record<string, unknown>,
  options: ClaimOptions,
  now: number,
): string | undefined {
  const leeway = leewayOf(options);
  const seconds = now / 1000;
  if (exp === undefined) {
    if (options.requireExpiry ?? true) return "the token must have an end (exp)";
  } else if (typeof exp !== "number" || !Number.isFinite(exp)) return "exp must be a number";
  else if (exp + leeway <= seconds) return "the token has expired";
  if (nbf === undefined) return undefined;
  if (typeof nbf !== "number") return "nbf must be a number";
  return nbf - leeway > seconds ? "the token is not valid yet" : undefined;
}

function problemWithParties({ iss, aud }: Record<string, unknown>, options: ClaimOptions): string | undefined {
  const { issuer, audience } = options;
  if (issuer !== undefined && !(typeof iss === "string" && listOf(issuer).includes(iss))) {
    return "the token is not of the expected issuer";
  }
  if (audience === undefined) return undefined;
  const audiences: unknown[] = Array.isArray(aud) ? aud : [aud];
  const expected = listOf(audience);
  const isOurs = audiences.some((one) => typeof one === "string" && expected.includes(one));
  return isOurs ? undefined : "the token is for another audience";
}

function problemWithClient(
  claims: Record<string, unknown>,
  { usernameClaim = "sub", clientIdClaim }: ClaimOptions,
  { username, clientId }: ConnectRequest,
): string | undefined {
  const name = claims[usernameClaim];
  if (typeof name !== "string" || name === "") return `the token must have a user name (${usernameClaim})`;
  if (username !== undefined && username !== name) return "the token is of another user";
  if (clientIdClaim === undefined || claims[clientIdClaim] === clientId) return undefined;
  return "the token is for another client identifier";
}

/** A token that limits one of both allows nothing of the other. */
function permissionsOf(
  claims: Record<string, unknown>,
  { publishClaim = "publ", subscribeClaim = "subs" }: ClaimOptions,
): Permissions | undefined | string {
  const publish = filtersOf(claims[publishClaim]);
  const subscribe = filtersOf(claims[subscribeClaim]);
  if (publish === "wrong") return `${publishClaim} must be an array of topic filters`;
  if (subscribe === "wrong") return `${subscribeClaim} must be an array of topic filters`;
  if (publish === undefined && subscribe === undefined) return undefined;
  return { publish: publish ?? [], subscribe: subscribe ?? [] };
}

function filtersOf(claim: unknown): readonly string[] | undefined | "wrong" {
  if (claim === undefined) return undefined;
  if (!Array.isArray(claim) || claim.length > MAX_FILTERS) return "wrong";
  const filters = claim.filter((filter) =>
    typeof filter === "string" && isTopicFilter(filter) && !filter.startsWith("$share/")
  );
  return filters.length === claim.length ? filters : "wrong";
}

function listOf(value: string | readonly string[]): readonly string[] {
  return typeof value === "string" ? [value] : value;
}
