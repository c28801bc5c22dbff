/**
 * What a configuration file says, in types.
 *
 * @module
 */

import type { BridgeOptions } from "../bridge/options.ts";
import type { BrokerOptions } from "../options.ts";
import type { ListenerPolicy } from "../listener_policy.ts";
import type { Place, Remark } from "./errors.ts";

/** A configuration that can be used. */
export interface Configuration {
  /** Options of the broker, hooks and store left out. */
  readonly options: BrokerOptions;
  /** Where to listen. */
  readonly listeners: readonly ListenerConfiguration[];
  /** Whether the file names no listener: then one is opened that can be reached from this machine only. */
  readonly isLocalOnly: boolean;
  /** What is logged. */
  readonly log: LogConfiguration;
  /** What outlives the broker. */
  readonly persistence: PersistenceConfiguration;
  /** Whether sockets send small packets at once; undefined: the file does not say. */
  readonly setTcpNoDelay: boolean | undefined;
  /** Where to write the process id. */
  readonly pidFile: string | undefined;
  /** The user to run as, if the broker is started by root. */
  readonly user: string | undefined;
  /** Connections to other brokers. */
  readonly bridges: readonly BridgeConfiguration[];
  /** Where the broker can be looked into; undefined for nowhere. */
  readonly admin: AdminConfiguration | undefined;
  /** What is done differently from what the file asks for. */
  readonly warnings: readonly Remark[];
}

/** The admin listener. */
export interface AdminConfiguration {
  /** Address of the interface. */
  readonly hostname: string;
  /** The port, 0 for any free one. */
  readonly port: number;
  /** A file with the token that requests must show; undefined: none is asked for. */
  readonly tokenFile: string | undefined;
  /** How it encrypts; undefined: not at all. */
  readonly tls: Pick<TlsConfiguration, "certFile" | "keyFile"> | undefined;
  /** Names of this server besides `localhost` and IP addresses. */
  readonly hosts: readonly string[];
}

/** Who may connect and do what, from files. */
export interface SecurityConfiguration {
  /** Whether clients without a user name may connect. */
  readonly allowAnonymous: boolean;
  /** Password file of `mosquitto_passwd`. */
  readonly passwordFile: string | undefined;
  /** Access control list. */
  readonly aclFile: string | undefined;
  /** JSON Web Tokens in place of passwords. */
  readonly tokens: TokenConfiguration | undefined;
}

/** Which JSON Web Tokens are taken. */
export interface TokenConfiguration {
  /** Whose signature they must have: a file in PEM or with a JSON Web Key Set, or the address of such a set. */
  readonly keys: { readonly kind: "file"; readonly path: string } | { readonly kind: "url"; readonly url: string };
  /** Who may have issued them; empty for anybody who has a key. */
  readonly issuers: readonly string[];
  /** Whom they may be for; empty for anybody. */
  readonly audiences: readonly string[];
}

/** Where a listener takes connections. */
export type ListenerAddress =
  /** `hostname` undefined: all interfaces, over IPv4 and IPv6 if `family` does not say which. */
  | {
    readonly kind: "tcp";
    /** 1 to 65,535, or from the command line also 0 for any free one. */
    readonly port: number;
    /** Address or name. */
    readonly hostname: string | undefined;
    /** `socket_domain`. */
    readonly family: "ipv4" | "ipv6" | undefined;
    /** Name of the network interface. */
    readonly bindInterface: string | undefined;
  }
  | { readonly kind: "unix"; readonly path: string };

/** Certificates of a listener; all of them paths of PEM files. */
export interface TlsConfiguration {
  /** The server's certificate. */
  readonly certFile: string;
  /** Its private key. */
  readonly keyFile: string;
  /** Authorities whose client certificates are trusted. */
  readonly caFile: string | undefined;
  /** A folder of such. */
  readonly caPath: string | undefined;
  /** Client certificates that are no longer trusted. */
  readonly crlFile: string | undefined;
  /** The oldest version that is accepted. */
  readonly minimumVersion: "TLSv1.2" | "TLSv1.3";
  /** Whether clients must show one. */
  readonly requireCertificate: boolean;
}

/** One `listener` of the file. */
export interface ListenerConfiguration {
  /** Where it begins. */
  readonly place: Place;
  /** Where it listens. */
  readonly address: ListenerAddress;
  /** What it speaks. */
  readonly protocol: "mqtt" | "websockets";
  /** Folder of files that are served beside the WebSocket. */
  readonly httpDir: string | undefined;
  /** Undefined: not encrypted. */
  readonly tls: TlsConfiguration | undefined;
  /** What the broker does for its connections. */
  readonly policy: ListenerPolicy;
  /** Files about users. */
  readonly security: SecurityConfiguration;
}

/** Kinds of lines that can be logged, by the names of `log_type`. */
export const LOG_TYPES = [
  "error",
  "warning",
  "notice",
  "information",
  "debug",
  "subscribe",
  "unsubscribe",
  "websockets",
] as const;

/** One of them. */
export type LogType = typeof LOG_TYPES[number];

/** Where lines go. */
export type LogDestination =
  | { readonly kind: "stdout" | "stderr" | "syslog" | "topic" }
  | { readonly kind: "file"; readonly path: string };

/** What is logged, and how. */
export interface LogConfiguration {
  /** None: nothing is logged. Undefined: nothing was said. */
  readonly destinations: readonly LogDestination[] | undefined;
  /** Which lines. */
  readonly types: readonly LogType[];
  /** Whether the time stands before each line. */
  readonly timestamp: boolean;
  /** For `strftime`; undefined for the seconds since 1970. */
  readonly timestampFormat: string | undefined;
  /** Number of the syslog facility `local0` to `local7`; undefined for `daemon`. */
  readonly facility: number | undefined;
}

/** Whether sessions and messages outlive the broker, and where. */
export interface PersistenceConfiguration {
  /** Whether anything does. */
  readonly enabled: boolean;
  /** Folder, without a slash at the end; undefined for the current one. */
  readonly location: string | undefined;
  /** Name of the file. */
  readonly file: string;
}

/** TLS of a connection to another broker; all of them paths of PEM files. */
export interface BridgeTlsConfiguration {
  /** Authorities that are trusted. Neither this nor `caPath`: those of the platform. */
  readonly caFile: string | undefined;
  /** A folder of such. */
  readonly caPath: string | undefined;
  /** Our own certificate. */
  readonly certFile: string | undefined;
  /** Its private key. */
  readonly keyFile: string | undefined;
  /** Whether the other broker may show a certificate of another name. */
  readonly insecure: boolean;
  /** The protocol to offer. */
  readonly alpn: string | undefined;
}

/** A `connection` of the file. */
export interface BridgeConfiguration {
  /** Where it begins. */
  readonly place: Place;
  /** What it is, but for what stands in the files about TLS. */
  readonly options: BridgeOptions;
  /** Undefined: not encrypted. */
  readonly tls: BridgeTlsConfiguration | undefined;
}
