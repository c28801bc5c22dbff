/**
 * Fairness between reading and those who take what was read.
 *
 * @module
 */

/** With so many messages waiting an inbox is crowded, until a quarter of them is left. */
export const CROWDED = 256;

/**
 * Counts the inboxes that are crowded although their reader is awake. A network that is faster than an event loop's
 * turn could otherwise fill every inbox before its reader, which is woken by promises, gets to run even once.
 */
export class Crowding {
  #crowded = 0;
  #round = 0;
  #relieved: (() => void) | undefined;

  /** Whether there is a crowded inbox. */
  get isCrowded(): boolean {
    return this.#crowded > 0;
  }

  /** An inbox is crowded. Returns a number for {@linkcode leave} and {@linkcode isCounted}. */
  enter(): number {
    this.#crowded++;
    return this.#round;
  }

  /** Whether an inbox that has entered then still counts. */
  isCounted(round: number): boolean {
    return round === this.#round;
  }

  /** An inbox no longer is crowded. */
  leave(round: number): void {
    if (round === this.#round && --this.#crowded === 0) this.#relieved?.();
  }

  /**
   * Settles when no inbox is crowded any more, or when all readers that are awake have had their turn: those that have
   * not taken their messages by then wait for something else, and do not count until they ask for the next one.
   */
  relief(): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(() => {
        this.#round++;
        this.#crowded = 0;
        resolve();
      }, 0);
      this.#relieved = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }
}
