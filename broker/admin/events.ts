/**
 * The live stream: what is measured and logged, to those who watch.
 *
 * @module
 */

import type { AdminEvent, Sample } from "./api_events.ts";
import { ApiFailure } from "./failure.ts";
import type { LogBuffer } from "./log_buffer.ts";
import type { Recorder } from "./recorder.ts";
import { dataResponse } from "./responses.ts";
import type { Sampler } from "./sampler.ts";

/** Watchers at one time. */
const MOST_WATCHERS = 16;
/** Log lines in one event. */
const MOST_LINES = 200;
/** Bytes that may wait for a watcher; one for whom more wait is dropped. */
const MOST_WAITING = 1024 * 1024;

/** One who watches. */
interface Watcher {
  readonly controller: ReadableStreamDefaultController<Uint8Array>;
  readonly stopRecording: (() => void) | undefined;
}

/** Sends events to all watchers, each of them encoded once. */
export class EventStream {
  readonly #sampler: Sampler;
  readonly #recorder: Recorder;
  readonly #log: LogBuffer | undefined;
  readonly #watchers = new Set<Watcher>();
  /** The number of the first log line that was not sent yet. */
  #nextLine = 0;

  constructor(sampler: Sampler, recorder: Recorder, log: LogBuffer | undefined) {
    this.#sampler = sampler;
    this.#recorder = recorder;
    this.#log = log;
    sampler.onSample = (sample) => this.#onSample(sample);
  }

  /** A response that lasts. `topics`: last values are recorded meanwhile. */
  watch(topics: boolean): Response {
    if (this.#watchers.size >= MOST_WATCHERS) {
      throw new ApiFailure("too_many_requests", `There may be ${MOST_WATCHERS} watchers at a time`, {
        "Retry-After": "10",
      });
    }
    let watcher: Watcher | undefined;
    const body = new ReadableStream<Uint8Array>({
      start: (controller) => {
        watcher = { controller, stopRecording: topics ? this.#recorder.use() : undefined };
        this.#add(watcher);
      },
      cancel: () => {
        if (watcher !== undefined) this.#remove(watcher);
      },
    }, new ByteLengthQueuingStrategy({ highWaterMark: MOST_WAITING }));
    return dataResponse(body, "text/event-stream; charset=utf-8", 200, { "X-Accel-Buffering": "no" });
  }

  /** Ends all streams. */
  close(): void {
    for (const watcher of this.#watchers) {
      this.#remove(watcher);
      watcher.controller.close();
    }
  }

  #add(watcher: Watcher): void {
    // The others have had them.
    if (this.#watchers.size === 0) this.#nextLine = this.#log?.count ?? 0;
    const lines = this.#log?.tail(MOST_LINES).filter(({ number }) => number < this.#nextLine) ?? [];
    watcher.controller.enqueue(encoded({ type: "history", samples: this.#sampler.history, lines }));
    this.#watchers.add(watcher);
  }

  #remove(watcher: Watcher): void {
    if (this.#watchers.delete(watcher)) watcher.stopRecording?.();
  }

  #onSample(sample: Sample): void {
    if (this.#watchers.size === 0) return;
    this.#send({ type: "sample", sample });
    const { count = 0 } = this.#log ?? {};
    const lines = this.#log?.tail(MOST_LINES, this.#nextLine) ?? [];
    if (lines.length > 0) this.#send({ type: "log", lines, skipped: count - this.#nextLine - lines.length });
    this.#nextLine = count;
  }

  #send(event: AdminEvent): void {
    const bytes = encoded(event);
    for (const watcher of this.#watchers) {
      const { controller } = watcher;
      // Nobody waits for one who does not read.
      if ((controller.desiredSize ?? 0) <= 0) {
        this.#remove(watcher);
        controller.error(new Error("Cannot go on: the watcher must read what is sent"));
      } else {
        controller.enqueue(bytes);
      }
    }
  }
}

function encoded(event: AdminEvent): Uint8Array {
  return new TextEncoder().encode(`event: ${event.type}\ndata: ${JSON.stringify(event)}\n\n`);
}
