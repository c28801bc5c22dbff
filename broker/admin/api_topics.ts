/**
 * The admin API: topics and their messages.
 *
 * @module
 */

import type { QoS } from "../../codec/packets.ts";
import type { Page, PageQuery } from "./api.ts";

/** The beginning of a payload. */
export interface MessagePreview {
  /** QoS. */
  readonly qos: QoS;
  /** Bytes of the payload. */
  readonly size: number;
  /** The first characters, at most 256; `null` when they are no UTF-8. */
  readonly text: string | null;
  /** Whether `text` is not all of it. */
  readonly truncated: boolean;
}

/** `GET /api/v1/topics`: one level of the topic tree. */
export interface TopicQuery extends PageQuery {
  /** The levels above, e.g. `home/kitchen`; absent for the first level. */
  readonly under?: string;
  /** Part of the topic's level, upper or lower case. */
  readonly q?: string;
}

/** Topics below another one, by name. */
export interface TopicPage extends Page<TopicNode> {
  /**
   * Whether last values of topics without a retained message are recorded: only as long as somebody reads
   * `/api/v1/events?topics=true`, and for the last 10,000 topics. Retained ones are always there.
   */
  readonly recording: boolean;
}

/** One level of a topic. */
export interface TopicNode {
  /** The name of the level; may be empty. */
  readonly level: string;
  /** The levels down to here. Give it as `under` to get those below. */
  readonly topic: string;
  /** Topics with a value, this one and all below. */
  readonly topics: number;
  /** Whether there are topics below. */
  readonly hasChildren: boolean;
  /** The last value of the topic itself, if it is known. */
  readonly value: TopicValue | null;
}

/** The last value of a topic. */
export interface TopicValue extends MessagePreview {
  /** Whether it is a retained message. */
  readonly retained: boolean;
  /** When it came; `null` when it was not recorded. */
  readonly receivedAt: number | null;
  /** Messages since the recording began; `null` when it was not recorded. */
  readonly messages: number | null;
}

/** `GET /api/v1/topic?topic=...`: what is known of one topic. */
export interface TopicDetails {
  /** Topic name. */
  readonly topic: string;
  /** Retained messages. */
  readonly retained: RetainedDetails | null;
  /** The last one that was recorded. */
  readonly last: RecordedMessage | null;
}

/** A message that came while somebody watched. */
export interface RecordedMessage extends MessagePreview {
  /** The first 1,024 bytes of the payload in base64. */
  readonly payload: string;
  /** Whether it is retained. */
  readonly retain: boolean;
  /** When it came. */
  readonly receivedAt: number;
  /** Messages since the recording began. */
  readonly messages: number;
}

/** `GET /api/v1/retained`: retained messages, by topic. */
export interface RetainedQuery extends PageQuery {
  /** Part of the topic, upper or lower case. */
  readonly q?: string;
  /** A topic filter. Default `#` and `$SYS/#`. */
  readonly filter?: string;
}

/** A retained message. */
export interface RetainedSummary extends MessagePreview {
  /** Topic name. */
  readonly topic: string;
  /** When it expires. */
  readonly expiresAt: number | null;
}

/** `GET /api/v1/retained/message?topic=...`. */
export interface RetainedDetails extends RetainedSummary {
  /** The payload in base64: the first 256 KiB. */
  readonly payload: string;
  /** Whether `payload` is not all of it. */
  readonly payloadTruncated: boolean;
  /** Properties of MQTT 5.0. */
  readonly properties: MessageProperties;
}

/** Properties of MQTT 5.0; those that are not there are absent. */
export interface MessageProperties {
  /** 1: the payload is UTF-8. */
  readonly payloadFormatIndicator?: 0 | 1;
  /** Seconds, as it was published. */
  readonly messageExpiryInterval?: number;
  /** What the payload is. */
  readonly contentType?: string;
  /** Where a response goes. */
  readonly responseTopic?: string;
  /** In base64. */
  readonly correlationData?: string;
  /** By name, in order. */
  readonly userProperties?: readonly (readonly [name: string, value: string])[];
}
