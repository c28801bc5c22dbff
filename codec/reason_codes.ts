/**
 * Reason codes of MQTT 5.0 (section 2.4) and the return codes of CONNACK in MQTT 3.1 and 3.1.1.
 *
 * @module
 */

/** The codes with the standard's names (section 2.4); a key of {@linkcode ReasonCode} is such a name in one word. */
const NAMES: readonly (readonly [code: number, name: string])[] = [
  [0x00, "Success"],
  [0x00, "Normal disconnection"],
  [0x00, "Granted QoS 0"],
  [0x01, "Granted QoS 1"],
  [0x02, "Granted QoS 2"],
  [0x04, "Disconnect with Will Message"],
  [0x10, "No matching subscribers"],
  [0x11, "No subscription existed"],
  [0x18, "Continue authentication"],
  [0x19, "Re-authenticate"],
  [0x80, "Unspecified error"],
  [0x81, "Malformed Packet"],
  [0x82, "Protocol Error"],
  [0x83, "Implementation specific error"],
  [0x84, "Unsupported Protocol Version"],
  [0x85, "Client Identifier not valid"],
  [0x86, "Bad User Name or Password"],
  [0x87, "Not authorized"],
  [0x88, "Server unavailable"],
  [0x89, "Server busy"],
  [0x8a, "Banned"],
  [0x8b, "Server shutting down"],
  [0x8c, "Bad authentication method"],
  [0x8d, "Keep Alive timeout"],
  [0x8e, "Session taken over"],
  [0x8f, "Topic Filter invalid"],
  [0x90, "Topic Name invalid"],
  [0x91, "Packet Identifier in use"],
  [0x92, "Packet Identifier not found"],
  [0x93, "Receive Maximum exceeded"],
  [0x94, "Topic Alias invalid"],
  [0x95, "Packet too large"],
  [0x96, "Message rate too high"],
  [0x97, "Quota exceeded"],
  [0x98, "Administrative action"],
  [0x99, "Payload format invalid"],
  [0x9a, "Retain not supported"],
  [0x9b, "QoS not supported"],
  [0x9c, "Use another server"],
  [0x9d, "Server moved"],
  [0x9e, "Shared Subscriptions not supported"],
  [0x9f, "Connection rate exceeded"],
  [0xa0, "Maximum connect time"],
  [0xa1, "Subscription Identifiers not supported"],
  [0xa2, "Wildcard Subscriptions not supported"],
];

/**
 * The reason codes of MQTT 5.0 by their names in the standard. Below 0x80 they tell of success, from 0x80 on of
 * a failure. Three names share the number 0: `Success`, `NormalDisconnection` and `GrantedQoS0`.
 *
 * @example
 * ```ts
 * import { connect, ReasonCode } from "@x/mqtt/client";
 *
 * await using client = await connect("mqtt://127.0.0.1:1883");
 * const { reasonCode } = await client.publish("sensors/7", "21.5", { qos: 1 });
 * if (reasonCode === ReasonCode.NoMatchingSubscribers) console.log("nobody listens");
 * ```
 */
