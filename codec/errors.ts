/**
 * The one error type of the protocol.
 *
 * @module
 */

/**
 * A violation of the protocol, or a refusal by the peer, with the reason code that the standard gives it
 * (MQTT 5.0 section 2.4). Misuse of this library throws the built-in `TypeError` and `RangeError` instead.
 *
 * @example
 * ```ts
 * import { connect, MqttError, ReasonCode } from "@x/mqtt/client";
 *
 * await using client = await connect("mqtt://127.0.0.1:1883");
 * try {
 *   await client.publish("no/+/wildcards", "");
 * } catch (error) {
 *   if (error instanceof MqttError) console.log(error.reasonCode === ReasonCode.TopicNameInvalid); // true
 * }
 * ```
 */
export class MqttError extends Error {
  /** Always "MqttError". */
  override readonly name = "MqttError";
  /** Reason code of MQTT 5.0, 0x80 to 0xFF; see `ReasonCode`. */
  readonly reasonCode: number;

  /** `message` says what happened and what was expected; `reasonCode` is the standard's number for it. */
  constructor(message: string, reasonCode: number, options?: ErrorOptions) {
    super(message, options);
    this.reasonCode = reasonCode;
  }
}
