/**
 * What one session may publish and receive, with the answers remembered: a topic that was decided about costs a
 * comparison.
 *
 * @module
 */

import { topicMatches } from "../codec/topic.ts";
import type { AccessRules, AccessSubject, Permissions, SubscribeRequest } from "./hooks.ts";
import { Cost, type Effort } from "./effort.ts";
import { covers } from "./filter_cover.ts";
import type { OtherBroker } from "./origin.ts";
import type { StoredAccess } from "./store.ts";
import { type Topic, weightOf } from "./topic_cache.ts";

/** Where the rules come from; they may be others the next time that {@linkcode AccessWatch.epoch} has changed. */
export interface RuleSource {
  /** Stands for the source in the store. */
  readonly name?: string;
  readonly access?: AccessRules;
}

/** Tells from when on answers of rules hold. One for all sessions of a broker. */
export class AccessWatch {
  /** Changes with the rules; no answer of an earlier epoch holds. */
  epoch = 0;
  readonly #onChange: () => void;
  /** Is told what answers take. */
  readonly effort: Pick<Effort, "spend">;
  /** Is told that rules have thrown, for which client, and what. */
  readonly onFailure: (subject: AccessSubject, error: unknown) => void;
  readonly #watched = new Map<AccessRules, () => void>();

  /** `onChange` is called with each new epoch. */
  constructor(onChange: () => void, effort: Pick<Effort, "spend">, onFailure: AccessWatch["onFailure"]) {
    this.#onChange = onChange;
    this.effort = effort;
    this.onFailure = onFailure;
  }

  /** Begins a new epoch. */
  renew(): void {
    this.epoch++;
    this.#onChange();
  }

  /** Begins a new epoch whenever these rules change. */
  watch(rules: AccessRules): void {
    if (this.#watched.has(rules)) return;
    this.#watched.set(rules, rules.onChange(() => this.renew()));
  }

  /** Watches nothing any more. */
  close(): void {
    for (const end of this.#watched.values()) end();
    this.#watched.clear();
  }
}

/** Topics with remembered answers, for a client that publishes to more than one; long names count for more. */
const MAX_REMEMBERED = 256;

/** What one session may do, as long as it has the same rules and permissions. */
export class SessionAccess {
  readonly #watch: AccessWatch;
  readonly #subject: AccessSubject;
  readonly #source: RuleSource;
  readonly #permissions: Permissions | undefined;
  /** The broker that the client speaks for; undefined if it speaks for itself. */
  readonly broker: OtherBroker | undefined;
  #epoch = -1;
  #rules: AccessRules | undefined;
  #record: StoredAccess | undefined;
  #isFree = true;
  readonly #publish: Remembered;
  readonly #receive: Remembered;

  constructor(
    watch: AccessWatch,
    subject: AccessSubject,
    source: RuleSource,
    permissions: Permissions | undefined,
    broker?: OtherBroker,
  ) {
    this.#watch = watch;
    this.#subject = { clientId: subject.clientId, username: subject.username };
    this.#source = source;
    this.#permissions = permissions;
    this.broker = broker;
    this.#publish = new Remembered((topic) => this.#mayPublish(topic), watch.effort);
    this.#receive = new Remembered((topic) => this.#mayReceive(topic), watch.effort);
  }

  /** What the next broker has to know; the same object each time. */
  get record(): StoredAccess {
    const { clientId, username } = this.#subject;
    return this.#record ??= {
      clientId,
      username,
      listener: this.#source.name,
      permissions: this.#permissions,
      broker: this.broker,
    };
  }

  /** Whether nothing is forbidden now. */
  get isFree(): boolean {
    if (this.#epoch !== this.#watch.epoch) this.#refresh();
    return this.#isFree;
  }

  /** Whether the client may publish to a topic. */
  mayPublish(topic: Topic): boolean {
    return this.isFree || this.#publish.decide(topic);
  }

  /** Whether the client gets what is published to a topic. */
  mayReceive(topic: Topic): boolean {
    return this.isFree || this.#receive.decide(topic);
  }

  /** Whether the client may subscribe to a filter. */
  maySubscribe(request: SubscribeRequest): boolean {
    if (this.isFree) return true;
    const allowed = this.#permissions?.subscribe;
    if (allowed !== undefined && !allowed.some((filter) => covers(filter, request.filter))) return false;
    return this.#ask((rules) => rules.maySubscribe(this.#subject, request));
  }

  #refresh(): void {
    this.#epoch = this.#watch.epoch;
    this.#rules = this.#source.access;
    if (this.#rules !== undefined) this.#watch.watch(this.#rules);
    this.#isFree = this.#rules === undefined && this.#permissions === undefined;
    this.#publish.forget();
    this.#receive.forget();
  }

  #mayPublish(topic: string): boolean {
    if (!matchesAny(this.#permissions?.publish, topic)) return false;
    return this.#ask((rules) => rules.mayPublish(this.#subject, topic));
  }

  #mayReceive(topic: string): boolean {
    if (!matchesAny(this.#permissions?.subscribe, topic)) return false;
    return this.#ask((rules) => rules.mayReceive(this.#subject, topic));
  }

  /** Rules that fail allow nothing. They are asked in the way of anybody's messages, and by timers: nobody else may suffer. */
  #ask(question: (rules: AccessRules) => boolean): boolean {
    if (this.#rules === undefined) return true;
    try {
      const answer: unknown = question(this.#rules);
      if (typeof answer === "boolean") return answer;
      // Nobody waits for a rule that is asynchronous by mistake.
      if (answer instanceof Promise) answer.catch(() => {});
      throw new TypeError(`Cannot decide: an access rule must answer true or false at once, received ${typeof answer}`);
    } catch (error) {
      this.#watch.onFailure(this.#subject, error);
      return false;
    }
  }
}

function matchesAny(filters: readonly string[] | undefined, topic: string): boolean {
  return filters === undefined || filters.some((filter) => topicMatches(filter, topic));
}

/** Answers by topic; the last one is found without a map. */
class Remembered {
  readonly #ask: (topic: string) => boolean;
  readonly #effort: Pick<Effort, "spend">;
  #topic: Topic | undefined;
  #answer = false;
  #others: Map<Topic, boolean> | undefined;
  #weight = 0;

  constructor(ask: (topic: string) => boolean, effort: Pick<Effort, "spend">) {
    this.#ask = ask;
    this.#effort = effort;
  }

  decide(topic: Topic): boolean {
    return topic === this.#topic ? this.#answer : this.#find(topic);
  }

  forget(): void {
    this.#topic = undefined;
    this.#forgetOthers();
  }

  #forgetOthers(): void {
    this.#others = undefined;
    this.#weight = 0;
  }

  #find(topic: Topic): boolean {
    if (this.#topic !== undefined) {
      if (this.#weight >= MAX_REMEMBERED) this.#forgetOthers();
      this.#others ??= new Map();
      if (!this.#others.has(this.#topic)) this.#weight += weightOf(this.#topic);
      this.#others.set(this.#topic, this.#answer);
    }
    this.#answer = this.#others?.get(topic) ?? this.#findOut(topic);
    this.#topic = topic;
    return this.#answer;
  }

  /** How long it takes depends on the rules, and on names that clients give themselves: only a clock can tell. */
  #findOut(topic: Topic): boolean {
    const begun = performance.now();
    const answer = this.#ask(topic.name);
    this.#effort.spend((performance.now() - begun) * Cost.Millisecond);
    return answer;
  }
}
