/** Random scripts of what clients do to a broker: the same for the same seed. @module */

import type { ProtocolVersion, QoS, RetainHandling } from "../../codec/packets.ts";
import type { ConnectProperties, PublishProperties } from "../../codec/properties.ts";
import { random } from "../support/random.ts";
import type { RawConnectOptions } from "../support/raw_packets.ts";

/** How many clients a script has. */
export const CLIENTS = 3;

/** What all clients publish to. */
export const TOPICS = ["a", "a/b", "a/b/c", "a/", "/a", "b", "b/b", "c/b/d", "$x/a"] as const;

const FILTERS = [
  ...["#", "a/#", "a", "a/b", "a/+", "+/b", "+", "/+", "/#", "b", "b/#", "c/+/d", "+/+/d", "$x/#", "$x/+"],
  ...["a/b/#", "a/b/c", "+/b/#", "c/#", "a/+/c"],
];

/** One thing that happens; `who` is the number of a client. A step that cannot be taken just now is left out. */
export type Step =
  | { readonly do: "connect"; readonly who: number; readonly options: RawConnectOptions }
  | { readonly do: "disconnect"; readonly who: number; readonly withWill: boolean; readonly expiry?: number }
  /** The connection is lost: no DISCONNECT is sent. */
  | { readonly do: "break"; readonly who: number }
  | {
    readonly do: "subscribe";
    readonly who: number;
    readonly filters: readonly Filter[];
    readonly identifier?: number;
  }
  | { readonly do: "unsubscribe"; readonly who: number; readonly filters: readonly string[] }
  | Publication & { readonly do: "publish"; readonly who: number; readonly alias?: number }
  /** QoS 2 by a client of its own, which repeats its packets, and may lose its connection between them. */
  | Publication & { readonly do: "repeat"; readonly version: ProtocolVersion; readonly isCut: boolean }
  /** Sends the next acknowledgement of one of the deliveries that wait for it; `pick` is from 0 up to and without 1. */
  | { readonly do: "acknowledge"; readonly who: number; readonly pick: number }
  | { readonly do: "acknowledge all"; readonly who: number };

/** A filter with its options. */
export interface Filter {
  readonly filter: string;
  readonly qos: QoS;
  readonly noLocal: boolean;
  readonly retainAsPublished: boolean;
  readonly retainHandling: RetainHandling;
}

interface Publication {
  readonly topic: string;
  readonly payload: string;
  readonly qos: QoS;
  readonly retain: boolean;
  readonly properties?: PublishProperties;
}

/** What a seed stands for. */
export interface Script {
  /**
   * Whether each client acknowledges all at once. Otherwise steps do it, and the filters of one client do not overlap:
   * how many copies of a message it gets would be the broker's choice, and more copies fill the receive maximum.
   */
  readonly acknowledgesAll: boolean;
  readonly steps: readonly Step[];
}

/** The script of a seed. */
export function randomScript(seed: number, length: number = 50): Script {
  const acknowledgesAll = seed % 2 === 0;
  const author = new Author(random(seed), acknowledgesAll);
  const steps = Array.from({ length: CLIENTS }, (_, who) => author.connect(who));
  while (steps.length < length) steps.push(author.step());
  return { acknowledgesAll, steps };
}

class Author {
  readonly #random: () => number;
  readonly #acknowledgesAll: boolean;
  readonly #versions: ProtocolVersion[];
  /** What each client may subscribe to. */
  readonly #filters: string[][];
  /** One for all connections of a client, or 0 for none: Mosquitto sends what it had sent again, even if it is more. */
  readonly #receiveMaximums: number[];
  #messages = 0;

  constructor(next: () => number, acknowledgesAll: boolean) {
    this.#random = next;
    this.#acknowledgesAll = acknowledgesAll;
    this.#versions = Array.from({ length: CLIENTS }, () => this.#version());
    this.#filters = Array.from({ length: CLIENTS }, (_, who) => this.#someFilters(who, acknowledgesAll));
    this.#receiveMaximums = Array.from({ length: CLIENTS }, () => this.#one([0, 0, 1, 2, 3]));
  }

