/**
 * What the files have said, with Mosquitto's defaults filled in and the parts checked against each other.
 *
 * @module
 */

import type {
  BridgeConfiguration,
  Configuration,
  ListenerAddress,
  ListenerConfiguration,
  LogConfiguration,
  TlsConfiguration,
} from "./configuration.ts";
import { isIPv4 } from "../ip_address.ts";
import { adminOf } from "./admin_options.ts";
import type { Draft } from "./draft.ts";
import { finishBridge } from "./finish_bridge.ts";
import { ConfigurationError, type Place } from "./errors.ts";
import type { ListenerDraft, SecurityDraft } from "./option.ts";
import { tokensOf } from "./token_options.ts";

const DEFAULT_PORT = 1883;
const LARGEST_PACKET = 268_435_460;

/** Builds the configuration. Throws {@linkcode ConfigurationError} for parts that contradict each other. */
export function finish(draft: Draft, file: string, localPorts: readonly number[]): Configuration {
  const opened = [...draft.listeners];
  const reason = reasonForDefault(draft.defaultListener);
  if (reason !== undefined) opened.push(draft.defaultListener);
  if (reason !== undefined && draft.listeners.length > 0) {
    const { name, place } = reason;
    const port = draft.defaultListener.port ?? DEFAULT_PORT;
    draft.warn(place, `${name} stands before the first listener, and opens one more on port ${port}`);
  }
  const isLocalOnly = opened.length === 0;
  const bridges: BridgeConfiguration[] = [];
  for (const bridge of draft.bridges) draft.attempt(() => bridges.push(finishBridge(draft, bridge, bridges)));
  const listeners: ListenerConfiguration[] = [];
  if (isLocalOnly) listeners.push(...localPorts.flatMap((port) => localListeners(draft, file, port)));
  for (const listener of opened) {
    draft.attempt(() => {
      const finished = finishListener(draft, listener, file);
      assertOwnAddress(finished, listeners);
      listeners.push(finished);
    });
  }
  const { general } = draft;
  return {
    options: {
      maxInflightMessages: 20,
      receiveMaximum: 20,
      maxPacketSize: LARGEST_PACKET,
      maxQueuedBytes: Infinity,
      ...general.options,
    },
    listeners,
    isLocalOnly,
    log: logOf(draft),
    persistence: {
      enabled: general.persistence,
      location: general.persistenceLocation,
      file: general.persistenceFile,
    },
    setTcpNoDelay: general.setTcpNoDelay,
    pidFile: general.pidFile,
    user: general.user,
    bridges,
    admin: adminOf(draft, file),
    warnings: draft.warnings,
  };
}

function logOf({ general }: Draft): LogConfiguration {
  return {
    destinations: general.logDestinations,
    types: general.logTypes ?? ["error", "warning", "notice", "information"],
    timestamp: general.logTimestamp,
    timestampFormat: general.logTimestampFormat,
    facility: general.logFacility,
  };
}

/** Options that make Mosquitto open the default listener, and from which value on. */
function reasonForDefault(listener: ListenerDraft): { readonly name: string; readonly place: Place } | undefined {
  const { policy, security } = listener;
  const reasons: readonly (readonly [name: string, holds: boolean])[] = [
    ["port", listener.port !== undefined],
    ["bind_address", listener.host !== undefined],
    ["bind_interface", listener.bindInterface !== undefined],
    ["socket_domain", listener.socketDomain !== undefined],
    ["protocol", listener.protocol === "websockets"],
    ["cafile", listener.caFile !== undefined],
    ["capath", listener.caPath !== undefined],
    ["certfile", listener.certFile !== undefined],
    ["keyfile", listener.keyFile !== undefined],
    ["crlfile", listener.crlFile !== undefined],
    ["ciphers", listener.ciphers !== undefined],
    ["ciphers_tls1.3", listener.ciphersTls13 !== undefined],
    ["dhparamfile", listener.dhParamFile !== undefined],
    ["require_certificate", listener.requireCertificate === true],
    ["use_identity_as_username", listener.useIdentityAsUsername === true],
    ["use_subject_as_username", listener.useSubjectAsUsername === true],
    ["use_username_as_clientid", policy.useUsernameAsClientId === true],
    ["max_connections", (policy.maxConnections ?? Infinity) < Infinity],
    ["max_qos", (policy.maximumQoS ?? 2) < 2 && listener.given.has("max_qos")],
    ["maximum_qos", (policy.maximumQoS ?? 2) < 2],
    ["password_file", security.passwordFile !== undefined],
    ["jwt_key_file", security.jwtKeyFile !== undefined],
    ["jwt_jwks_url", security.jwtJwksUrl !== undefined],
    ["allow_zero_length_clientid", security.allowZeroLengthClientId === false],
  ];
  const name = reasons.find(([, holds]) => holds)?.[0];
  if (name === undefined) return undefined;
  return { name, place: listener.given.get(name) ?? { file: "", line: 0 } };
}

/** Without any listener, only this machine can connect, and anonymously unless the file says no. */
function localListeners(draft: Draft, file: string, port: number): ListenerConfiguration[] {
  const listener = draft.defaultListener;
  const finished = finishListener(draft, listener, file);
  const allowed = securityOf(draft, listener).allowAnonymous ?? true;
  return ["127.0.0.1", "::1"].map((hostname) => ({
    ...finished,
    policy: { ...finished.policy, allowAnonymous: allowed },
    security: { ...finished.security, allowAnonymous: allowed },
    address: { kind: "tcp", port, hostname, family: undefined, bindInterface: undefined },
  }));
}

function securityOf(draft: Draft, listener: ListenerDraft): SecurityDraft {
  return draft.perListenerSettings ? listener.security : draft.security;
}

