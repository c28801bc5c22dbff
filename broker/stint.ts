/**
 * Much work at a time, and the turns of others.
 *
 * @module
 */

/** Others wait for about this time, in milliseconds: as long as it may take until a timer is due. */
const STINT = 2.1;
/** The same for chunks of packets: a runtime that looks at its sockets often enough does so before. */
const STINT_OF_CHUNKS = 4;
/** Sockets are looked at for certain after this time of stints, in milliseconds. */
const PATIENCE = 20;

/** After so many units of work, of about 0.2 µs, the time is looked at. */
const UNITS_PER_LOOK = 1_024;
/** What a filter takes that is subscribed to, or no longer. */
const UNITS_PER_FILTER = 8;
/** What a packet takes that is not a message, such as PINGREQ with its answer. */
const UNITS_PER_PACKET = 4;
/** Bytes of packets that take at least a unit. */
const BYTES_PER_UNIT = 128;
/** The same for bytes that are sent, which are copied and written: 2 to the power of this take a unit. */
const SENT_BYTES_SHIFT = 9;
/** Who sends smaller chunks never rests for them: a runtime handles so many of them in a row and no more. */
const LITTLE_CHUNK = 1_024;
/** What it takes at most from the end of a rest to work: a settled promise leads to the next one. */
const HOPS = 16;

/**
 * The time that all have together who read without end, send long queues or handle many filters, until others have their
 * turn.
 *
 * A runtime looks at its sockets when it has nothing else to do, and promises of what can be done at once, as most writes
 * and many reads, settle before that. *Measured* on Deno: a publisher whose bytes were there whenever they were read kept
 * all others waiting for two seconds. Neither `setImmediate` nor message channels nor tasks of other threads help; a timer
 * does, for which the runtime waits 1 to 2 ms. One that began as long ago is due: that costs 30 µs, but now and then the
 * runtime sees so before it looks at its sockets. Whoever knows the runtime knows a shorter way, perhaps.
 */
export class Stint {
  #units = 0;
  /** Those of what is handled now. */
  #own = 0;
  /** When it began, in milliseconds of `performance.now()`; undefined: there was little to do so far. */
  #begun: number | undefined;
  /** When sockets were looked at for certain. */
  #looked = 0;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #isClosed = false;
  /** Resolves when sockets were looked at for certain; by default, a timer that begins then is due. */
  look: () => Promise<void> = () => new Promise((resolve) => setTimeout(resolve, 0));
  #looking: Promise<void> | undefined;
  readonly #resting: (() => void)[] = [];

  /** A chunk of packets begins, or the end of a session: little work waits for nobody who has much. */
  begin(): void {
    this.#own = 0;
  }

  /** Counts a message of so many bytes that was taken out of a queue. */
  onSent(bytes: number): void {
    this.#units += 1 + (bytes >> SENT_BYTES_SHIFT);
  }

  /** Counts a packet that was decoded. A promise: the next one waits until it resolves. */
  onPacket(): Promise<void> | undefined {
    return this.#onWork(UNITS_PER_PACKET);
  }

  /** Counts filters that are handled. A promise: who has more to do with them waits until it resolves. */
  onFilters(count: number): Promise<void> | undefined {
    return this.#onWork(UNITS_PER_FILTER * count);
  }

  #onWork(units: number): Promise<void> | undefined {
    this.#units += units;
    this.#own += units;
    return this.#own >= UNITS_PER_LOOK && this.isOver ? this.rest() : undefined;
  }

  /** Counts the bytes of a chunk that was handled. A promise: nothing more is read until it resolves. */
  onChunk(bytes: number): Promise<void> | undefined {
    this.#units += Math.ceil(bytes / BYTES_PER_UNIT);
    return bytes >= LITTLE_CHUNK && this.#hasTaken(STINT_OF_CHUNKS) ? this.rest() : undefined;
  }

  /** Whether it is the turn of others: who has more to do {@linkcode rest}s. */
  get isOver(): boolean {
    return this.#hasTaken(STINT);
  }

  #hasTaken(time: number): boolean {
    if (this.#units < UNITS_PER_LOOK || this.#isClosed) return false;
    const now = performance.now();
    if (this.#begun !== undefined && now >= this.#begun + time) return true;
    if (this.#begun === undefined) this.#begin(now);
    this.#units = 0;
    return false;
  }

  /** Whether others wait for their turn. */
  get isAwaited(): boolean {
    return this.#resting.length > 0;
  }

  /** Resolves when others have had their turn: sockets, and those who rest already. */
  rest(): Promise<void> {
    if (this.#isClosed) return Promise.resolve();
    if (this.#begun === undefined) this.#begin(performance.now());
    // Whoever rests has done much, whatever was counted here.
    this.#units = Math.max(this.#units, UNITS_PER_LOOK);
    return new Promise((resolve) => void this.#resting.push(resolve));
  }

  /** Nobody rests any more. Resolves when no look is under way. */
  async close(): Promise<void> {
    this.#isClosed = true;
    clearTimeout(this.#timer);
    for (const resolve of this.#resting.splice(0)) resolve();
    await this.#looking;
  }

  #begin(now: number): void {
    this.#begun = now;
    this.#timer = setTimeout(() => this.#onDue(), 1);
  }

  #onDue(): void {
    const now = performance.now();
    if (this.#resting.length === 0 || now < this.#looked + PATIENCE) return void this.#goOn(now);
    this.#looking = this.look().then(() => void this.#goOn(this.#looked = performance.now()));
  }

  async #goOn(now: number): Promise<void> {
    this.#begun = undefined;
    this.#units = 0;
    if (this.#resting.length > 0) this.#begin(now);
    while (!this.isOver) {
      const next = this.#resting.shift();
      if (next === undefined) return;
      next();
      await this.#atWork();
    }
  }

  /** Resolves when the one whose rest is over has done something, or seems to have nothing to do. */
  async #atWork(): Promise<void> {
    const units = this.#units;
    for (let i = 0; i < HOPS && this.#units === units; i++) await undefined;
  }
}
