/**
 * The bridge as a client of the other broker: attempts, waits, and connections, one after the other.
 *
 * @module
 */

import {
  Client,
  type ConnectInit,
  ConnectionLostError,
  ReasonCode,
  ServerError,
  type Transport,
  type TransportOpener,
  type TransportOptions,
  type WillInit,
} from "../../client/common.ts";
import { channelOf } from "../../engine/channel.ts";
import type { Clock } from "../../engine/clock.ts";
import { saying } from "../origin.ts";
import { bare } from "./address.ts";
import type { BridgeSettings } from "./options.ts";
import { Route } from "./route.ts";

const FOR_EVER = 0xffff_ffff;
/** Milliseconds between looks for the first address while another one is in use. */
const PREFERRED_RETRY = 5_000;

/** What the remote side tells its owner. */
export interface RemoteOwner {
  /** There is a client, for one connection or many. Called before its first message is taken. */
  onClient(client: Client): void;
  /** It is connected, for the first time or again. */
  onConnected(client: Client): void;
  /** The connection has ended, or an attempt has failed. */
  onDisconnected(error: Error | undefined): void;
  /** An attempt is under way at this address. */
  onAttempt(address: string): void;
  /** Whether the session here can still know of exchanges that the other broker may know of. */
  mayGoOn(): boolean;
  /** There is no client until another one comes. */
  onClientEnded(): void;
}

/** What the runtime has to offer. */
export interface RemotePlatform {
  /** Opens connections to addresses. */
  readonly open: TransportOpener;
  /** Time and timers. */
  readonly clock: Clock;
  /** Random numbers from 0 up to 1, for waits. */
  readonly random: () => number;
}

/** Keeps a connection to the other broker while it is to be there. */
export class RemoteSide {
  readonly #settings: BridgeSettings;
  readonly #identity: string;
  readonly #platform: RemotePlatform;
  readonly #owner: RemoteOwner;
  readonly #route: Route;
  readonly #stop = new AbortController();
  /** Whether the next attempt says that this is a bridge, and whether any may. */
  #isPrivate: boolean;
  #mayBePrivate: boolean;
  /** Whether the connection was ended to go to a better address. */
  #isMoving = false;
  #client: Client | undefined;
  #isConnected = false;
  #cancelLook: (() => void) | undefined;

  /** `identity` is that of the broker that the bridge belongs to. */
  constructor(settings: BridgeSettings, identity: string, platform: RemotePlatform, owner: RemoteOwner) {
    this.#settings = settings;
    this.#identity = identity;
    this.#platform = platform;
    this.#owner = owner;
    this.#mayBePrivate = settings.tryPrivate && settings.protocolVersion < 5;
    this.#isPrivate = this.#mayBePrivate;
    this.#route = new Route(settings.addresses, settings.roundRobin, settings.restartTimeout, platform.random);
  }

