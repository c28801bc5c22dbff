/**
 * A publisher that feeds a client under test, until its parent ends it.
 *
 * @module
 */

import type { Metrics, Target } from "./job.ts";
import { Publisher } from "./publisher.ts";
import { Reactor } from "./reactor.ts";

/** Feeds subscribers as fast as the broker takes it. */
export interface FeedJob {
  readonly kind: "feed";
  readonly topic: string;
  readonly qos: 0 | 1;
  readonly payload: number;
  /** Ends by itself after this time. */
  readonly seconds: number;
}

/** Metrics: how many messages were sent. */
export function feed(job: FeedJob, target: Target): Metrics {
  const reactor = new Reactor(target.hostname, target.port);
  const publisher = new Publisher({
    clientId: "feed",
    publisher: 0,
    topics: [job.topic],
    payload: job.payload,
    publishQos: job.qos,
    window: 100,
    ahead: 1_000,
  });
  publisher.sending = true;
  reactor.add(publisher);
  reactor.run(() => false, job.seconds);
  return { sent: publisher.sent };
}
