/**
 * A task that runs as soon as everything has been handled that has come in by now.
 *
 * @module
 */

/** Runs one task again and again, each time that it is asked for. A timer would take a millisecond or more. */
export class Soon {
  readonly #channel = new MessageChannel();
  readonly #task: () => void;
  #asked = false;

  constructor(task: () => void) {
    this.#task = task;
  }

  /** Has the task run once, after the running one and what waits already. */
  ask(): void {
    if (this.#asked) return;
    this.#asked = true;
    this.#channel.port1.onmessage = () => this.#run();
    this.#channel.port2.postMessage(undefined);
  }

  /** The task does not run any more. */
  close(): void {
    this.#asked = true;
    this.#channel.port1.close();
  }

  #run(): void {
    this.#asked = false;
    this.#task();
  }
}
