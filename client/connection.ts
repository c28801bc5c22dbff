/**
 * One connection to a server, from CONNECT to its end.
 *
 * @module
 */

import { decodeServerPacket, type ServerPacket } from "../codec/decode_server.ts";
import { encodeClientPacketWithin } from "../codec/encode_client.ts";
import { MqttError } from "../codec/errors.ts";
import type { Frame } from "../codec/framer.ts";
import type { AuthPacket, ConnackPacket, DisconnectPacket, Packet, ProtocolVersion } from "../codec/packets.ts";
import type { DisconnectProperties } from "../codec/properties.ts";
import { ReasonCode } from "../codec/reason_codes.ts";
import { channelOf } from "../engine/channel.ts";
import type { Transport } from "../engine/transport.ts";
import { Authenticator } from "./authenticator.ts";
import {
  asError,
  ConnectionLostError,
  disconnectedError,
  lostError,
  protocolError,
  refusedError,
  silentError,
} from "./errors.ts";
import { FrameReader } from "./frame_reader.ts";
import { KeepAlive } from "./keep_alive.ts";
import { connectPacket, LARGEST_PACKET } from "./connect_packet.ts";
import type { Settings } from "./settings.ts";
import { Output, type OutputOwner } from "./output.ts";
import { Receiver } from "./receiver.ts";
import { Requests } from "./requests.ts";
import { Sender } from "./sender.ts";
import { type ServerLimits, serverLimits } from "./server_limits.ts";
import type { Session } from "./session.ts";

/** How a connection has ended. */
export interface ConnectionEnd {
  /** Why; undefined when this client has closed it. */
  readonly error: Error | undefined;
  /** What the server said in its DISCONNECT. */
  readonly properties: DisconnectProperties;
}

const CLOSED: ConnectionEnd = { error: undefined, properties: {} };

/** An accepted connection: what the server said, and the parts that exist from then on. */
interface Accepted {
  readonly connack: ConnackPacket;
  readonly limits: ServerLimits;
  readonly sender: Sender;
  readonly receiver: Receiver;
  readonly requests: Requests;
  readonly keepAlive: KeepAlive;
}

type ConnectionState =
  | { readonly kind: "connecting" }
  | { readonly kind: "open"; readonly accepted: Accepted }
  /** Nothing is sent or taken any more; the transport is about to close. */
  | { readonly kind: "ending"; readonly end: ConnectionEnd };

/** Milliseconds for the last bytes to leave; a server that does not read is not waited for. */
const CLOSE_TIMEOUT = 5_000;

/** First bytes of packets, that of PUBLISH without its flags. */
const CONNACK = 0x20, PUBLISH = 0x30, PUBACK = 0x40;

/** Reads and writes the packets of one connection. */
export class Connection implements OutputOwner {
  readonly #settings: Settings;
  readonly #session: Session;
  readonly #version: ProtocolVersion;
  readonly #frames: FrameReader;
  readonly #output: Output;
  readonly #authenticator: Authenticator;
  /** Rejects when the connection ends. */
  readonly #ended = Promise.withResolvers<never>();
  #state: ConnectionState = { kind: "connecting" };
  #cancelCloseTimeout: (() => void) | undefined;

  constructor(transport: Transport, settings: Settings, session: Session) {
    this.#settings = settings;
    this.#session = session;
    this.#version = settings.protocolVersion;
    const channel = channelOf(transport);
    this.#frames = new FrameReader(channel, settings.maximumPacketSize);
    this.#output = new Output(session.kept?.guard(channel) ?? channel, this);
    this.#authenticator = new Authenticator(settings.authentication);
    this.#ended.promise.catch(() => {}); // looked at while connecting only
  }

  /** What publishes on this connection; undefined unless it is open. */
  get sender(): Sender | undefined {
    return this.#state.kind === "open" ? this.#state.accepted.sender : undefined;
  }

