/**
 * What sessions work with.
 *
 * @module
 */

import type { Clock } from "../engine/clock.ts";
import type { Audit } from "./audit.ts";
import type { BackPressure } from "./back_pressure.ts";
import type { QueueLimits } from "./delivery_queue.ts";
import type { MemoryGuard } from "./memory_guard.ts";
import type { Effort } from "./effort.ts";
import type { Metrics } from "./metrics.ts";
import type { AccessWatch, RuleSource } from "./session_access.ts";
import type { Slab } from "./slab.ts";
import type { Stint } from "./stint.ts";

/** What a session has to know about the options. */
export interface SessionSettings {
  readonly maxInflightBytes: number;
}

/** What may wait for a session, and what gives way. */
export interface SessionQueuePolicy extends QueueLimits {
  readonly queueQoS0Messages: boolean;
  /** Seconds that a message may wait; absent for ever. */
  readonly maxQueuedAge?: number;
  /** Which message is dropped when the queue is full. Absent: the newest. */
  readonly queueOverflow?: "drop-newest" | "drop-oldest";
}

/** What the sessions of one broker share. */
export interface SessionEnvironment {
  /** Tells when answers of access rules hold no longer. */
  readonly accessWatch: AccessWatch;
  readonly options: SessionQueuePolicy & SessionSettings & RuleSource & { readonly maxOutputBytes: number };
  readonly metrics: Metrics;
  readonly clock: Clock;
  readonly pressure: BackPressure;
  readonly memory: MemoryGuard;
  readonly slab: Slab;
  readonly effort: Effort;
  readonly stint: Stint;
  readonly audit: Pick<Audit, "notice">;
}
