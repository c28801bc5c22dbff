/**
 * What the entries for all runtimes have in common.
 *
 * @module
 */

export { MqttError } from "../codec/errors.ts";
export type { ProtocolVersion, QoS, RetainHandling } from "../codec/packets.ts";
export type * from "../codec/property_types.ts";
export { ReasonCode, reasonCodeName } from "../codec/reason_codes.ts";
export type { Clock } from "../engine/clock.ts";
export type { Channel, Peer, PeerCertificate, Transport } from "../engine/transport.ts";
export { topicMatches } from "../codec/topic.ts";
export { Client } from "./client.ts";
export type { ClientStore } from "./client_store.ts";
export type { CloseOptions } from "./closing.ts";
export { ConnectionLostError, ServerError } from "./errors.ts";
export { ClientEventTarget } from "./event_target.ts";
export {
  ClientErrorEvent,
  type ClientEventListener,
  type ClientEventMap,
  ConnectEvent,
  type DisconnectDetail,
  DisconnectEvent,
  MqttMessageEvent,
} from "./events.ts";
export type { InboxOverflow } from "./inbox.ts";
export { Message, type MessageProperties } from "./message.ts";
export type { MessageHandler } from "./message_handler.ts";
export type {
  Authentication,
  ConnectInit,
  Platform,
  QueueInit,
  QueueOverflow,
  ServerUrl,
  TransportOpener,
  WillInit,
} from "./options.ts";
export { json, type Payload } from "./payload.ts";
export type { PublishOptions, PublishResult } from "./publication.ts";
export type { ReconnectInit } from "./reconnect.ts";
export type { RecoveredEvent } from "./recovered_event.ts";
export type { ConnectAttempt, Refresh, Refreshed } from "./refresh.ts";
export { scram, type ScramInit } from "./scram.ts";
export { RequestError, type RequestOptions } from "./request.ts";
export type { Reply, RequestHandler, Responder, RespondOptions } from "./respond.ts";
export type { ServerLimits } from "./server_limits.ts";
export { SchemaError, type SchemaIssue, type SchemaResult, type StandardSchema } from "./standard_schema.ts";
export type { ClientState } from "./state.ts";
export type * from "./stored.ts";
export { type SubscribeOptions, Subscription, type UnsubscribeOptions } from "./subscription.ts";
export { systemClock } from "./system_clock.ts";
export type { TlsInit, TransportOptions } from "./transport_options.ts";
