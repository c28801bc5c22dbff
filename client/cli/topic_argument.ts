/**
 * Topics on a command line.
 *
 * @module
 */

import { isTopicFilter, isTopicName } from "../../codec/topic.ts";
import type { Config } from "./config.ts";
import { UsageError } from "./exit.ts";

/** The topic to publish to, or one more filter to subscribe to; `flag` is what it was given with. */
export function applyTopic(config: Config, topic: string, flag: string): void {
  checkText(topic, flag);
  if (config.command === "sub") {
    config.filters.push(checkedFilter(topic, "subscription"));
    return;
  }
  config.topic = checkedName(topic, "publish");
}

/** A topic name, or a `UsageError` that calls it `what`. */
export function checkedName(topic: string, what: string): string {
  if (isTopicName(topic)) return topic;
  throw new UsageError(`Error: Invalid ${what} topic '${topic}', does it contain '+' or '#'?`);
}

/** A topic filter, or a `UsageError` that calls it `what`. */
export function checkedFilter(filter: string, what: string): string {
  if (isTopicFilter(filter)) return filter;
  throw new UsageError(`Error: Invalid ${what} topic '${filter}', are all '+' and '#' wildcards correct?`);
}

function checkText(text: string, flag: string): void {
  // What was no UTF-8 has become U+FFFD on its way here.
  if (text.includes("\ufffd")) throw new UsageError(`Error: Malformed UTF-8 in ${flag} argument.\n`);
}
