/**
 * A publisher that feeds a client under test, until its parent ends it.
 *
 * @module
 */

import type { Metrics, Target } from "./job.ts";
import { Publisher } from "./publisher.ts";
import { Reactor } from "./reactor.ts";
import { Subscriber } from "./subscriber.ts";

/** Feeds the subscribers of a topic. */
export interface FeedJob {
  readonly kind: "feed";
  readonly topic: string;
  /** The client under test says here, in a stamp, how many messages it has received; the first time means "go". */
  readonly progressTopic: string;
  readonly payload: number;
  /** Ends by itself after this time. */
  readonly seconds: number;
}

/** Messages that the client may be behind: enough for it not to wait for its own reports. */
const AHEAD = 49_152;

/** Takes the reports. */
class Progress extends Subscriber {
  /** What the client has received; -1 before its first report. */
  reported = -1;

  protected override message(_publisher: number, sequence: number): void {
    this.reported = sequence;
  }
}

/** Metrics: how many messages were sent. */
export function feed(job: FeedJob, target: Target): Metrics {
  const reactor = new Reactor(target.hostname, target.port);
  const progress = new Progress({ clientId: "progress", filters: [job.progressTopic] }, 1);
  const publisher = new Publisher({
    clientId: "feed",
    publisher: 0,
    topics: [job.topic],
    payload: job.payload,
    publishQos: 0,
    window: 0,
    ahead: AHEAD,
  });
  publisher.received = () => progress.reported;
  reactor.add(progress);
  reactor.add(publisher);
  reactor.run(() => progress.reported >= 0, job.seconds);
  publisher.sending = true;
  reactor.run(() => false, job.seconds);
  return { sent: publisher.sent };
}
