/**
 * Topic aliases of one connection, one class for each direction (MQTT 5.0 section 3.3.2.3.4).
 *
 * @module
 */

import { MqttError } from "../codec/errors.ts";
import { ReasonCode } from "../codec/reason_codes.ts";

/** What to send for a topic. */
export interface TopicAliasAssignment {
  /** The topic name. */
  readonly topic: string;
  /** 1 to the peer's Topic Alias Maximum. */
  readonly alias: number;
  /** True: send alias and topic name, then commit. False: the peer knows the alias, send it with an empty topic name. */
  readonly isNew: boolean;
}

/**
 * The aliases that we assign. Made for one connection, forgotten with it.
 *
 * An alias is offered by {@linkcode assign}, and holds from {@linkcode commit} on, which is to be called when the packet
 * really goes out. A packet that is dropped in between (too large, expired, over a budget) changes nothing.
 *
 * When all aliases are in use, the table changes hands slowly: each topic without alias looks at one assigned topic, in
 * turn, and takes its alias only if that was not used since the last look. What is sent often keeps its alias, what is
 * no longer sent loses it, and neither costs more than a step.
 *
 * @example
 * ```ts
 * import { OutboundTopicAliases } from "@x/mqtt/engine";
 *
 * const aliases = new OutboundTopicAliases(10);
 * const first = aliases.assign("a/long/topic"); // { alias: 1, isNew: true }: send both
 * if (first?.isNew) aliases.commit(first);
 * aliases.assign("a/long/topic"); // { alias: 1, isNew: false }: send the alias alone
 * ```
 */
export class OutboundTopicAliases {
  /** The peer's Topic Alias Maximum; 0 means that it takes none. */
  readonly maximum: number;
  readonly #assigned: TopicMap<AssignedTopicAlias>;
  /** By alias - 1, which is also the order in which they are looked at. */
  readonly #byAlias: AssignedTopicAlias[] = [];
  #hand = 0;

  /**
   * `maximum`: the Topic Alias Maximum that the peer stated, 0 (also if it stated none) to 65,535. `assigned`: an empty
   * map to keep them in; default a `Map`, which is slow for topic names that somebody has chosen to make it slow.
   */
  constructor(maximum: number, assigned: TopicMap<AssignedTopicAlias> = new Map()) {
    this.maximum = checkedMaximum(maximum);
    this.#assigned = assigned;
  }

  /** The alias to send for a topic; undefined: send the topic name without one. */
  assign(topic: string): TopicAliasAssignment | undefined {
    const assigned = this.#assigned.get(topic);
    if (assigned !== undefined) {
      assigned.used = true;
      return assigned;
    }
    const alias = this.#byAlias.length < this.maximum ? this.#byAlias.length + 1 : this.#unusedAlias();
    return alias === 0 ? undefined : { topic, alias, isNew: true };
  }

  /** The next alias in turn, if its topic was not used since the last look; otherwise 0. */
  #unusedAlias(): number {
    const assigned = this.#byAlias[this.#hand];
    if (assigned === undefined) return 0;
    if (!assigned.used) return assigned.alias;
    assigned.used = false;
    this.#moveOn();
    return 0;
  }

  #moveOn(): void {
    this.#hand = (this.#hand + 1) % this.maximum;
  }

  /** The packet with this topic name and alias goes out; all later ones may carry the alias alone. */
  commit(assignment: TopicAliasAssignment): void {
    if (!assignment.isNew) return;
    const { topic, alias } = assignment;
    const replaced = this.#byAlias[alias - 1];
    if (replaced !== undefined) {
      this.#assigned.delete(replaced.topic);
      this.#moveOn();
    }
    const assigned = { topic, alias, isNew: false, used: true };
    this.#byAlias[alias - 1] = assigned;
    this.#assigned.set(topic, assigned);
  }
}

/** What is needed of a `Map` by topic name. */
export interface TopicMap<T> {
  /** The value of a topic name. */
  get(topic: string): T | undefined;
  /** Adds a topic name, or replaces its value. */
  set(topic: string, value: T): unknown;
  /** Removes a topic name. */
  delete(topic: string): unknown;
}

/** An alias that holds. */
export interface AssignedTopicAlias extends TopicAliasAssignment {
  /** Whether it was sent since the last look. */
  used: boolean;
}

/**
 * The aliases that the peer assigns, with what the owner keeps for each, a topic name or more. Made for one
 * connection, forgotten with it.
 *
 * @example
 * ```ts
 * import { InboundTopicAliases } from "@x/mqtt/engine";
 *
 * const aliases = new InboundTopicAliases<string>(10);
 * aliases.set(3, "a/long/topic"); // PUBLISH with topic name and alias
 * aliases.resolve(3); // PUBLISH with the alias alone: "a/long/topic"
 * ```
 */
export class InboundTopicAliases<T> {
  /** Our Topic Alias Maximum; 0 means that the peer may use none. */
  readonly maximum: number;
  readonly #values = new Map<number, T>();

  /** `maximum`: the Topic Alias Maximum that we stated, 0 (also if we stated none) to 65,535. */
  constructor(maximum: number) {
    this.maximum = checkedMaximum(maximum);
  }

  /**
   * PUBLISH came with an alias and a topic name: the alias stands for it from now on.
   *
   * @throws {MqttError} 0x94 (topic alias invalid) if `alias` is 0 or above {@linkcode maximum}.
   */
  set(alias: number, value: T): void {
    this.#check(alias);
    this.#values.set(alias, value);
  }

  /**
   * PUBLISH came with an alias and an empty topic name.
   *
   * @throws {MqttError} 0x94 (topic alias invalid) if `alias` is 0 or above {@linkcode maximum}, 0x82 (protocol error)
   * if it was not set on this connection.
   */
  resolve(alias: number): T {
    this.#check(alias);
    const value = this.#values.get(alias);
    if (value !== undefined) return value;
    throw new MqttError(
      `Cannot resolve topic alias: it must be set on this connection before, received ${alias}`,
      ReasonCode.ProtocolError,
    );
  }

  #check(alias: number): void {
    if (alias >= 1 && alias <= this.maximum) return;
    throw new MqttError(
      `Cannot use topic alias: it must be from 1 to ${this.maximum}, received ${alias}`,
      ReasonCode.TopicAliasInvalid,
    );
  }
}

function checkedMaximum(maximum: number): number {
  if (Number.isInteger(maximum) && maximum >= 0 && maximum <= 65_535) return maximum;
  throw new RangeError(
    `Cannot use topic alias maximum: it must be an integer from 0 to 65535, received ${maximum}`,
  );
}
