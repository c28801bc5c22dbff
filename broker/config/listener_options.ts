/**
 * Options of listeners, and those about users, which are of listeners with `per_listener_settings`.
 *
 * @module
 */

import type { QoS } from "../../codec/packets.ts";
import { listener, type Option, refused, security } from "./option.ts";
import { flag, limit, oneOf, path, text, topicPrefix, type ValueKind, whole } from "./values.ts";

/** Where and how a listener takes connections. */
export const LISTENER_OPTIONS: readonly Option[] = [
  // Deprecated in favour of `listener`; these two are of the default listener.
  listener("port", whole(1, 65_535), (draft, value) => draft.port = value),
  listener("bind_address", text, (draft, value) => draft.host = value),
  listener("bind_interface", text, (draft, value) => draft.bindInterface = value),
  listener("http_dir", path, (draft, value) => draft.httpDir = value),
  listener("max_connections", limit(), (draft, value) => {
    draft.policy.maxConnections = value;
  }),
  listener("max_qos", qos(), (draft, value) => draft.policy.maximumQoS = value),
  listener("maximum_qos", qos(), (draft, value) => draft.policy.maximumQoS = value),
  listener("max_topic_alias", whole(0, 65_535), (draft, value) => draft.policy.maxTopicAlias = value),
  listener("mount_point", topicPrefix, (draft, value) => draft.policy.mountPoint = value),
  listener("protocol", oneOf("mqtt", "websockets"), (draft, value) => draft.protocol = value),
  listener("socket_domain", oneOf("ipv4", "ipv6"), (draft, value) => draft.socketDomain = value),
  listener("use_username_as_clientid", flag, (draft, value) => draft.policy.useUsernameAsClientId = value),
];

/** TLS. */
export const TLS_OPTIONS: readonly Option[] = [
  listener("cafile", path, (draft, value) => draft.caFile = value),
  listener("capath", path, (draft, value) => draft.caPath = value),
  listener("certfile", path, (draft, value) => draft.certFile = value),
  listener("ciphers", text, (draft, value) => draft.ciphers = value),
  listener("ciphers_tls1.3", text, (draft, value) => draft.ciphersTls13 = value),
  listener("crlfile", path, (draft, value) => draft.crlFile = value),
  listener("dhparamfile", path, (draft, value) => draft.dhParamFile = value),
  listener("keyfile", path, (draft, value) => draft.keyFile = value),
  listener("require_certificate", flag, (draft, value) => draft.requireCertificate = value),
  listener("tls_version", oneOf("tlsv1.3", "tlsv1.2", "tlsv1.1"), (draft, value) => draft.tlsVersion = value),
  listener("use_identity_as_username", flag, (draft, value) => draft.useIdentityAsUsername = value),
  listener("use_subject_as_username", flag, (draft, value) => draft.useSubjectAsUsername = value),
  refused("psk_hint", "listener", "pre-shared keys are not supported: use certfile, keyfile and require_certificate"),
  refused("tls_engine", "listener", "OpenSSL engines are not supported: put the key into a file for keyfile"),
  refused(
    "tls_engine_kpass_sha1",
    "listener",
    "OpenSSL engines are not supported: put the key into a file for keyfile",
  ),
  listener("tls_keyform", pemOnly(), () => {}),
];

/** Who may connect and do what. */
export const SECURITY_OPTIONS: readonly Option[] = [
  security("acl_file", path, (draft, value) => draft.aclFile = value),
  security("allow_anonymous", flag, (draft, value) => draft.allowAnonymous = value),
  security("allow_zero_length_clientid", flag, (draft, value) => draft.allowZeroLengthClientId = value),
  security("auto_id_prefix", text, (draft, value) => draft.autoIdPrefix = value),
  security("password_file", path, (draft, value) => draft.passwordFile = value),
];

function qos(): ValueKind<QoS> {
  return {
    expected: "0, 1 or 2",
    parse: (value) => value === "0" ? 0 : value === "1" ? 1 : value === "2" ? 2 : undefined,
  };
}

function pemOnly(): ValueKind<string> {
  return {
    expected: "pem (OpenSSL engines are not supported: put the key into a file for keyfile)",
    parse: (value) => value === "pem" ? value : undefined,
  };
}
