/**
 * The topic tree, one level at a time: retained messages, and last values while they are recorded.
 *
 * @module
 */

import { isTopicName } from "../../codec/topic.ts";
import { TextMap } from "../../engine/text_map.ts";
import type { Broker } from "../broker.ts";
import type { MessageState } from "../inspection.ts";
import type { RecordedMessage, TopicDetails, TopicNode, TopicPage, TopicValue } from "./api_topics.ts";
import { ApiFailure } from "./failure.ts";
import { matcherOf } from "./matching.ts";
import { PAGE_PARAMETERS, pageOf, pageRequest, type SortKey } from "./paging.ts";
import type { Parameters } from "./parameters.ts";
import { previewOf } from "./preview.ts";
import type { LastMessage, Recorder } from "./recorder.ts";
import { retainedDetails, topicIn } from "./retained.ts";
import { walk } from "./slices.ts";

/** Parameters of {@linkcode listTopics}. */
export const TOPIC_PARAMETERS = ["under", "q", ...PAGE_PARAMETERS] as const;

/** What is known of one level below another one. */
interface Branch {
  readonly level: string;
  topics: number;
  hasChildren: boolean;
  /** The messages of exactly this topic. */
  retained: MessageState | undefined;
  last: LastMessage | undefined;
}

/** The levels right below a topic, or the first ones. */
export async function listTopics(broker: Broker, recorder: Recorder, parameters: Parameters): Promise<TopicPage> {
  const under = parameters.text("under");
  if (under !== undefined && under !== "" && !isTopicName(under)) {
    throw new ApiFailure("bad_request", "Cannot use parameter under: it must be a topic name");
  }
  const request = pageRequest(parameters);
  const matches = matcherOf(parameters.text("q"));
  const tree = new Level(under);
  const { inspection } = broker;
  const isComplete = await walk(inspection.retained(under === undefined ? undefined : `${under}/#`), (message) => {
    const branch = tree.add(message.topic);
    if (branch !== undefined) branch.retained = message;
  });
  await walk(recorder.values(), (message) => {
    const isNew = inspection.retainedMessage(message.topic) === undefined;
    const branch = tree.add(message.topic, isNew ? 1 : 0);
    if (branch !== undefined) branch.last = message;
  });
  const page = await pageOf(tree.branches(), request, "asc", ({ level }): SortKey | undefined => {
    return matches(level) ? [level, ""] : undefined;
  });
  return {
    ...page,
    complete: isComplete && page.complete,
    items: page.items.map((branch) => nodeOf(under, branch)),
    recording: recorder.isOn,
  };
}

/** What is known of one topic. */
export function showTopic({ inspection }: Broker, recorder: Recorder, parameters: Parameters): TopicDetails {
  const topic = topicIn(parameters);
  const retained = inspection.retainedMessage(topic);
  const last = recorder.get(topic);
  return {
    topic,
    retained: retained === undefined ? null : retainedDetails(retained),
    last: last === undefined ? null : recordedMessage(last),
  };
}

/** Gathers topics by the level that follows `under`. */
class Level {
  readonly #start: string;
  // A retained topic may have a level of 65,535 characters, which a plain map would find slowly.
  readonly #branches = new TextMap<Branch>();

  constructor(under: string | undefined) {
    this.#start = under === undefined ? "" : `${under}/`;
  }

  /** Counts a topic; returns the branch that it is itself, undefined if it is further below or not here. */
  add(topic: string, count: number = 1): Branch | undefined {
    const start = this.#start.length;
    if (!topic.startsWith(this.#start)) return undefined;
    const slash = topic.indexOf("/", start);
    const level = slash < 0 ? topic.slice(start) : topic.slice(start, slash);
    let branch = this.#branches.get(level);
    if (branch === undefined) {
      branch = { level, topics: 0, hasChildren: false, retained: undefined, last: undefined };
      this.#branches.set(level, branch);
    }
    branch.topics += count;
    if (slash < 0) return branch;
    branch.hasChildren = true;
    return undefined;
  }

  branches(): Iterable<Branch> {
    return this.#branches.values();
  }
}

function nodeOf(under: string | undefined, { level, topics, hasChildren, retained, last }: Branch): TopicNode {
  return {
    level,
    topic: under === undefined ? level : `${under}/${level}`,
    topics,
    hasChildren,
    value: valueOf(retained, last),
  };
}

function valueOf(retained: MessageState | undefined, last: LastMessage | undefined): TopicValue | null {
  if (last !== undefined) {
    const { bytes, qos, size, receivedAt, messages } = last;
    return { ...previewOf(bytes, qos, size), retained: retained !== undefined, receivedAt, messages };
  }
  if (retained === undefined) return null;
  return { ...previewOf(retained.payload, retained.qos), retained: true, receivedAt: null, messages: null };
}

function recordedMessage({ bytes, qos, size, retain, receivedAt, messages }: LastMessage): RecordedMessage {
  return { ...previewOf(bytes, qos, size), payload: bytes.toBase64(), retain, receivedAt, messages };
}
