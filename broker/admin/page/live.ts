/**
 * What the broker tells without being asked: samples and log lines. When it is lost, it is looked for until it is back.
 *
 * @module
 */

import type { AdminEvent, LogLine, Sample } from "../api_events.ts";
import type { ApiClient } from "./api_client.ts";
import { RefusedError } from "./api_client.ts";
import { setClock } from "./clock.ts";
import { failureText } from "./notice.ts";
import { eventData } from "./event_stream.ts";

/** How it stands with the broker. */
export type LiveState =
  | { readonly kind: "connecting" }
  | { readonly kind: "live" }
  /** `reason`: for people. */
  | { readonly kind: "lost"; readonly reason: string };

/** Milliseconds of samples that are kept. */
const SPAN = 600_000;
/** Log lines that are kept. */
const LINES = 500;
/** Without a sign of life for so long the broker counts as lost, in milliseconds. */
const SILENCE = 10_000;
/** Milliseconds before the first attempt to get back; each further one waits longer. */
const FIRST_WAIT = 500;
const LONGEST_WAIT = 5_000;

/** Events: `state`, `sample`, `log`; and `back` when the broker was lost and is there again. */
export class Live extends EventTarget {
  readonly #api: ApiClient;
  readonly samples: Sample[] = [];
  readonly lines: LogLine[] = [];
  state: LiveState = { kind: "connecting" };
  /** Whether last values of topics are wanted. */
  #topics = false;
  #stream = new AbortController();
  #waiting: PromiseWithResolvers<void> | undefined;

  constructor(api: ApiClient) {
    super();
    this.#api = api;
    addEventListener("online", () => this.#waiting?.resolve());
  }

  /** The latest sample. */
  get latest(): Sample | undefined {
    return this.samples.at(-1);
  }

  /** Lets the broker record last values of topics, or no longer. */
  recordTopics(wanted: boolean): void {
    if (this.#topics === wanted) return;
    this.#topics = wanted;
    this.#stream.abort();
  }

  /** Runs as long as the page. */
  async run(): Promise<never> {
    let wait = FIRST_WAIT;
    while (true) {
      const stream = this.#stream = new AbortController();
      const reason = await this.#read(stream);
      if (stream.signal.aborted && reason === undefined) continue;
      if (this.state.kind === "live") wait = FIRST_WAIT;
      this.#become({ kind: "lost", reason: reason ?? "The broker ended the connection." });
      await this.#pause(wait);
      wait = Math.min(2 * wait, LONGEST_WAIT);
    }
  }

  /** Reads until the end; returns why it ended, undefined if nothing was wrong. */
  async #read(stream: AbortController): Promise<string | undefined> {
    let silent = false;
    let watchdog: Watchdog | undefined;
    try {
      // Somebody may have to type a token meanwhile.
      const events = await this.#api.events(this.#topics, stream.signal);
      watchdog = new Watchdog(SILENCE, () => {
        silent = true;
        stream.abort();
      });
      for await (const batch of eventData(events)) {
        watchdog.reset();
        for (const data of batch) this.#take(JSON.parse(data));
      }
      return undefined;
    } catch (error) {
      if (silent) return "The broker has been silent for 10 seconds.";
      if (stream.signal.aborted) return undefined;
      return error instanceof RefusedError ? failureText(error) : "The broker cannot be reached.";
    } finally {
      watchdog?.stop();
    }
  }

  #take(event: AdminEvent): void {
    if (event.type === "history") {
      this.#addSamples(event.samples);
      this.#replaceLines(event.lines);
      this.#becomeLive();
    } else if (event.type === "sample") {
      setClock(event.sample.at);
      // Its clock was set back.
      if (event.sample.at <= (this.latest?.at ?? 0)) this.samples.length = 0;
      this.#addSamples([event.sample]);
    } else {
      this.#addLines(event.lines);
    }
  }

  #becomeLive(): void {
    const wasLost = this.state.kind === "lost";
    this.#become({ kind: "live" });
    if (wasLost) this.dispatchEvent(new Event("back"));
  }

  #become(state: LiveState): void {
    this.state = state;
    this.dispatchEvent(new Event("state"));
  }

  #addSamples(samples: readonly Sample[]): void {
    const last = this.latest?.at ?? 0;
    this.samples.push(...samples.filter(({ at }) => at > last));
    const oldest = (this.latest?.at ?? 0) - SPAN;
    const kept = this.samples.findIndex(({ at }) => at >= oldest);
    if (kept > 0) this.samples.splice(0, kept);
    this.dispatchEvent(new Event("sample"));
  }

  /** The broker's memory reaches back to its first line; ours may reach further. */
  #replaceLines(lines: readonly LogLine[]): void {
    const first = lines[0];
    if (first !== undefined) {
      const kept = this.lines.findIndex(({ at, number }) =>
        at > first.at || (at === first.at && number >= first.number)
      );
      if (kept !== -1) this.lines.splice(kept);
    }
    this.#addLines(lines);
  }

  #addLines(lines: readonly LogLine[]): void {
    this.lines.push(...lines);
    if (this.lines.length > LINES) this.lines.splice(0, this.lines.length - LINES);
    this.dispatchEvent(new Event("log"));
  }

  async #pause(milliseconds: number): Promise<void> {
    this.#waiting = Promise.withResolvers();
    const timer = setTimeout(this.#waiting.resolve, milliseconds);
    await this.#waiting.promise;
    clearTimeout(timer);
    this.#waiting = undefined;
  }
}

/** Calls back when it was not reset for a time. */
class Watchdog {
  readonly #milliseconds: number;
  readonly #bark: () => void;
  #timer: number;

  constructor(milliseconds: number, bark: () => void) {
    this.#milliseconds = milliseconds;
    this.#bark = bark;
    this.#timer = setTimeout(bark, milliseconds);
  }

  reset(): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(this.#bark, this.#milliseconds);
  }

  stop(): void {
    clearTimeout(this.#timer);
  }
}
