/**
 * What the table of options is made of.
 *
 * @module
 */

import type { BrokerOptions } from "../options.ts";
import type { AdminDraft } from "./admin_options.ts";
import type { ListenerPolicy } from "../listener_policy.ts";
import type { LogDestination, LogType } from "./configuration.ts";
import { ConfigurationError, type Place } from "./errors.ts";
import type { ConfigurationLine } from "./lexer.ts";
import type { ValueKind } from "./values.ts";

/** An object whose fields are still being filled in. */
export type Mutable<T> = { -readonly [K in keyof T]: T[K] };

/** What the file has said so far about the broker as a whole. */
export interface GeneralDraft {
  readonly options: Mutable<BrokerOptions>;
  /** Undefined: nothing was said, so the defaults hold. */
  logTypes?: readonly LogType[];
  logDestinations?: readonly LogDestination[];
  logTimestamp: boolean;
  logTimestampFormat?: string;
  logFacility?: number;
  readonly admin: AdminDraft;
  persistence: boolean;
  persistenceFile: string;
  persistenceLocation?: string;
  setTcpNoDelay?: boolean;
  pidFile?: string;
  user?: string;
}

/** What the file has said so far about users: for all listeners, or for one with `per_listener_settings`. */
export interface SecurityDraft {
  allowAnonymous?: boolean;
  allowZeroLengthClientId?: boolean;
  autoIdPrefix?: string;
  passwordFile?: string;
  aclFile?: string;
  jwtKeyFile?: string;
  jwtJwksUrl?: string;
  jwtIssuers?: readonly string[];
  jwtAudiences?: readonly string[];
}

/** What the file has said so far about one listener. */
export interface ListenerDraft {
  /** Undefined for the default listener, which no `listener` has opened. */
  readonly place: Place | undefined;
  port?: number;
  /** Address, name, or the path of a Unix socket. */
  host?: string;
  bindInterface?: string;
  socketDomain?: "ipv4" | "ipv6";
  protocol?: "mqtt" | "websockets";
  httpDir?: string;
  certFile?: string;
  keyFile?: string;
  caFile?: string;
  caPath?: string;
  crlFile?: string;
  dhParamFile?: string;
  ciphers?: string;
  ciphersTls13?: string;
  tlsVersion?: string;
  requireCertificate?: boolean;
  useIdentityAsUsername?: boolean;
  useSubjectAsUsername?: boolean;
  readonly policy: ListenerPolicy;
  readonly security: SecurityDraft;
  /** The options that were given, with their places. */
  readonly given: Map<string, Place>;
}

/** What is said about a `connection`. */
export interface BridgeDraft {
  readonly place: Place;
  readonly name: string;
  /** Its lines by the name of the option. */
  readonly lines: Map<string, ConfigurationLine[]>;
}

/** Where an option may stand, and to what it belongs there. */
export type Scope =
  /** Anywhere; it holds for the whole broker. */
  | "general"
  /** After `listener`, for that one; before the first one, for the default listener. */
  | "listener"
  /** After `listener`, for that one; before the first one, for all listeners. */
  | "limit"
  /** As `listener` with `per_listener_settings true`, else as `general`. */
  | "security"
  /** After `connection`. */
  | "bridge";

/** What an option does. */
export type Effect =
  /** It opens a section or steers the reading itself. */
  | { readonly kind: "structure" }
  | { readonly kind: "general"; apply(draft: GeneralDraft, line: ConfigurationLine): void }
  | { readonly kind: "listener"; apply(draft: ListenerDraft, line: ConfigurationLine): void }
  | { readonly kind: "limit"; apply(limits: ListenerPolicy, line: ConfigurationLine): void }
  | { readonly kind: "security"; apply(draft: SecurityDraft, line: ConfigurationLine): void }
  /** Kept for whoever runs the connection, as `checked` returns it. */
  | { readonly kind: "bridge"; checked(line: ConfigurationLine): ConfigurationLine }
  /** Nothing, and nobody is worse off: a warning says why. */
  | { readonly kind: "ignored"; readonly why: string }
  /** To go on without it would open a hole: an error says what to use instead. */
  | { readonly kind: "refused"; readonly instead: string };

