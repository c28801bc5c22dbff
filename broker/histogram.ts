/**
 * How long something took, in classes.
 *
 * @module
 */

/** What a {@linkcode Histogram} has counted. */
export interface HistogramState {
  /** Upper bounds of the classes, rising, in milliseconds. */
  readonly bounds: readonly number[];
  /** For each bound, how many were at most that long, those of the classes before included. */
  readonly within: readonly number[];
  /** How many there were in all. */
  readonly count: number;
  /** All together, in milliseconds. */
  readonly sum: number;
}

/** Counts durations by classes. */
export class Histogram {
  readonly #bounds: readonly number[];
  readonly #within: number[];
  #count = 0;
  #sum = 0;

  /** `bounds` are the upper bounds of the classes, rising, in milliseconds. */
  constructor(bounds: readonly number[]) {
    this.#bounds = bounds;
    this.#within = bounds.map(() => 0);
  }

  /** Counts one duration, in milliseconds. */
  add(milliseconds: number): void {
    this.#count++;
    this.#sum += milliseconds;
    for (let i = this.#bounds.length - 1; i >= 0 && milliseconds <= (this.#bounds[i] ?? 0); i--) {
      this.#within[i] = (this.#within[i] ?? 0) + 1;
    }
  }

  /** What was counted so far. */
  state(): HistogramState {
    return { bounds: this.#bounds, within: [...this.#within], count: this.#count, sum: this.#sum };
  }
}
