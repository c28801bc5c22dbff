/**
 * The state of one client that outlives its connections (MQTT 5.0 section 4.1).
 *
 * @module
 */

import type { QoS } from "../codec/packets.ts";
import { ReasonCode } from "../codec/reason_codes.ts";
import { InboundFlow } from "../engine/inbound_flow.ts";
import { OutboundFlow } from "../engine/outbound_flow.ts";
import { TextMap } from "../engine/text_map.ts";
import type { Timer } from "../engine/timers.ts";
import type { Clock } from "../engine/clock.ts";
import { type Audit, quoted } from "./audit.ts";
import { type BackPressure, Pace } from "./back_pressure.ts";
import { Delivery, DeliveryQueue, type RetainedBatch } from "./delivery_queue.ts";
import type { Effort } from "./effort.ts";
import type { MemoryGuard } from "./memory_guard.ts";
import type { Metrics } from "./metrics.ts";
import { Publication } from "./publication.ts";
import { SessionAccess } from "./session_access.ts";
import type { SessionEnvironment, SessionQueuePolicy, SessionSettings } from "./session_environment.ts";
import type { SessionJournal } from "./session_journal.ts";
import type { SessionLink } from "./session_link.ts";
import type { ShareGroup } from "./shared_subscriptions.ts";
import type { Slab } from "./slab.ts";
import type { Stint } from "./stint.ts";
import type { StoredBacklog } from "./store.ts";
import type { Subscription } from "./subscription.ts";

/** Session expiry interval of a session that never ends by itself, in seconds. */
export const NEVER_EXPIRES = 0xffff_ffff;

/** About the bytes of memory that an entry of a queue takes beside its message. */
const ENTRY = 128;

/** Stands for a message in flight that can never be sent again, because its session ends with its connection. */
const UNREPEATABLE = new Delivery(new Publication(), 1, false, undefined, undefined);

/** A session: subscriptions, what is in flight in both directions, and what waits. */
export class Session {
  readonly clientId: string;
  /** The user that the client identifier belongs to. */
  readonly username: string | undefined;
  /** Seconds that the session stays after its connection; 0 ends with it, {@linkcode NEVER_EXPIRES} stays. */
  expiryInterval = 0;
  expiryTimer: Timer | undefined;
  /** Whether nothing may be delivered any more; its subscriptions may take a while to go. */
  hasEnded = false;
  /** Subscriptions by filter as the client wrote it. */
  readonly subscriptions = new TextMap<Subscription>();
  readonly outbound: OutboundFlow<Delivery>;
  readonly inbound: InboundFlow;
  readonly #queue: DeliveryQueue;
  readonly #metrics: Metrics;
  readonly #clock: Clock;
  readonly #pressure: BackPressure;
  readonly #memory: MemoryGuard;
  readonly #slab: Slab;
  readonly #effort: Effort;
  readonly #stint: Stint;
  readonly #audit: Pick<Audit, "notice">;
  readonly #settings: SessionSettings;
  readonly #limits: SessionEnvironment["options"];
  /** Only for a subscriber that ever fell behind. */
  #pace: Pace | undefined;
  #policy: SessionQueuePolicy;
  #dropped = 0;
  #isDropping = false;
  #isResting = false;
  #link: SessionLink | undefined;
  #journal: SessionJournal | undefined;
  /** Who alone may take it up; undefined for anybody who may have the client identifier. */
  owner: string | undefined;
  #access: SessionAccess;
  #origin: Session | string = this;

  constructor(clientId: string, username: string | undefined, environment: SessionEnvironment) {
    this.clientId = clientId;
    this.username = username;
    this.outbound = new OutboundFlow();
    this.inbound = new InboundFlow();
    this.#access = new SessionAccess(environment.accessWatch, this, environment.options, undefined);
    this.#limits = environment.options;
    this.#policy = environment.options;
    this.#queue = new DeliveryQueue(environment.options);
    this.#metrics = environment.metrics;
    this.#clock = environment.clock;
    this.#pressure = environment.pressure;
    this.#memory = environment.memory;
    this.#slab = environment.slab;
    this.#effort = environment.effort;
    this.#stint = environment.stint;
    this.#audit = environment.audit;
    this.#settings = environment.options;
  }