  /** What the server allows; undefined unless the connection is open. */
  get limits(): ServerLimits | undefined {
    return this.#state.kind === "open" ? this.#state.accepted.limits : undefined;
  }

  /** Whether so much waits to be written that callers should wait. */
  get isBackedUp(): boolean {
    return this.#output.isBackedUp;
  }

  /** Settles when {@linkcode isBackedUp} is no longer true. */
  get drained(): Promise<boolean> {
    return this.#output.drained;
  }

  /**
   * Sends CONNECT and waits for the CONNACK; `onOpen` is called in the moment in which the connection is open. Rejects
   * if the server does not accept; the transport is then closed.
   */
  async connect(onOpen: () => void): Promise<ConnackPacket> {
    try {
      const connack = await Promise.race([this.#handshake(), this.#ended.promise]);
      if (this.#state.kind === "ending") return await this.#ended.promise;
      this.#open(connack);
      onOpen();
      return connack;
    } catch (error) {
      this.#fail(asError(error));
      await this.#closed();
      throw error;
    }
  }

  /** Takes packets until the connection ends; never rejects. */
  async run(): Promise<ConnectionEnd> {
    try {
      do {
        while (this.#frames.next()) {
          this.#handleBuffered();
          if (this.#session.crowding.isCrowded) await this.#session.crowding.relief();
        }
      } while (await this.#frames.more());
      this.#fail(lostError());
    } catch (error) {
      this.#fail(error instanceof MqttError ? error : lostError(error));
    }
    await this.#closed();
    return this.#state.kind === "ending" ? this.#state.end : CLOSED;
  }

  /** Ends the connection with a DISCONNECT. */
  disconnect(reasonCode: number, properties: DisconnectProperties): void {
    this.#send({ type: "disconnect", reasonCode, properties });
    this.#end(CLOSED);
  }

  /** Ends the connection at once, without DISCONNECT. */
  abort(error: Error): void {
    this.#end({ error, properties: {} });
    this.#output.abort();
  }

  /** Begins a re-authentication; settles when the server has accepted it. */
  async authenticateAgain(): Promise<void> {
    const { packet, accepted } = await this.#authenticator.again();
    this.#send(packet);
    await accepted;
  }

  /** Sends what the connection takes now. */
  drain(): void {
    this.sender?.drain();
  }

  onWrite(isLast: boolean): void {
    if (this.#state.kind === "open") this.#state.accepted.keepAlive.sent(isLast);
  }

  onDrained(): void {
    this.drain();
  }

  onWriteError(error: unknown): void {
    this.abort(lostError(error));
  }

  async #handshake(): Promise<ConnackPacket> {
    const data = await this.#authenticator.start();
    const { clientId, cleanStart } = this.#session;
    this.#send(connectPacket(this.#settings, clientId, cleanStart, data));
    const frames = this.#frames;
    do {
      while (frames.next()) {
        if (this.#version === 5 && isOlderConnack(frames)) throw this.#refused(decodeServerPacket(frames, 4), 4);
        const packet = decodeServerPacket(frames, this.#version);
        if (packet.type === "auth") await this.#authenticate(packet);
        else if (packet.type === "connack") return await this.#accept(packet, cleanStart);
        else throw protocolError(`the server must send CONNACK first, received ${packet.type.toUpperCase()}`);
      }
    } while (await frames.more());
    throw lostError();
  }

  async #accept(connack: ConnackPacket, cleanStart: boolean): Promise<ConnackPacket> {
    if (connack.reasonCode !== ReasonCode.Success) throw this.#refused(connack, this.#version);
    // What this client has not asked for, it does not hold [MQTT-3.2.2-4].
    if (connack.sessionPresent && cleanStart) {
      throw protocolError("session present must be 0 after a clean start, received 1");
    }
    await this.#authenticator.accept(connack);
    return connack;
  }

  /** The server closes after such a CONNACK, so there is nobody to say DISCONNECT to. */
  #refused(connack: Packet, version: ProtocolVersion): Error {
    const error = connack.type === "connack"
      ? refusedError(connack, version)
      : protocolError("CONNACK must come first");
    this.#end({ error, properties: {} });
    return error;
  }

  #open(connack: ConnackPacket): void {
    const settings = this.#settings;
    const session = this.#session;
    const isVersion5 = this.#version === 5;
    const { sessionPresent, properties } = connack;
    session.clientId = properties?.assignedClientIdentifier ?? session.clientId;
    // MQTT 3.1 cannot say that a session is present; one that was not to begin clean is.
    const isResumed = sessionPresent || this.#version === 3 && !session.cleanStart;
    session.connected(isResumed);
    const output = this.#output;
    const limits = serverLimits(connack, isVersion5);
    const { outbox, subscriptions } = session;
    const sender = new Sender({
      outbox,
      output,
      topics: session.outboundTopics,
      limits,
      isVersion5,
      clock: settings.clock,
    });
    const receiver = new Receiver({
      version: this.#version,
      output,
      receipts: session.receipts,
      filters: subscriptions.filters,
      topics: session.inboundTopics,
      receiveMaximum: settings.receiveMaximum,
      topicAliasMaximum: settings.topicAliasMaximum,
      sessionPresent: isResumed,
      onMessage: session.onMessage,
    });
    const requests = new Requests({ version: this.#version, output, limits, subscriptions, identifiers: outbox.flow });
    const keepAlive = new KeepAlive({
      clock: settings.clock,
      interval: (properties?.serverKeepAlive ?? settings.keepAlive) * 1_000,
      timeout: settings.pingTimeout,
      ping: () => this.#send({ type: "pingreq" }),
      onTimeout: () => this.abort(silentError()),
    });
    this.#state = { kind: "open", accepted: { connack, limits, sender, receiver, requests, keepAlive } };
    subscriptions.resume(requests, sessionPresent);
    sender.drain();
  }

  /** Handles the packet that is there, and those behind it as long as readers keep up. */
  #handleBuffered(): void {
    const frames = this.#frames;
    const { crowding } = this.#session;
    if (this.#state.kind !== "open") return;
    this.#state.accepted.keepAlive.received();
    do this.#handle(frames); while (this.#state.kind === "open" && !crowding.isCrowded && frames.next());
    if (this.#output.isFlooded) {
      this.#fail(protocolError("the server must read acknowledgements", ReasonCode.QuotaExceeded));
    }
    // Not `sender`: with the end of the connection in the same chunk, nothing can be sent any more.
    this.drain();
  }

  #handle(frame: Frame): void {
    if (this.#state.kind !== "open") return;
    const { receiver, sender } = this.#state.accepted;
    const { bytes, start, bodyStart, end } = frame;
    const first = bytes[start] ?? 0;
    if ((first & 0xf0) === PUBLISH) return receiver.publish(frame);
    if (first === PUBACK && end - bodyStart <= 3) {
      const packetId = (bytes[bodyStart] ?? 0) << 8 | (bytes[bodyStart + 1] ?? 0);
      const reasonCode = bytes[bodyStart + 2] ?? 0;
      const isPlain = end - bodyStart === 2 || reasonCode === ReasonCode.NoMatchingSubscribers && this.#version === 5;
      if (packetId !== 0 && isPlain) return sender.puback(packetId, end - bodyStart === 2 ? 0 : reasonCode);
    }
    this.#handlePacket(decodeServerPacket(frame, this.#version), this.#state.accepted);
  }

  #handlePacket(packet: ServerPacket, { sender, receiver, requests }: Accepted): void {
    this.#checkProblemInformation(packet);
    switch (packet.type) {
      case "puback":
        return sender.puback(packet.packetId, packet.reasonCode, packet.properties);
      case "pubrec":
        return sender.pubrec(packet);
      case "pubrel":
        return receiver.pubrel(packet.packetId);
      case "pubcomp":
        return sender.pubcomp(packet);
      case "suback":
        return requests.suback(packet);
      case "unsuback":
        return requests.unsuback(packet);
      case "pingresp":
        return;
      case "disconnect":
        return this.#disconnected(packet);
      case "auth":
        return this.#authenticateOpen(packet);
      default:
        throw protocolError(`the server must not send ${packet.type.toUpperCase()}`);
    }
  }

  /** Whoever asked for no problem information must get none [MQTT-3.1.2-29]. */
  #checkProblemInformation(packet: ServerPacket): void {
    if (this.#settings.properties.requestProblemInformation !== 0) return;
    if (packet.type === "disconnect" || !("properties" in packet)) return;
    const { properties } = packet;
    if (properties === undefined || !("reasonString" in properties || "userProperties" in properties)) return;
    throw protocolError("reason string and user properties must not come, as CONNECT has asked");
  }

  #disconnected(packet: DisconnectPacket): void {
    if (this.#version < 5) throw protocolError("DISCONNECT must not come from a server before MQTT 5.0");
    this.#end({ error: disconnectedError(packet), properties: packet.properties ?? {} });
  }

  async #authenticate(packet: AuthPacket): Promise<void> {
    const answer = await this.#authenticator.answer(packet);
    if (answer !== undefined) this.#send(answer);
  }

  /** Other packets go on meanwhile. */
  #authenticateOpen(packet: AuthPacket): void {
    this.#authenticate(packet).catch((error) => this.#fail(asError(error)));
  }

  /** Ends the connection because of an error: with a DISCONNECT if there is somebody to tell, and a way to. */
  #fail(error: Error): void {
    if (error instanceof ConnectionLostError) return this.abort(error);
    if (this.#version === 5) this.#send({ type: "disconnect", reasonCode: disconnectCode(error) });
    this.#end({ error, properties: {} });
  }

  /** Sends what was written, and nothing more, and closes the transport. */
  #end(end: ConnectionEnd): void {
    if (this.#state.kind === "ending") return;
    if (this.#state.kind === "open") this.#state.accepted.keepAlive.stop();
    this.#state = { kind: "ending", end };
    this.#session.suspend();
    const error = end.error ?? new Error("Cannot authenticate: the connection was closed before the end");
    this.#authenticator.end(error);
    this.#ended.reject(error);
    this.#output.end();
    this.#cancelCloseTimeout = this.#settings.clock.schedule(CLOSE_TIMEOUT, () => this.#output.abort());
  }

  /** Settles when the transport is closed. */
  async #closed(): Promise<void> {
    // Reading on shows when the server has closed its side.
    const discarded = this.#frames.discard();
    await this.#output.closed;
    this.#cancelCloseTimeout?.();
    this.#output.abort();
    await discarded;
  }

  #send(packet: Packet): void {
    if (this.#state.kind === "ending") return;
    const maximum = this.limits?.maximumPacketSize ?? LARGEST_PACKET;
    const bytes = encodeClientPacketWithin(packet, this.#version, maximum);
    if (bytes !== undefined) this.#output.append(bytes);
  }
}

/** The answer of a server that does not know MQTT 5.0: without properties, not even a length of them. */
function isOlderConnack({ bytes, start, bodyStart, end }: Frame): boolean {
  return bytes[start] === CONNACK && end - bodyStart === 2 && bytes[bodyStart + 1] !== 0;
}

/** Codes that a client may send in DISCONNECT [MQTT-3.14.2-1]. */
function disconnectCode(error: Error): number {
  const code = error instanceof MqttError ? error.reasonCode : ReasonCode.UnspecifiedError;
  const isAllowed = code <= ReasonCode.ImplementationSpecificError || code === ReasonCode.TopicNameInvalid ||
    code >= ReasonCode.ReceiveMaximumExceeded && code <= ReasonCode.PayloadFormatInvalid;
  return isAllowed ? code : ReasonCode.UnspecifiedError;
}
