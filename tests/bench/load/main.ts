/**
 * A load generator: takes a job and a target as JSON, prints the metrics as one line of JSON.
 *
 * @module
 */

import { backlog, type BacklogJob } from "./backlog.ts";
import { feed, type FeedJob } from "./feed.ts";
import { filters, type FiltersJob } from "./filters.ts";
import { flood, type FloodJob } from "./flood.ts";
import { idle, type IdleJob } from "./idle.ts";
import type { Metrics, Target } from "./job.ts";
import { paced, type PacedJob } from "./paced.ts";
import { retained, type RetainedJob } from "./retained.ts";

/** Everything a generator can do. */
export type Job = BacklogJob | FeedJob | FiltersJob | FloodJob | IdleJob | PacedJob | RetainedJob;

function run(job: Job, target: Target): Metrics | Promise<Metrics> {
  switch (job.kind) {
    case "backlog":
      return backlog(job, target);
    case "feed":
      return feed(job, target);
    case "filters":
      return filters(job, target);
    case "flood":
      return flood(job, target);
    case "idle":
      return idle(job, target);
    case "paced":
      return paced(job, target);
    case "retained":
      return retained(job, target);
  }
}

if (import.meta.main) {
  const { job, target } = JSON.parse(Deno.args[0] ?? "") as { job: Job; target: Target }; // written by our own parent
  console.log(JSON.stringify(await run(job, target)));
  Deno.exit(0);
}