  /** Writes down what must survive the broker; undefined without a store, or if the session ends with its connection. */
  get journal(): SessionJournal | undefined {
    return this.#journal;
  }

  set journal(journal: SessionJournal | undefined) {
    this.#journal = journal;
    this.#queue.reader = journal;
  }

  /** Takes up what an earlier broker has left in the store. */
  restoreBacklog(journal: SessionJournal, backlog: StoredBacklog): void {
    this.#queue.pushBacklog(journal, backlog);
  }

  /** What its client may do, as its last connection has shown who that is. */
  get access(): SessionAccess {
    return this.#access;
  }

  set access(access: SessionAccess) {
    this.#access = access;
    this.#origin = access.broker?.identity ?? this;
  }

  /**
   * Where its messages come from, as far as subscriptions with no local are concerned: the session itself, or the broker
   * that its client speaks for, with as many sessions as that may have here.
   */
  get origin(): Session | string {
    return this.#origin;
  }

  /** Whether a connection serves this session. */
  get isConnected(): boolean {
    return this.#link !== undefined;
  }

  /** Whether a QoS 1 message would leave at once. */
  get isReady(): boolean {
    return this.#link !== undefined && !this.#mustQueue(this.#link);
  }

  /** Whether a message can wait without that another one has to go. */
  hasRoomFor(publication: Publication): boolean {
    return this.#queue.hasRoomFor(publication);
  }

  /** Messages that wait, those in flight left out. */
  get queued(): number {
    return this.#queue.length;
  }

  /** Bytes of the messages that wait. */
  get queuedBytes(): number {
    return this.#queue.bytes;
  }

  /** Messages that the queue had no room for, or that expired in it. */
  get dropped(): number {
    return this.#dropped;
  }

  /** What holds for the queue from now on, also when the client is away. */
  set queuePolicy(policy: SessionQueuePolicy) {
    this.#policy = policy;
    this.#queue.limits = policy;
  }

  /** Begins with a connection; `resend` sends what is unfinished and what waited. */
  attach(link: SessionLink, receiveMaximum: number, ourReceiveMaximum: number): void {
    this.#link = link;
    this.outbound.resume(receiveMaximum);
    this.inbound.resume(ourReceiveMaximum);
  }

  /** The connection is gone. */
  detach(): void {
    this.#link = undefined;
    this.#queue.settle();
    this.#pace?.relieve();
  }

  /** Takes a message for this client: sends it, queues it, or drops it where the limits say so. */
  deliver(
    publication: Publication,
    qos: QoS,
    retain: boolean,
    subscriptionIds: readonly number[] | undefined,
    share: ShareGroup | undefined,
  ): void {
    const link = this.#link;
    // Before 5.0 a live message has RETAIN 0, whatever the subscription says that a 5.0 connection left behind.
    if (retain && link !== undefined && !link.keepsRetain) retain = false;
    if (qos === 0) {
      if (link === undefined && !this.keepsQoS0) return;
      if (link !== undefined && !this.#queue.holdsQoS0) {
        if (!link.sendQoS0(publication, retain, subscriptionIds)) this.#sayThatItDrops("outputFull");
        if (link.isFilling) this.#fallBehind();
        return;
      }
    } else if (link !== undefined && !this.#mustQueue(link)) {
      return this.#begin(link, publication, qos, retain, subscriptionIds, share);
    }
    if (this.#memory.isFull && (qos === 0 || this.#journal === undefined)) {
      this.#dropped++;
      this.#metrics.dropped.memoryFull++;
    } else if (this.#queue.hasRoomFor(publication) || this.#makeRoomFor(publication)) {
      this.#enqueue(publication, qos, retain, subscriptionIds, share);
    } else {
      this.#dropped++;
      this.#metrics.dropped.queueFull++;
      this.#sayThatItDrops("queueFull");
    }
    if (link !== undefined && this.#queue.isFilling) this.#fallBehind();
  }

  /** Once, until the client has caught up. */
  #sayThatItDrops(reason: "queueFull" | "outputFull"): void {
    if (this.#isDropping) return;
    this.#isDropping = true;
    const { clientId } = this;
    this.#audit.notice(reason, () => `Outgoing messages are being dropped for client ${quoted(clientId)}: ${reason}`);
  }

  /** Lets what has expired give way, and the oldest messages if that is the policy. False: there is no room. */
  #makeRoomFor(publication: Publication): boolean {
    this.#dropExpired();
    if (this.#queue.hasRoomFor(publication)) return true;
    if (this.#policy.queueOverflow !== "drop-oldest" || publication.size > this.#policy.maxQueuedBytes) return false;
    while (!this.#queue.hasRoomFor(publication)) {
      const oldest = this.#queue.takeOldest();
      if (oldest === undefined) return false;
      this.#dropped++;
      this.#metrics.dropped.queueFull++;
      this.#sayThatItDrops("queueFull");
      this.#journal?.finished(oldest);
    }
    return true;
  }

  /** What has waited for too long gives its room to others; the oldest stand in front. */
  #dropExpired(): void {
    const now = this.#clock.now();
    for (let first = this.#queue.peek(); first !== undefined; first = this.#queue.peek()) {
      if (first.publication.expiresAt > now) return;
      this.#queue.shift();
      this.#expired(first);
    }
  }

  #expired(delivery: Delivery): void {
    this.#dropped++;
    this.#metrics.dropped.expired++;
    this.#journal?.finished(delivery);
  }

