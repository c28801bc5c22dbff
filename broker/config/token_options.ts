/**
 * Options about JSON Web Tokens as passwords, which Mosquitto does not have.
 *
 * @module
 */

import type { TokenConfiguration } from "./configuration.ts";
import { ConfigurationError, type Place } from "./errors.ts";
import { type Option, security, type SecurityDraft } from "./option.ts";
import { path, text, type ValueKind } from "./values.ts";

/** Whose tokens are taken. Several lines about issuer or audience: one of them is enough. */
export const TOKEN_OPTIONS: readonly Option[] = [
  security("jwt_key_file", path, (draft, value) => draft.jwtKeyFile = value),
  security("jwt_jwks_url", keySetUrl(), (draft, value) => draft.jwtJwksUrl = value),
  {
    ...security("jwt_issuer", text, (draft, value) => draft.jwtIssuers = [...draft.jwtIssuers ?? [], value]),
    once: false,
  },
  {
    ...security("jwt_audience", text, (draft, value) => draft.jwtAudiences = [...draft.jwtAudiences ?? [], value]),
    once: false,
  },
];

/** What a listener does with tokens; undefined for nothing. Throws {@linkcode ConfigurationError}. */
export function tokensOf(
  { jwtKeyFile, jwtJwksUrl, jwtIssuers = [], jwtAudiences = [] }: SecurityDraft,
  placeOf: (name: string) => Place,
): TokenConfiguration | undefined {
  if (jwtKeyFile !== undefined && jwtJwksUrl !== undefined) {
    throw ConfigurationError.at(
      placeOf("jwt_jwks_url"),
      "jwt_jwks_url must stand without jwt_key_file, received both",
    );
  }
  const options = { issuers: jwtIssuers, audiences: jwtAudiences };
  if (jwtKeyFile !== undefined) return { keys: { kind: "file", path: jwtKeyFile }, ...options };
  if (jwtJwksUrl !== undefined) return { keys: { kind: "url", url: jwtJwksUrl }, ...options };
  for (const [name, values] of [["jwt_issuer", jwtIssuers], ["jwt_audience", jwtAudiences]] as const) {
    if (values.length === 0) continue;
    throw ConfigurationError.at(
      placeOf(name),
      `${name} must stand with jwt_key_file or jwt_jwks_url, received neither`,
    );
  }
  return undefined;
}

/** Who can change keys on their way can sign tokens. */
function keySetUrl(): ValueKind<string> {
  return {
    expected: "a text that begins with https:// (http:// for this machine)",
    parse(value) {
      const url = URL.canParse(value) ? new URL(value) : undefined;
      const isLocal = ["localhost", "127.0.0.1", "[::1]"].includes(url?.hostname ?? "");
      return url?.protocol === "https:" || (url?.protocol === "http:" && isLocal) ? value : undefined;
    },
  };
}