/** One row of the table. */
export interface Option {
  readonly name: string;
  readonly scope: Scope;
  /** What the value must be. */
  readonly expected: string;
  /** Whether it may be given once only. */
  readonly once: boolean;
  readonly effect: Effect;
}

/**
 * Reads the value of a line. Where Mosquitto reads one word, a comment may stand behind it, as it does not look further.
 * Throws {@linkcode ConfigurationError} if it is not of that kind.
 */
export function valueOf<T>(line: ConfigurationLine, kind: ValueKind<T>): T {
  const value = line.value === "" ? undefined : kind.parse(line.value) ?? kind.parse(withoutComment(line.value));
  if (value !== undefined) return value;
  const received = line.value === "" ? "nothing" : JSON.stringify(line.value);
  throw ConfigurationError.at(line, `${line.name} must be ${kind.expected}, received ${received}`);
}

/** The value, if it is a word, without the comment behind it. */
export function withoutComment(value: string): string {
  return value.replace(/^(\S+)\s+#.*$/, "$1");
}

/** Whether a second line would contradict the first one: texts and paths, as Mosquitto sees it. */
function isOnce(kind: ValueKind<unknown>): boolean {
  return /^(a text|a path|the beginning)/.test(kind.expected);
}

/** An option that holds for the whole broker. */
export function general<T>(
  name: string,
  kind: ValueKind<T>,
  apply: (draft: GeneralDraft, value: T, line: ConfigurationLine) => void,
): Option {
  return {
    name,
    scope: "general",
    expected: kind.expected,
    once: isOnce(kind),
    effect: { kind: "general", apply: (draft, line) => apply(draft, valueOf(line, kind), line) },
  };
}

/** An option of one listener. */
export function listener<T>(
  name: string,
  kind: ValueKind<T>,
  apply: (draft: ListenerDraft, value: T, line: ConfigurationLine) => void,
): Option {
  return {
    name,
    scope: "listener",
    expected: kind.expected,
    once: isOnce(kind),
    effect: { kind: "listener", apply: (draft, line) => apply(draft, valueOf(line, kind), line) },
  };
}

/** A limit, of one listener or all of them. */
export function listenerLimit(
  name: string,
  kind: ValueKind<number>,
  apply: (limits: ListenerPolicy, value: number) => void,
): Option {
  return {
    name,
    scope: "limit",
    expected: kind.expected,
    once: false,
    effect: { kind: "limit", apply: (limits, line) => apply(limits, valueOf(line, kind)) },
  };
}

/** An option about users, of one listener or all of them. */
export function security<T>(
  name: string,
  kind: ValueKind<T>,
  apply: (draft: SecurityDraft, value: T) => void,
): Option {
  return {
    name,
    scope: "security",
    expected: kind.expected,
    once: isOnce(kind),
    effect: { kind: "security", apply: (draft, line) => apply(draft, valueOf(line, kind)) },
  };
}

/** An option of a connection to another broker. */
export function bridge<T>(name: string, kind: ValueKind<T>): Option {
  const checked = (line: ConfigurationLine) => {
    valueOf(line, kind);
    return kind.parse(line.value) === undefined ? { ...line, value: withoutComment(line.value) } : line;
  };
  return { name, scope: "bridge", expected: kind.expected, once: false, effect: { kind: "bridge", checked } };
}

/** An option that opens a section or steers the reading. */
export function structure(name: string, expected: string, scope: Scope = "general"): Option {
  return { name, scope, expected, once: false, effect: { kind: "structure" } };
}

/** An option that does nothing here; `why` says what happens instead. */
export function ignored(name: string, scope: Scope, why: string): Option {
  return { name, scope, expected: "anything", once: false, effect: { kind: "ignored", why } };
}

/** An option that cannot be honoured and must not be ignored; `instead` says what to use. */
export function refused(name: string, scope: Scope, instead: string): Option {
  return { name, scope, expected: "nothing", once: false, effect: { kind: "refused", instead } };
}
