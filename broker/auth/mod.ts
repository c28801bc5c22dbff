/**
 * Users and access: hooks for a broker, ready-made. Each function gives an object whose properties have the names of
 * hooks, so that it can be spread into the options of a `Broker`.
 *
 * @module
 */

export { type AccessControl, accessControl, type AccessControlOptions } from "./access_control.ts";
export { AuthFileError } from "./file_error.ts";
export { type PasswordFile, passwordFile, type PasswordFileOptions } from "./password_file.ts";
export { type Scram, scram, type ScramCredentials, type ScramLookup, type ScramOptions } from "./scram.ts";
export { type Jwt, jwt, type JwtKeys, type JwtOptions } from "./jwt.ts";
export type { KeySetUrl } from "./jwks.ts";
export type { ClaimOptions } from "./jwt_claims.ts";
export { combineHooks } from "./combine.ts";
