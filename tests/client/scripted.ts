/**
 * A server that does what a test says, at the other end of the client's transport, in memory.
 *
 * @module
 */

import { connect } from "../../client/mod.ts";
import type { Client, ConnectInit, TransportOpener } from "../../client/mod.ts";
import type { ConnackPacket, ConnectPacket, ProtocolVersion } from "../../codec/packets.ts";
import type { PublishProperties } from "../../codec/properties.ts";
import { ManualClock } from "../../engine/manual_clock.ts";
import { type MemoryTransportOptions, memoryTransportPair } from "../../engine/memory_transport.ts";
import { bounded } from "../support/bounded.ts";
import { RawClient } from "../support/raw_client.ts";

/** The server's end of one connection: speaks packets, and does nothing by itself. */
export type Peer = RawClient;

/** What the server makes of an attempt to connect. */
export type ConnackFields = Partial<Omit<ConnackPacket, "type">>;

/** A client that is connected, the server's end, and the CONNECT that it began with. */
export interface Connected {
  readonly client: Client;
  readonly peer: Peer;
  readonly packet: ConnectPacket;
}

/** What a test body gets. Its functions may be taken out of it: `({ connect }) => ...`. */
export class Script {
  readonly version: ProtocolVersion;
  /** Time stands still unless the test moves it. */
  readonly clock: ManualClock = new ManualClock();
  /** How the transports behave from the next connection on. */
  transport: MemoryTransportOptions = { reuseChunks: true };
  readonly #cleanup: AsyncDisposableStack;
  readonly #peers: Peer[] = [];
  #wake: (() => void) | undefined;

  constructor(version: ProtocolVersion, cleanup: AsyncDisposableStack) {
    this.version = version;
    this.#cleanup = cleanup;
  }

  /** Opens a transport to this server. */
  readonly open: TransportOpener = async () => {
    const [ours, theirs] = memoryTransportPair(this.transport);
    this.#peers.push(this.#cleanup.use(await RawClient.open(theirs, this.version)));
    this.#wake?.();
    return ours;
  };

  /** The server's end of the next connection, with nothing read and nothing sent. */
  readonly accept = async (): Promise<Peer> => {
    for (;;) {
      const peer = this.#peers.shift();
      if (peer !== undefined) return peer;
      await new Promise<void>((resolve) => this.#wake = resolve);
    }
  };

  /** The next connection, accepted with a CONNACK. */
  readonly acceptWith = async (connack: ConnackFields = {}): Promise<{ peer: Peer; packet: ConnectPacket }> => {
    const peer = await this.accept();
    const packet = await peer.expect("connect");
    await peer.send({ type: "connack", sessionPresent: false, reasonCode: 0, ...connack });
    return { peer, packet };
  };

  /** Begins to connect. The client, if there will be one, is closed when the test ends. */
  readonly connecting = (init: ConnectInit = {}): Promise<Client> => {
    const client = connect("mqtt://server.test", {
      protocolVersion: this.version,
      transport: this.open,
      clock: this.clock,
      random: () => 1,
      ...init,
    });
    client.then((client) => this.#cleanup.defer(() => client.close({ force: true })), () => {});
    return client;
  };

  /** Connects; the server accepts. */
  readonly connect = async (init: ConnectInit = {}, connack: ConnackFields = {}): Promise<Connected> => {
    const connecting = this.connecting(init);
    const { peer, packet } = await this.acceptWith(connack);
    return { client: await connecting, peer, packet };
  };

  /** Breaks the connection and lets the client come back, which the server accepts. */
  readonly reconnect = async (
    peer: Peer,
    connack: ConnackFields = {},
  ): Promise<{ peer: Peer; packet: ConnectPacket }> => {
    await peer.close();
    const next = this.acceptWith(connack);
    await this.passWait();
    return await next;
  };

  /** Lets the time pass that the client waits before it tries again, however long. */
  readonly passWait = async (): Promise<void> => {
    await settle();
    this.clock.advance(120_000);
  };
}

/** A PUBLISH from the server. */
export async function deliver(
  peer: Peer,
  topic: string,
  payload: string,
  fields: { qos?: 0 | 1 | 2; packetId?: number; dup?: boolean; retain?: boolean; properties?: PublishProperties } = {},
): Promise<void> {
  const { qos = 0, dup = false, retain = false, ...others } = fields;
  const bytes = new TextEncoder().encode(payload);
  await peer.send({ type: "publish", topic, payload: bytes, qos, dup, retain, ...others });
}

/** Answers the next SUBSCRIBE with the QoS that it asks for, or with `codes`. */
export async function grant(peer: Peer, ...codes: number[]): Promise<void> {
  const { packetId, subscriptions } = await peer.expect("subscribe");
  const reasonCodes = codes.length > 0 ? codes : subscriptions.map(({ qos }) => qos);
  await peer.send({ type: "suback", packetId, reasonCodes });
}

/** Lets everything run that can, except timers of the clock. */
export async function settle(): Promise<void> {
  for (let i = 0; i < 3; i++) await new Promise((resolve) => setTimeout(resolve, 0));
}

/** For a promise that is not the matter of the test, which may end before it is settled. */
export function ignoreFailure(promise: Promise<unknown>): void {
  promise.catch(() => {});
}

/** The wire's number for a version by its name. */
export const VERSIONS = { "3.1": 3, "3.1.1": 4, "5.0": 5 } as const;

/** A version's name. */
export type VersionName = keyof typeof VERSIONS;

/**
 * A test of the client against the scripted server, once for each version in `statements`; these are the ids of the
 * statements that the test covers in that version, which go into its name.
 */
export function clientTest(
  statements: { readonly [Name in VersionName]?: string },
  what: string,
  body: (script: Script) => Promise<void>,
): void {
  for (const [name, ids] of Object.entries(statements)) {
    const version = VERSIONS[name as VersionName];
    const tags = ids === "" ? "" : ` ${ids.split(" ").map((id) => `[MQTT-${id}]`).join(" ")}`;
    Deno.test(`mqtt ${name} client: ${what}${tags}`, () => runScript(version, body));
  }
}

/** Runs a body with a fresh script and cleans up. */
export function runScript(version: ProtocolVersion, body: (script: Script) => Promise<void>): Promise<void> {
  return bounded(async () => {
    await using cleanup = new AsyncDisposableStack();
    await body(new Script(version, cleanup));
  });
}
