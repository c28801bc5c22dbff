/**
 * Turns of the event loop.
 *
 * A socket that is always ready settles its reads and writes at once, and promises that settle at once keep all other
 * events waiting: *measured*, for up to 128 reads in a row. Whoever has worked for a while lets the others have a turn.
 *
 * @module
 */

/** Hands out turns. */
export class EventLoopTurns {
  // A message is the quickest way round the loop that all runtimes have: a timer takes a millisecond or more.
  #channel: MessageChannel | undefined;
  #waiting: (() => void)[] = [];
  #closed = false;

  /** Resolves when the events that wait have had their turn. */
  next(): Promise<void> {
    if (this.#closed) return Promise.resolve();
    return new Promise((resolve) => {
      this.#waiting.push(resolve);
      if (this.#waiting.length === 1) this.#open().postMessage(undefined);
    });
  }

  /** Lets everyone go on, and ends what keeps the process alive. */
  close(): void {
    this.#closed = true;
    this.#channel?.port1.close();
    this.#channel?.port2.close();
    this.#channel = undefined;
    this.#resume();
  }

  #open(): MessagePort {
    if (this.#channel === undefined) {
      this.#channel = new MessageChannel();
      this.#channel.port1.onmessage = () => this.#resume();
    }
    return this.#channel.port2;
  }

  #resume(): void {
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const resume of waiting) resume();
  }
}