  step(): Step {
    const who = this.#below(CLIENTS);
    const kind = this.#random();
    if (kind < 0.10) return this.connect(who);
    if (kind < 0.14) return this.#disconnect(who);
    if (kind < 0.19) return { do: "break", who };
    if (kind < 0.34) return this.#subscribe(who);
    if (kind < 0.39) return this.#unsubscribe(who);
    if (kind < 0.43) {
      return { do: "repeat", version: this.#version(), isCut: this.#chance(0.5), ...this.#publication(), qos: 2 };
    }
    if (kind < 0.80 || this.#acknowledgesAll) return this.#publish(who);
    if (kind < 0.97) return { do: "acknowledge", who, pick: this.#random() };
    return { do: "acknowledge all", who };
  }

  connect(who: number): Step {
    const version = this.#versions[who] ?? 5;
    const options: RawConnectOptions = { version, clientId: `client${who}`, cleanStart: this.#chance(0.3) };
    if (this.#chance(0.4)) {
      options.will = { ...this.#publication(), topic: this.#topic() };
      if (version !== 5) delete options.will.properties;
    }
    if (version === 5) options.properties = this.#connectProperties(who);
    // Mosquitto waits with the will even if the session is at its end.
    const isKept = (options.properties?.sessionExpiryInterval ?? 0) > 0;
    if (options.will !== undefined && isKept && this.#chance(0.4)) {
      options.will.properties = { ...options.will.properties, willDelayInterval: this.#one([0, 1_000]) };
    }
    return { do: "connect", who, options };
  }

  #connectProperties(who: number): ConnectProperties {
    const properties: ConnectProperties = {};
    if (this.#chance(0.8)) properties.sessionExpiryInterval = this.#one([0, 1_000, 1_000, 1_000, 0xffff_ffff]);
    const receiveMaximum = this.#receiveMaximums[who] ?? 0;
    if (receiveMaximum > 0) properties.receiveMaximum = receiveMaximum;
    if (this.#chance(0.3)) properties.topicAliasMaximum = this.#one([1, 2, 10]);
    if (this.#chance(0.2)) properties.requestProblemInformation = 0;
    return properties;
  }

  #disconnect(who: number): Step {
    const step = { do: "disconnect", who, withWill: this.#chance(0.3) } as const;
    return this.#chance(0.2) ? { ...step, expiry: this.#one([0, 1_000]) } : step;
  }

  #subscribe(who: number): Step {
    const filters: Filter[] = [];
    for (let count = this.#chance(0.2) ? 2 : 1; count > 0; count--) {
      const filter = this.#one(this.#filters[who] ?? []);
      const isShared = filter.startsWith("$share/");
      filters.push({
        filter,
        qos: this.#qos(),
        // Mosquitto keeps those of the first time when a client subscribes again.
        noLocal: !isShared && (filter.length + who) % 4 === 0,
        retainAsPublished: (filter.length + who) % 3 === 0,
        // Mosquitto sends retained messages for shared subscriptions, too.
        retainHandling: isShared ? 2 : this.#one([0, 0, 0, 1, 2]),
      });
    }
    const step = { do: "subscribe", who, filters } as const;
    return this.#chance(0.5) ? { ...step, identifier: this.#one([1, 2, 127, 128, 268_435_455]) } : step;
  }

  /** All filters, or some that do not overlap. */
  #someFilters(who: number, mayOverlap: boolean): string[] {
    if (mayOverlap) return FILTERS.map((filter) => this.#sharedOrNot(who, filter));
    const chosen: string[] = [];
    for (let tries = 0; tries < 20; tries++) {
      const filter = this.#one(FILTERS);
      if (!chosen.some((other) => overlap(other, filter))) chosen.push(filter);
    }
    return chosen.map((filter) => this.#sharedOrNot(who, filter));
  }

  /** Groups have one member: whom a group of several gives a message to is the broker's choice. */
  #sharedOrNot(who: number, filter: string): string {
    // Mosquitto gives groups nothing of topics that begin with $.
    const mayShare = this.#versions[who] === 5 && !filter.startsWith("$");
    return mayShare && this.#chance(0.1) ? `$share/group${who}/${filter}` : filter;
  }

  #unsubscribe(who: number): Step {
    const filter = this.#one(this.#filters[who] ?? []);
    // With $, Mosquitto knows only whether anybody has ever subscribed to such topics.
    const first = filter.startsWith("$x/") ? "never" : filter;
    return { do: "unsubscribe", who, filters: this.#chance(0.1) ? [first, "never/subscribed"] : [first] };
  }

  #publish(who: number): Step {
    const step = { do: "publish", who, ...this.#publication() } as const;
    return this.#chance(0.2) ? { ...step, alias: this.#one([1, 2, 10]) } : step;
  }

  #publication(): Publication {
    const retain = this.#chance(0.25);
    const payload = retain && this.#chance(0.25) ? "" : `message ${++this.#messages}`;
    const publication = { topic: this.#topic(), payload, qos: this.#qos(), retain };
    return this.#chance(0.3) ? { ...publication, properties: this.#publishProperties() } : publication;
  }

  #publishProperties(): PublishProperties {
    const properties: PublishProperties = {};
    if (this.#chance(0.3)) properties.payloadFormatIndicator = this.#one([0, 1]);
    if (this.#chance(0.3)) properties.messageExpiryInterval = 1_000;
    if (this.#chance(0.3)) properties.contentType = this.#one(["", "text/plain"]);
    if (this.#chance(0.3)) properties.responseTopic = "answers";
    if (this.#chance(0.3)) properties.correlationData = Uint8Array.of(0, 255);
    if (this.#chance(0.3)) properties.userProperties = [["b", "1"], ["a", "2"], ["b", ""]];
    return properties;
  }

  #topic(): string {
    return this.#one(TOPICS);
  }

  #qos(): QoS {
    return this.#one([0, 1, 2]);
  }

  #version(): ProtocolVersion {
    return this.#one([3, 4, 5, 5]);
  }

  #chance(probability: number): boolean {
    return this.#random() < probability;
  }

  #below(limit: number): number {
    return Math.floor(this.#random() * limit);
  }

  #one<T>(values: readonly T[]): T {
    const value = values[this.#below(values.length)];
    if (value === undefined) throw new RangeError("Cannot choose: there must be a value, received none");
    return value;
  }
}

/** Whether there may be a topic that matches both filters. */
function overlap(first: string, second: string): boolean {
  const [one, other] = [first.split("/"), second.split("/")];
  for (let at = 0;; at++) {
    const [left, right] = [one[at], other[at]];
    if (left === "#" || right === "#") return true;
    if (left === undefined || right === undefined) return left === right;
    if (left !== right && left !== "+" && right !== "+") return false;
  }
}
