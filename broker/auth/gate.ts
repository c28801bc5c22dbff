/**
 * A bound for work that takes long, so that a flood of it leaves the machine to others.
 *
 * @module
 */

/** Lets a number of tasks run at once and a number wait; refuses what comes beyond. */
export class Gate {
  readonly #atOnce: number;
  readonly #maxWaiting: number;
  readonly #waiting: (() => void)[] = [];
  #running = 0;

  /** `atOnce` tasks run, `maxWaiting` more wait in line. */
  constructor(atOnce: number, maxWaiting: number) {
    this.#atOnce = atOnce;
    this.#maxWaiting = maxWaiting;
  }

  /** Tasks that wait. */
  get waiting(): number {
    return this.#waiting.length;
  }

  /** Runs `task` now or when its turn comes. Undefined: too many wait already. */
  run<T>(task: () => Promise<T>): Promise<T> | undefined {
    if (this.#running >= this.#atOnce && this.#waiting.length >= this.#maxWaiting) return undefined;
    return this.#run(task);
  }

  async #run<T>(task: () => Promise<T>): Promise<T> {
    // Who is let in by another that leaves takes over its place.
    if (this.#running >= this.#atOnce) await new Promise<void>((resolve) => this.#waiting.push(resolve));
    else this.#running++;
    try {
      return await task();
    } finally {
      const next = this.#waiting.shift();
      if (next === undefined) this.#running--;
      else next();
    }
  }
}