  #enqueue(
    publication: Publication,
    qos: QoS,
    retain: boolean,
    subscriptionIds: readonly number[] | undefined,
    share: ShareGroup | undefined,
  ): void {
    if (this.#queue.length === 0) this.#isDropping = false;
    const lasts = this.#link === undefined || this.#journal !== undefined;
    const { maxQueuedAge } = this.#policy;
    if (maxQueuedAge !== undefined) this.#dropExpired();
    const kept = maxQueuedAge !== undefined
      ? publication.expiringAt(this.#clock.now() + maxQueuedAge * 1000)
      : lasts
      ? publication.keep()
      : publication.keepBriefly(this.#slab);
    const delivery = new Delivery(kept, qos, retain, subscriptionIds, share);
    this.#memory.note(ENTRY);
    if (qos > 0) this.#journal?.queued(delivery, this.#link !== undefined);
    this.#queue.push(delivery);
  }

  /** Takes retained messages for a new subscription. */
  deliverRetained(batch: RetainedBatch): void {
    this.#queue.pushBatch(batch);
    this.pump();
  }

  /** The client has acknowledged a message, so that another may be in flight. */
  acknowledged(): void {
    this.#pace?.take(1 / this.#policy.maxQueuedMessages);
    this.pump();
  }

  /** So many bytes have gone out to the client. */
  written(bytes: number): void {
    this.#pace?.take(bytes / this.#limits.maxOutputBytes);
    this.pump();
  }

  /** Sends what can be sent now: first what is unfinished from the connection before, then what waits. */
  pump(): void {
    const link = this.#link;
    if (link === undefined) return;
    if (this.outbound.resending) this.#resend(link);
    if (this.#queue.length > 0) this.#sendWaiting(link);
    if (this.#pace !== undefined) this.#catchUp(link, this.#pace);
  }

  #sendWaiting(link: SessionLink): void {
    if (this.#isResting) return;
    while (this.#queue.length > 0 && !link.congested) {
      const next = this.#queue.peek();
      if (next === undefined) return;
      if (next.qos > 0 && (this.#isWindowFull || this.outbound.resending)) return;
      if (this.#stint.isOver || this.#effort.isGreat) return this.#rest();
      this.#stint.onSent(next.publication.size);
      // As in deliver(): the connection may be of another version than the one that subscribed.
      const isFlagged = next.retain && !link.keepsRetain && !this.#queue.beginsWithRetained;
      this.#queue.shift();
      this.#sendQueued(link, isFlagged ? next.asLive() : next);
    }
  }

  #rest(): void {
    this.#isResting = true;
    this.#effort.rest().then(() => {
      this.#isResting = false;
      this.pump();
    });
  }

  /** Whoever prefers the newest messages slows no publisher down. */
  #fallBehind(): void {
    if (this.#policy.queueOverflow === "drop-oldest") return;
    this.#pressure.note(this.#pace ??= new Pace(), this);
  }

  #catchUp(link: SessionLink, pace: Pace): void {
    if (pace.isAwaited && this.#queue.hasRoom && !link.isFilling) pace.relieve();
    if (this.#queue.length > 0 || link.congested) return;
    pace.reset();
    this.#isDropping = false;
  }

  /** Ends the session. Returns the messages of share groups that another member can still have. */
  end(): Delivery[] {
    this.hasEnded = true;
    this.detach();
    const begun = this.outbound.clear().filter((delivery) => delivery.qos === 1);
    return [...begun.filter((delivery) => delivery.share !== undefined), ...this.#queue.clear()];
  }

  /** Whether QoS 0 messages wait for the client while it is away. */
  get keepsQoS0(): boolean {
    return this.#policy.queueQoS0Messages && this.expiryInterval > 0;
  }

  /** Whether no more may be in flight, by number or by bytes. */
  get #isWindowFull(): boolean {
    if (this.outbound.quota === 0) return true;
    const { maxInflightBytes } = this.#settings;
    if (maxInflightBytes === Infinity) return false;
    let bytes = 0;
    for (const { message } of this.outbound) bytes += message.publication.size;
    return bytes >= maxInflightBytes;
  }

  #mustQueue(link: SessionLink): boolean {
    return this.#queue.length > 0 || this.#isWindowFull || this.outbound.resending || link.congested;
  }

  #resend(link: SessionLink): void {
    let exactlyOnce = false;
    for (let open = this.outbound.nextResend(); open !== undefined; open = this.outbound.nextResend()) {
      if (open.qos === 2) exactlyOnce = true;
      if (open.phase === "pubrel") {
        link.sendPubrel(open.packetId);
        continue;
      }
      const { publication, retain, subscriptionIds } = open.message;
      if (!link.accepts(publication, open.qos, subscriptionIds)) {
        this.#giveUp(open.packetId, open.qos, open.message);
        continue;
      }
      link.sendDelivery(publication, open.qos, retain, true, open.packetId, subscriptionIds);
    }
    // It may not have been committed yet when the connection before broke.
    if (exactlyOnce && this.#journal !== undefined) link.hold();
  }

  /** This connection takes smaller packets than the one before: the message counts as delivered [MQTT-3.1.2-25]. */
  #giveUp(packetId: number, qos: 1 | 2, delivery: Delivery): void {
    this.#metrics.dropped.tooLarge++;
    this.#journal?.finished(delivery);
    if (qos === 1) this.outbound.puback(packetId);
    else this.outbound.pubrec(packetId, ReasonCode.PacketTooLarge);
  }

  #sendQueued(link: SessionLink, delivery: Delivery): void {
    const { publication, qos, retain, subscriptionIds, share } = delivery;
    if (publication.expiresAt < Infinity && publication.expiresAt <= this.#clock.now()) {
      return this.#expired(delivery);
    }
    if (!this.access.mayReceive(publication.topic)) {
      this.#metrics.dropped.notAuthorized++;
      this.#journal?.finished(delivery);
      return;
    }
    if (this.#cameFromThere(publication)) return this.#journal?.finished(delivery);
    if (qos === 0) return void link.sendQoS0(publication, retain, subscriptionIds);
    this.#begin(link, publication, qos, retain, subscriptionIds, share, delivery);
  }

  /** A bridge of ours may have learned only now which broker it brings messages to; all it gets has no local. */
  #cameFromThere({ source }: Publication): boolean {
    const { broker } = this.#access;
    return broker !== undefined && this.owner !== undefined && source?.broker?.identity === broker.identity;
  }

  #begin(
    link: SessionLink,
    publication: Publication,
    qos: 1 | 2,
    retain: boolean,
    subscriptionIds: readonly number[] | undefined,
    share: ShareGroup | undefined,
    queued?: Delivery,
  ): void {
    const journal = this.#journal;
    if (!link.accepts(publication, qos, subscriptionIds)) {
      this.#metrics.dropped.tooLarge++;
      if (queued !== undefined) journal?.finished(queued);
      return;
    }
    const isWeighed = this.#settings.maxInflightBytes < Infinity;
    const repeatable = this.expiryInterval > 0 || share !== undefined || journal !== undefined || isWeighed;
    const delivery = queued?.place !== undefined
      ? queued
      : repeatable
      ? new Delivery(publication.keep(), qos, retain, subscriptionIds, share)
      : UNREPEATABLE;
    const packetId = this.outbound.begin(delivery, qos);
    if (journal?.begun(delivery, packetId)) link.hold();
    link.sendDelivery(publication, qos, retain, false, packetId, subscriptionIds);
  }
}