function finishListener(draft: Draft, listener: ListenerDraft, file: string): ListenerConfiguration {
  const place = listener.place ?? [...listener.given.values()][0] ?? { file, line: 0 };
  const security = securityOf(draft, listener);
  const seen = draft.perListenerSettings ? listener.given : draft.seen;
  const { allowAnonymous = false, allowZeroLengthClientId = true, autoIdPrefix = "auto-" } = security;
  const { protocol = "mqtt", httpDir } = listener;
  if (httpDir !== undefined && protocol === "mqtt") {
    const at = listener.given.get("http_dir") ?? place;
    draft.warn(at, "http_dir does nothing here: it is for a listener with protocol websockets");
  }
  return {
    place,
    address: addressOf(listener, place),
    protocol,
    httpDir,
    tls: tlsOf(draft, listener, place),
    policy: {
      ...draft.limits,
      ...listener.policy,
      allowAnonymous,
      allowZeroLengthClientId,
      autoIdPrefix,
      emptyUsernameIsNone: true,
      usernameFrom: usernameFrom(listener),
    },
    security: {
      allowAnonymous,
      passwordFile: security.passwordFile,
      aclFile: security.aclFile,
      tokens: tokensOf(security, (name) => seen.get(name) ?? place),
    },
  };
}

/** The settings of one of them would hold for the clients of both. */
function assertOwnAddress({ address, place }: ListenerConfiguration, others: readonly ListenerConfiguration[]): void {
  const wanted = JSON.stringify(address);
  const other = others.find((one) => JSON.stringify(one.address) === wanted);
  if (other === undefined) return;
  const { file, line } = other.place;
  throw ConfigurationError.at(place, `listener must have an address of its own, received that of ${file}:${line}`);
}

/** The identity goes first where both are set. */
function usernameFrom(listener: ListenerDraft): "identity" | "subject" | undefined {
  if (listener.useIdentityAsUsername) return "identity";
  return listener.useSubjectAsUsername ? "subject" : undefined;
}

function addressOf(listener: ListenerDraft, place: Place): ListenerAddress {
  const { port = DEFAULT_PORT, host, socketDomain, bindInterface } = listener;
  if (port !== 0) {
    assertFamily(listener, place);
    return { kind: "tcp", port, hostname: host, family: socketDomain, bindInterface };
  }
  if (host === undefined) throw ConfigurationError.at(place, "listener 0 must have the path of a Unix socket");
  return { kind: "unix", path: host };
}

/** Nobody could come in. */
function assertFamily({ host = "", socketDomain, given }: ListenerDraft, place: Place): void {
  const family = host.includes(":") ? "ipv6" : isIPv4(host) ? "ipv4" : socketDomain;
  if (socketDomain === undefined || socketDomain === family) return;
  throw ConfigurationError.at(
    given.get("socket_domain") ?? place,
    `socket_domain must be that of the address ${host}, received ${socketDomain}`,
  );
}

/** Options that mean nothing without a certificate, and would leave a hole if they were ignored. */
const NEED_TLS = ["require_certificate", "crlfile", "use_identity_as_username", "use_subject_as_username"] as const;

function tlsOf(draft: Draft, listener: ListenerDraft, place: Place): TlsConfiguration | undefined {
  const { certFile, keyFile, caFile, caPath, requireCertificate = false, crlFile } = listener;
  if (certFile === undefined && keyFile === undefined) {
    assertNoTls(draft, listener);
    return undefined;
  }
  if (certFile === undefined || keyFile === undefined) {
    const [there, missing] = certFile === undefined ? ["keyfile", "certfile"] : ["certfile", "keyfile"];
    throw ConfigurationError.at(
      listener.given.get(there) ?? place,
      `${there} must stand with ${missing}, received it alone`,
    );
  }
  if ((requireCertificate || crlFile !== undefined) && caFile === undefined && caPath === undefined) {
    const name = requireCertificate ? "require_certificate" : "crlfile";
    throw ConfigurationError.at(
      listener.given.get(name) ?? place,
      `${name} must stand with cafile or capath, received neither`,
    );
  }
  for (const name of ["ciphers", "ciphers_tls1.3", "dhparamfile"]) {
    const at = listener.given.get(name);
    if (at !== undefined) draft.warn(at, `${name} does nothing here: the TLS library speaks safe ciphers only`);
  }
  if (listener.tlsVersion === "tlsv1.1") {
    draft.warn(listener.given.get("tls_version") ?? place, "tls_version is tlsv1.2 at least: tlsv1.1 is broken");
  }
  return {
    certFile,
    keyFile,
    caFile,
    caPath,
    crlFile,
    minimumVersion: listener.tlsVersion === "tlsv1.3" ? "TLSv1.3" : "TLSv1.2",
    requireCertificate,
  };
}

function assertNoTls(draft: Draft, listener: ListenerDraft): void {
  const wanted: Readonly<Record<(typeof NEED_TLS)[number], boolean>> = {
    require_certificate: listener.requireCertificate === true,
    crlfile: listener.crlFile !== undefined,
    use_identity_as_username: listener.useIdentityAsUsername === true,
    use_subject_as_username: listener.useSubjectAsUsername === true,
  };
  for (const name of NEED_TLS) {
    const at = listener.given.get(name);
    if (wanted[name] && at !== undefined) {
      throw ConfigurationError.at(at, `${name} must stand with certfile and keyfile, received neither`);
    }
  }
  for (const name of ["cafile", "capath", "ciphers", "ciphers_tls1.3", "dhparamfile"]) {
    const at = listener.given.get(name);
    if (at !== undefined) {
      draft.warn(at, `${name} does nothing without certfile and keyfile: the listener is not encrypted`);
    }
  }
}