export const ReasonCode: {
  readonly Success: 0x00;
  readonly NormalDisconnection: 0x00;
  readonly GrantedQoS0: 0x00;
  readonly GrantedQoS1: 0x01;
  readonly GrantedQoS2: 0x02;
  readonly DisconnectWithWillMessage: 0x04;
  readonly NoMatchingSubscribers: 0x10;
  readonly NoSubscriptionExisted: 0x11;
  readonly ContinueAuthentication: 0x18;
  readonly ReAuthenticate: 0x19;
  readonly UnspecifiedError: 0x80;
  readonly MalformedPacket: 0x81;
  readonly ProtocolError: 0x82;
  readonly ImplementationSpecificError: 0x83;
  readonly UnsupportedProtocolVersion: 0x84;
  readonly ClientIdentifierNotValid: 0x85;
  readonly BadUserNameOrPassword: 0x86;
  readonly NotAuthorized: 0x87;
  readonly ServerUnavailable: 0x88;
  readonly ServerBusy: 0x89;
  readonly Banned: 0x8a;
  readonly ServerShuttingDown: 0x8b;
  readonly BadAuthenticationMethod: 0x8c;
  readonly KeepAliveTimeout: 0x8d;
  readonly SessionTakenOver: 0x8e;
  readonly TopicFilterInvalid: 0x8f;
  readonly TopicNameInvalid: 0x90;
  readonly PacketIdentifierInUse: 0x91;
  readonly PacketIdentifierNotFound: 0x92;
  readonly ReceiveMaximumExceeded: 0x93;
  readonly TopicAliasInvalid: 0x94;
  readonly PacketTooLarge: 0x95;
  readonly MessageRateTooHigh: 0x96;
  readonly QuotaExceeded: 0x97;
  readonly AdministrativeAction: 0x98;
  readonly PayloadFormatInvalid: 0x99;
  readonly RetainNotSupported: 0x9a;
  readonly QoSNotSupported: 0x9b;
  readonly UseAnotherServer: 0x9c;
  readonly ServerMoved: 0x9d;
  readonly SharedSubscriptionsNotSupported: 0x9e;
  readonly ConnectionRateExceeded: 0x9f;
  readonly MaximumConnectTime: 0xa0;
  readonly SubscriptionIdentifiersNotSupported: 0xa1;
  readonly WildcardSubscriptionsNotSupported: 0xa2;
} = Object.fromEntries(NAMES.map(([code, name]) => [inOneWord(name), code])) as typeof ReasonCode;

/** "Re-authenticate" as "ReAuthenticate". */
function inOneWord(name: string): string {
  return name.replace(/[ -](.)/g, (_, letter: string) => letter.toUpperCase());
}

/**
 * The standard's name of a reason code, e.g. "Session taken over" for 0x8E; for a number that the standard does not
 * know, "Reason code 0x.." with its two hexadecimal digits. 0 is "Success", also where the standard says
 * "Normal disconnection" or "Granted QoS 0".
 *
 * @example
 * ```ts
 * import { reasonCodeName } from "@x/mqtt/client";
 *
 * console.log(reasonCodeName(0x97)); // Quota exceeded
 * ```
 */
export function reasonCodeName(code: number): string {
  return NAMES.find(([known]) => known === code)?.[1] ?? `Reason code 0x${code.toString(16).padStart(2, "0")}`;
}

/** Return codes of CONNACK in MQTT 3.1 and 3.1.1 (3.1.1 section 3.2.2.3). */
export const ConnectReturnCode: {
  readonly Accepted: 0;
  readonly UnacceptableProtocolVersion: 1;
  readonly IdentifierRejected: 2;
  readonly ServerUnavailable: 3;
  readonly BadUserNameOrPassword: 4;
  readonly NotAuthorized: 5;
} = {
  Accepted: 0,
  UnacceptableProtocolVersion: 1,
  IdentifierRejected: 2,
  ServerUnavailable: 3,
  BadUserNameOrPassword: 4,
  NotAuthorized: 5,
};

/**
 * The return code with which a CONNACK of MQTT 3.1 or 3.1.1 says what `reasonCode` says in 5.0; undefined if there
 * is none, in which case the server closes without a CONNACK [MQTT-3.2.2-6 of 3.1.1].
 */
export function connectReturnCode(reasonCode: number): number | undefined {
  switch (reasonCode) {
    case ReasonCode.Success:
      return ConnectReturnCode.Accepted;
    case ReasonCode.UnsupportedProtocolVersion:
      return ConnectReturnCode.UnacceptableProtocolVersion;
    case ReasonCode.ClientIdentifierNotValid:
      return ConnectReturnCode.IdentifierRejected;
    case ReasonCode.BadUserNameOrPassword:
      return ConnectReturnCode.BadUserNameOrPassword;
    case ReasonCode.ServerUnavailable:
    case ReasonCode.ServerBusy:
      return ConnectReturnCode.ServerUnavailable;
    case ReasonCode.NotAuthorized:
    case ReasonCode.Banned:
    case ReasonCode.BadAuthenticationMethod:
      return ConnectReturnCode.NotAuthorized;
  }
}
