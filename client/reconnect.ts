/**
 * When a client that has lost its server tries again.
 *
 * @module
 */

/**
 * How a client gets back to its server. All times are milliseconds, 0 or more.
 *
 * Some answers of a server end all attempts, since trying again would not change them: in MQTT 5.0 the reason codes
 * 0x84, 0x85, 0x86, 0x8C and 0x9D, and 0x8E (session taken over), after which two clients would throw each other out
 * for ever; in MQTT 3.1 and 3.1.1 the return codes 1, 2, 4 and 5. With several servers all of them must have refused the
 * attempt in such a way; with `refresh`, refused credentials (0x86; 4 and 5) are no such answer.
 *
 * @example
 * ```ts
 * import { connect } from "@x/mqtt/client";
 *
 * // Wait for a server that is not up yet, and never longer than ten seconds between two attempts.
 * await using client = await connect("mqtt://127.0.0.1:1883", {
 *   reconnect: { initial: true, maximumDelay: 10_000 },
 *   signal: AbortSignal.timeout(60_000),
 * });
 * ```
 */
export interface ReconnectInit {
  /**
   * Whether `connect()` itself goes on trying when the first attempt (with each server) fails. Default false: it
   * rejects, so that a wrong address is noticed.
   */
  initial?: boolean;
  /** The first wait is a random time up to this one; each further failure doubles it. Default 1,000. */
  minimumDelay?: number;
  /** No wait is longer. Default 60,000. */
  maximumDelay?: number;
  /** A connection that has held for so long starts the waits afresh. Default 30,000. */
  stableAfter?: number;
  /**
   * How many attempts, 1 or more, may fail in a row before the client gives up; with several servers, how many rounds
   * through all of them. Default: no limit.
   */
  maximumAttempts?: number;
}

/** The same with nothing left open. */
export type ReconnectSettings = Readonly<Required<ReconnectInit>>;

/** Fills in the defaults. `RangeError` for times that are negative or not finite. */
export function reconnectSettings({
  initial = false,
  minimumDelay = 1_000,
  maximumDelay = 60_000,
  stableAfter = 30_000,
  maximumAttempts = Infinity,
}: ReconnectInit = {}): ReconnectSettings {
  const settings = { initial, minimumDelay, maximumDelay, stableAfter, maximumAttempts };
  for (const name of ["minimumDelay", "maximumDelay", "stableAfter"] as const) {
    const value = settings[name];
    if (Number.isFinite(value) && value >= 0) continue;
    throw new RangeError(`Cannot connect: reconnect.${name} must be 0 or more milliseconds, received ${value}`);
  }
  if (!(maximumAttempts >= 1)) {
    throw new RangeError(`Cannot connect: reconnect.maximumAttempts must be 1 or more, received ${maximumAttempts}`);
  }
  return settings;
}

/**
 * Exponential back-off with full jitter: the n-th wait is a random time between 0 and `minimumDelay` * 2^n, so that
 * clients which lost their server together do not come back together.
 */
export class Backoff {
  readonly #settings: ReconnectSettings;
  readonly #random: () => number;
  #waits = 0;
  #failures = 0;

  /** `random` gives numbers from 0 up to 1. */
  constructor(settings: ReconnectSettings, random: () => number) {
    this.#settings = settings;
    this.#random = random;
  }

  /** An attempt has failed. */
  attemptFailed(): void {
    this.#failures++;
  }

  /** A connection has ended that had held for `milliseconds`. */
  connectionEnded(milliseconds: number): void {
    this.#failures = 0;
    if (milliseconds >= this.#settings.stableAfter) this.#waits = 0;
  }

  /** The next wait in milliseconds; undefined when `maximumAttempts` is used up. */
  next(): number | undefined {
    const { minimumDelay, maximumDelay, maximumAttempts } = this.#settings;
    if (this.#failures >= maximumAttempts) return undefined;
    // Beyond 2^30 every minimum but 0 has passed the maximum.
    const ceiling = Math.min(maximumDelay, minimumDelay * 2 ** Math.min(this.#waits++, 30));
    return this.#random() * ceiling;
  }
}
