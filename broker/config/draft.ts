/**
 * What the files have said while they are being read.
 *
 * @module
 */

import type { ListenerPolicy } from "../listener_policy.ts";
import { ConfigurationError, type Place, type Remark } from "./errors.ts";
import type { BridgeDraft, GeneralDraft, ListenerDraft, SecurityDraft } from "./option.ts";

/** All that the files have said so far. */
export class Draft {
  readonly general: GeneralDraft = {
    options: {},
    admin: {},
    logTimestamp: true,
    persistence: false,
    persistenceFile: "mosquitto.db",
  };
  /** For all listeners, unless each has its own. */
  readonly security: SecurityDraft = {};
  /** For all listeners, where they say nothing else. */
  readonly limits: ListenerPolicy = {};
  readonly defaultListener: ListenerDraft = newListener(undefined);
  readonly listeners: ListenerDraft[] = [];
  readonly bridges: BridgeDraft[] = [];
  readonly problems: Remark[] = [];
  readonly warnings: Remark[] = [];
  perListenerSettings = false;
  /** The first option about users. */
  firstSecurity: Place | undefined;
  /** Options that may be given once, and were. */
  readonly seen = new Map<string, Place>();

  warn(place: Place, message: string): void {
    this.warnings.push({ place, message });
  }

  /** Runs `task`; what it finds wrong is kept for the end. */
  attempt(task: () => void): void {
    try {
      task();
    } catch (error) {
      if (!(error instanceof ConfigurationError)) throw error;
      this.problems.push(...error.problems);
    }
  }
}

/** A section that says nothing yet. */
export function newListener(place: Place | undefined): ListenerDraft {
  return { place, policy: {}, security: {}, given: new Map() };
}
