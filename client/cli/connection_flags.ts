/**
 * The flags that say where the server is, and how to connect to it.
 *
 * @module
 */

import { isTopicName } from "../../codec/topic.ts";
import type { Config } from "./config.ts";
import { UsageError } from "./exit.ts";
import { ALL, type Flag, qosOf, toggle, valued, wholeNumber } from "./flag.ts";
import { takeProperty } from "./property_argument.ts";
import { applyUrl } from "./url_argument.ts";

const VERSIONS: Readonly<Record<string, Config["version"]>> = {
  "31": 3,
  "mqttv31": 3,
  "311": 4,
  "mqttv311": 4,
  "5": 5,
  "mqttv5": 5,
};

/** What Mosquitto's tools know and Deno cannot do: refused, because to leave it out would be to do something else. */
const UNSUPPORTED = [
  "--ciphers",
  "--keyform",
  "--proxy",
  "--psk",
  "--psk-identity",
  "--tls-engine",
  "--tls-engine-kpass-sha1",
];

/** In the order of `--help`. */
export const CONNECTION_FLAGS: readonly Flag[] = [
  valued("-h --host", "HOST", ALL, "the server's name or address; default localhost", (config, value) => {
    config.host = value;
  }),
  valued("-p --port", "PORT", ALL, "its port; default 1883, with TLS 8883", (config, value) => {
    config.port = wholeNumber(value, 0, 65_535, "Error: Invalid port given: %");
  }),
  valued(
    "-L --url",
    "URL|URL",
    ALL,
    "all at once: mqtt(s)://[user[:password]@]host[:port]/topic, or ws(s)://host[:port]/path with -t",
    applyUrl,
  ),
  valued("-A", "ADDRESS|bind address", ALL, "connect from this address of the machine", (config, value) => {
    config.localAddress = value;
  }),
  valued("--unix", "PATH|socket path", ALL, "connect to a Unix socket", (config, value) => {
    config.unixPath = value;
  }),
  valued("-u --username", "NAME|username", ALL, "user name", (config, value) => {
    config.username = value;
  }),
  valued("-P --pw", "PASSWORD", ALL, "password", (config, value) => {
    config.password = value;
  }),
  valued("-i --id", "ID", ALL, "client identifier; default: a random one", (config, value) => {
    if (config.idPrefix !== undefined) throw bothIds();
    config.id = value;
  }),
  valued("-I --id-prefix", "PREFIX|id prefix", ALL, "client identifier: this and the process id", (config, value) => {
    if (config.id !== undefined) throw bothIds();
    config.idPrefix = value;
  }),
  valued("-k --keepalive", "SECONDS|keepalive", ALL, "keep alive, 5 to 65535; default 60", (config, value) => {
    const message = "Error: Invalid keepalive given, it must be between 5 and 65535 inclusive.\n";
    config.keepAlive = wholeNumber(value, 5, 65_535, message);
  }),
  toggle("-c --disable-clean-session", ALL, "go on from the session of this identifier, and leave it", (config) => {
    config.cleanSession = false;
  }),
  valued(
    "-x",
    "SECONDS|session expiry interval",
    ALL,
    "how long the server keeps the session (MQTT 5); -1 for ever, the default with -c",
    (config, value) => {
      config.sessionExpiry = sessionExpiry(value);
    },
  ),
  valued(
    "--protocol-version -V",
    "VERSION",
    ALL,
    "5, 311 or 31; default 311, for request and bench 5",
    (config, value) => {
      const version = VERSIONS[value];
      if (version === undefined) throw new UsageError("Error: Invalid protocol version argument given.\n");
      config.version = version;
    },
  ),
  {
    names: ["-D", "--property"],
    commands: ALL,
    help: "a property of MQTT 5 for connect, publish, subscribe, unsubscribe, disconnect or will; " +
      "user-property takes a name and a value",
    action: { kind: "rest", placeholder: "PACKET PROPERTY VALUE", apply: takeProperty },
  },
  valued("--will-topic", "TOPIC|will topic", ALL, "topic of the will", (config, value) => {
    if (!isTopicName(value)) {
      throw new UsageError(`Error: Invalid will topic '${value}', does it contain '+' or '#'?`);
    }
    config.will.topic = value;
  }),
  valued("--will-payload", "TEXT|will payload", ALL, "payload of the will; default: empty", (config, value) => {
    config.will.payload = value;
  }),
  valued("--will-qos", "QOS|will QoS", ALL, "QoS of the will; default 0", (config, value) => {
    config.will.qos = qosOf(value, "Error: Invalid will QoS %.\n");
  }),
  toggle("--will-retain", ALL, "make the will a retained message", (config) => {
    config.will.retain = true;
  }),
  valued("--cafile", "FILE|file", ALL, "certificates of authorities to trust, PEM; turns TLS on", (config, value) => {
    config.cafile = value;
  }),
  valued("--capath", "FOLDER|directory", ALL, "the same: all files of a folder", (config, value) => {
    config.capath = value;
  }),
  valued("--cert", "FILE|file", ALL, "certificate of this client, PEM", (config, value) => {
    config.cert = value;
  }),
  valued("--key", "FILE|file", ALL, "its private key, PEM", (config, value) => {
    config.key = value;
  }),
  toggle("--insecure", ALL, "take any certificate of the server", (config) => {
    config.insecure = true;
  }),
  valued("--tls-version", "VERSION", ALL, "tlsv1.2, which means that or later, as always", (config, value) => {
    if (value !== "tlsv1.2") {
      throw new UsageError(
        `Error: --tls-version must be tlsv1.2 (or later, which is chosen if the server has it), received ${value}.`,
      );
    }
    config.tlsVersion = value;
  }),
  valued("--tls-alpn --alpn", "NAME|protocol", ALL, "protocol to ask for by ALPN", (config, value) => {
    config.alpn = value;
  }),
  toggle("--tls-use-os-certs", ALL, "trust the authorities that the platform trusts; turns TLS on", (config) => {
    config.useOsCertificates = true;
  }),
  toggle("--nodelay", ALL, "send at once, which is always so", () => {}),
  toggle("-d --debug", ALL, "print a line for each packet", (config) => {
    config.debug = true;
  }),
  toggle("--quiet", ALL, "print no errors, but those of the command line", (config) => {
    config.quiet = true;
  }),
  ...UNSUPPORTED.map((name) =>
    valued(name, "VALUE", ALL, "", () => {
      throw new UsageError(`Error: ${name} is not supported.`);
    })
  ),
];

function bothIds(): UsageError {
  return new UsageError("Error: -i and -I argument cannot be used together.\n");
}

function sessionExpiry(text: string): number {
  if (text === "∞") return 0xffff_ffff;
  const value = /^[+-]?(\d+|0x[\da-f]+)$/i.test(text) ? Number(text) : NaN;
  if (Number.isNaN(value)) throw new UsageError("Error: session-expiry-interval not a number.\n");
  if (value < -1 || value > 0xffff_ffff) throw new UsageError("Error: session-expiry-interval out of range.\n");
  return value === -1 ? 0xffff_ffff : value;
}
