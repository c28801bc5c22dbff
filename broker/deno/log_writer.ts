/**
 * Log lines to a place that may be slow, full or gone.
 *
 * @module
 */

/** Where bytes of a log go; like `Deno.stderr`. */
export interface LogTarget {
  /** Writes some of the bytes; resolves to how many. */
  write(bytes: Uint8Array): Promise<number>;
  /** Ends it. */
  close?(): void;
}

/** Bytes of lines that may wait. */
const MAX_WAITING = 1024 * 1024;
/** Bytes of one write. */
const MAX_WRITE = 65_536;
/** Milliseconds before a target that has failed is tried again. */
const PAUSE = 1_000;

const ENCODER = new TextEncoder();

/**
 * Writes lines one after the other, in the background. Whoever logs never waits: while the target takes nothing, lines
 * are kept up to a bound, and beyond it dropped and counted. The count is logged when the target takes lines again.
 */
export class LogWriter {
  readonly #target: LogTarget;
  #lines: string[] = [];
  #waiting = 0;
  #missed = 0;
  #dropped = 0;
  #writing: Promise<void> | undefined;
  #closed = false;
  #pause: { readonly timer: ReturnType<typeof setTimeout>; readonly end: () => void } | undefined;

  constructor(target: LogTarget) {
    this.#target = target;
  }

  /** Lines that were dropped since the start. */
  get dropped(): number {
    return this.#dropped;
  }

  /** Takes a line, without line end. */
  write(line: string): void {
    // A line of JavaScript may take three bytes a character; the bound is for memory, so characters will do.
    if (this.#closed || this.#waiting + line.length > MAX_WAITING) {
      this.#missed++;
      this.#dropped++;
      return;
    }
    this.#lines.push(line);
    this.#waiting += line.length + 1;
    this.#writing ??= this.#writeAll();
  }

  /** Resolves when all lines are written, at the latest after `milliseconds`. */
  async flush(milliseconds: number): Promise<void> {
    if (this.#writing === undefined) return;
    const { promise, resolve } = Promise.withResolvers<void>();
    const timer = setTimeout(resolve, milliseconds);
    await Promise.race([this.#writing, promise]);
    clearTimeout(timer);
  }

  /** Writes what waits, for `milliseconds` at most, and takes no more. */
  async close(milliseconds: number): Promise<void> {
    await this.flush(milliseconds);
    this.#closed = true;
    if (this.#pause !== undefined) {
      clearTimeout(this.#pause.timer);
      this.#pause.end();
    }
    this.#target.close?.();
  }

  async #writeAll(): Promise<void> {
    // What is logged in one go goes out in one write.
    await Promise.resolve();
    while (this.#lines.length > 0 && !this.#closed) {
      const { text, count } = this.#take();
      try {
        await this.#writeText(text);
      } catch {
        // Nobody is left to whom it could be said.
        this.#missed += count;
        this.#dropped += count;
        if (!this.#closed) await this.#rest();
      }
    }
    // At once: a line that comes later begins anew.
    this.#writing = undefined;
  }

  #take(): { readonly text: string; readonly count: number } {
    let text = "";
    let count = 0;
    while (count < this.#lines.length && text.length < MAX_WRITE) text += `${this.#lines[count++]}\n`;
    this.#lines = this.#lines.slice(count);
    this.#waiting -= text.length;
    if (this.#missed > 0 && this.#lines.length === 0) {
      text += `${this.#missed} log lines were dropped, because nobody took them\n`;
      this.#missed = 0;
    }
    return { text, count };
  }

  async #writeText(text: string): Promise<void> {
    const bytes = ENCODER.encode(text);
    for (let at = 0; at < bytes.length;) at += await this.#target.write(bytes.subarray(at));
  }

  #rest(): Promise<void> {
    return new Promise((end) => {
      const timer = setTimeout(end, PAUSE);
      // A log alone does not keep the process alive.
      Deno.unrefTimer(timer);
      this.#pause = { timer, end };
    });
  }
}
