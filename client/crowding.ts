/**
 * Fairness between reading and those who take what was read.
 *
 * @module
 */

/** With so many messages waiting an inbox is crowded, until a quarter of them is left. */
export const CROWDED = 256;

/**
 * Counts the inboxes that are crowded. A network that is faster than an event loop's turn could otherwise fill every
 * inbox before its reader, which is woken by promises, gets to run even once.
 */
export class Crowding {
  #crowded = 0;
  #relieved: (() => void) | undefined;

  /** Whether there is a crowded inbox. */
  get isCrowded(): boolean {
    return this.#crowded > 0;
  }

  /** An inbox has become crowded. */
  enter(): void {
    this.#crowded++;
  }

  /** An inbox no longer is. */
  leave(): void {
    if (--this.#crowded === 0) this.#relieved?.();
  }

  /**
   * Settles when no inbox is crowded any more, or when all readers that are awake have had their turn: one that waits
   * for something else does not hold up the connection.
   */
  relief(): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, 0);
      this.#relieved = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }
}