  /** Where the other broker is, without a password. */
  get address(): string {
    return bare(this.#route.address);
  }

  /** Runs until {@linkcode stop}, or with start type `once` to the end of the first connection; never rejects. */
  async run(): Promise<void> {
    const { signal } = this.#stop;
    while (!signal.aborted) {
      const wait = await this.#runClient();
      if (signal.aborted || this.#settings.startType === "once") return;
      await this.#delay(wait);
    }
  }

  /** Ends the connection, and all attempts. What is under way is waited for, so many milliseconds at most. */
  async stop(timeout: number): Promise<void> {
    this.#stop.abort(new Error("Connection closed: the bridge ends it"));
    this.#cancelLook?.();
    await this.#client?.close({ timeout, force: timeout === 0 || !this.#isConnected });
  }

  /** One client from its first attempt to its end. Returns the milliseconds to wait for another one. */
  async #runClient(): Promise<number> {
    const { signal } = this.#stop;
    let client: Client;
    try {
      client = await Client.connect(this.#route.address, this.#connectInit(), this.#platform);
    } catch (error) {
      return signal.aborted ? 0 : this.#attemptFailed(asError(error));
    }
    if (signal.aborted) {
      await client.close({ force: true });
      return 0;
    }
    this.#client = client;
    this.#listen(client);
    this.#owner.onClient(client);
    await client.closed;
    this.#client = undefined;
    this.#owner.onClientEnded();
    const wait = this.#route.ended();
    const isMoving = this.#isMoving;
    this.#isMoving = false;
    return signal.aborted || isMoving ? 0 : wait;
  }

  #attemptFailed(error: Error): number {
    this.#owner.onDisconnected(error);
    const wasPrivate = this.#isPrivate;
    if (wasPrivate && error instanceof ServerError && error.reasonCode === ReasonCode.UnsupportedProtocolVersion) {
      this.#mayBePrivate = false;
      this.#isPrivate = false;
      return 0;
    }
    // A server that knows no bridges may also close without a word; but so may any on a bad line.
    this.#isPrivate = this.#mayBePrivate && !(wasPrivate && error instanceof ConnectionLostError);
    return this.#route.failed();
  }

  #listen(client: Client): void {
    client.addEventListener("connect", () => {
      // It was made in the moment in which it was to end.
      if (this.#stop.signal.aborted) return;
      this.#isConnected = true;
      this.#route.connected();
      this.#lookForPreferred(client);
      this.#owner.onConnected(client);
    });
    client.addEventListener("disconnect", ({ error }) => {
      this.#isConnected = false;
      this.#cancelLook?.();
      this.#owner.onDisconnected(error);
    });
    client.addEventListener("error", ({ error }) => {
      if (client.state.kind === "waiting" && !this.#isConnected) this.#owner.onDisconnected(error);
    });
  }

  #connectInit(): ConnectInit {
    const { settings, cap } = { settings: this.#settings, cap: this.#settings.restartTimeout.cap * 1000 };
    const isVersion5 = settings.protocolVersion === 5;
    return {
      protocolVersion: settings.protocolVersion,
      isBridge: this.#isPrivate,
      clientId: settings.remoteClientId,
      username: settings.remoteUsername,
      password: settings.remotePassword,
      // Exchanges that nobody can go on with would take up the other broker's receive maximum, and their packet
      // identifiers. What it keeps for us is worth that.
      cleanStart: settings.cleanSession ||
        (isVersion5 && settings.map.incoming.length === 0 && !this.#owner.mayGoOn()),
      sessionExpiryInterval: settings.cleanSession || !isVersion5 ? 0 : FOR_EVER,
      keepAlive: settings.keepAlive,
      topicAliasMaximum: isVersion5 ? settings.maxTopicAlias : 0,
      properties: isVersion5
        ? { userProperties: saying({ identity: this.#identity, renames: settings.map.renames("in") }) }
        : undefined,
      will: this.#will(),
      tls: settings.tls,
      // All waits are the longest one times a number that makes them what the route says.
      reconnect: settings.startType === "once"
        ? false
        : { minimumDelay: Math.max(1, cap), maximumDelay: Math.max(1, cap), stableAfter: 0 },
      random: () => this.#nextWait() / Math.max(1, cap),
      queue: { qos0: false },
      transport: (_url, options) => {
        this.#owner.onAttempt(this.address);
        return this.#open(this.#route.address, options);
      },
      clock: this.#platform.clock,
      signal: this.#stop.signal,
    };
  }

  /** The connection has ended, or an attempt to get it back has failed: where and when comes the next one? */
  #nextWait(): number {
    return this.#isConnected ? this.#route.ended() : this.#route.failed();
  }

  #will(): WillInit | undefined {
    const { notifications, notificationsLocalOnly, notificationTopic: topic } = this.#settings;
    if (!notifications || notificationsLocalOnly) return undefined;
    return { topic, payload: "0", qos: 1, retain: true };
  }

  /** As long as the first address is not in use, looks whether it can be reached, and then goes there. */
  #lookForPreferred(client: Client): void {
    const { preferred } = this.#route;
    if (preferred === undefined) return;
    this.#cancelLook = this.#platform.clock.schedule(PREFERRED_RETRY, () => {
      this.#canReach(preferred).then((isThere) => {
        if (this.#client !== client || !this.#isConnected) return;
        if (!isThere) return this.#lookForPreferred(client);
        // Its end leads to the first address.
        this.#isMoving = true;
        return client.close({ timeout: 1_000 });
      });
    });
  }

  #open(address: string, options: TransportOptions): Promise<Transport> {
    return this.#platform.open(new URL(address), { ...options, localAddress: this.#settings.localAddress });
  }

  async #canReach(address: string): Promise<boolean> {
    const { tls } = this.#settings;
    const signal = AbortSignal.any([this.#stop.signal, AbortSignal.timeout(PREFERRED_RETRY)]);
    try {
      channelOf(await this.#open(address, { signal, tls })).abort();
      return true;
    } catch {
      return false;
    }
  }

  #delay(milliseconds: number): Promise<void> {
    const { signal } = this.#stop;
    return new Promise((resolve) => {
      const done = () => {
        cancel();
        signal.removeEventListener("abort", done);
        resolve();
      };
      const cancel = this.#platform.clock.schedule(milliseconds, done);
      signal.addEventListener("abort", done, { once: true });
    });
  }
}

function asError(error: unknown): Error {
  return error instanceof Error ? error : new Error(String(error));
}
