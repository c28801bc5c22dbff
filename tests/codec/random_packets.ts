/**
 * Random packets of every kind, always the same for the same seed, in the form in which the decoder gives them.
 *
 * @module
 */

import { isReasonCodeOf, PACKET_TYPES } from "../../codec/packet_types.ts";
import type { Packet, PacketType, ProtocolVersion, QoS, RetainHandling, Will } from "../../codec/packets.ts";
import { PROPERTIES, type PropertySpecification, PropertyType, WILL } from "../../codec/property_table.ts";
import { random } from "../support/random.ts";

const TYPES: readonly PacketType[] = [
  ...["connect", "connack", "publish", "puback", "pubrec", "pubrel", "pubcomp", "subscribe"] as const,
  ...["suback", "unsubscribe", "unsuback", "pingreq", "pingresp", "disconnect", "auth"] as const,
];

/** Makes packets; see {@linkcode RandomPackets.packet}. */
export class RandomPackets {
  readonly #next: () => number;

  /** Packets that follow from `seed`. */
  constructor(seed: number) {
    this.#next = random(seed);
  }

  /** An integer from `minimum` to `maximum`. */
  integer(minimum: number, maximum: number): number {
    return minimum + Math.floor(this.#next() * (maximum - minimum + 1));
  }

  /** One of `list`. */
  pick<T>(list: readonly T[]): T {
    const item = list[this.integer(0, list.length - 1)];
    if (item === undefined) throw new RangeError("Cannot pick: list must have items");
    return item;
  }

  /** True or false. */
  flag(): boolean {
    return this.#next() < 0.5;
  }

  /** Bytes of any kind. */
  bytes(maximum: number): Uint8Array {
    return Uint8Array.from({ length: this.#length(maximum) }, () => this.integer(0, 255));
  }

  /** A string as MQTT allows it: any characters but U+0000 and surrogates. */
  text(maximum: number): string {
    return Array.from({ length: this.#length(maximum) }, () => this.#character()).join("");
  }

  /** A topic name. */
  topic(): string {
    return this.text(40).replace(/[#+]/g, "/") || "t";
  }

  /** One packet of a kind that `version` has. */
  packet(version: ProtocolVersion): Packet {
    const type = this.pick(version === 5 ? TYPES : TYPES.slice(0, -1));
    const packet = this.#body(type, version);
    if (version < 5 || packet.type === "pingreq" || packet.type === "pingresp") return packet;
    const properties = this.properties(PACKET_TYPES[type]) ?? {};
    if (packet.type === "auth") {
      if (packet.reasonCode === 0 && this.flag()) return packet;
      properties.authenticationMethod = this.text(10);
    }
    if (packet.type === "connect" && properties.authenticationMethod === undefined) {
      delete properties.authenticationData;
    }
    // An alias may stand for the topic name.
    if (packet.type === "publish" && properties.topicAlias !== undefined && this.flag()) packet.topic = "";
    return Object.keys(properties).length === 0 ? packet : { ...packet, properties };
  }

  #body(type: PacketType, version: ProtocolVersion): Packet {
    switch (type) {
      case "connect":
        return this.#connect(version);
      case "connack": {
        const reasonCode = version === 5 ? this.#reasonCode(type) : this.integer(0, 5);
        return { type, sessionPresent: version > 3 && reasonCode === 0 && this.flag(), reasonCode };
      }
      case "publish":
        return this.#publish();
      case "puback":
      case "pubrec":
      case "pubrel":
      case "pubcomp":
        return { type, packetId: this.#packetId(), reasonCode: version === 5 ? this.#reasonCode(type) : 0 };
      case "subscribe":
        return {
          type,
          packetId: this.#packetId(),
          subscriptions: this.#list(() => this.#subscription(version)),
        };
      case "suback":
        return { type, packetId: this.#packetId(), reasonCodes: this.#list(() => this.#suback(version)) };
      case "unsubscribe":
        return { type, packetId: this.#packetId(), filters: this.#list(() => this.text(40)) };
      case "unsuback":
        return {
          type,
          packetId: this.#packetId(),
          reasonCodes: version === 5 ? this.#list(() => this.#reasonCode(type)) : [],
        };
      case "pingreq":
      case "pingresp":
        return { type };
      case "disconnect":
        return { type, reasonCode: version === 5 ? this.#reasonCode(type) : 0 };
      case "auth":
        return { type, reasonCode: this.#reasonCode(type) };
    }
  }

  #connect(version: ProtocolVersion): Packet {
    const username = this.flag() ? this.text(20) : undefined;
    const password = (version === 5 || username !== undefined) && this.flag() ? this.bytes(20) : undefined;
    return {
      type: "connect",
      protocolVersion: version,
      clientId: this.text(30),
      cleanStart: this.flag(),
      keepAlive: this.integer(0, 65535),
      ...(this.flag() && { will: this.#will(version) }),
      ...(username !== undefined && { username }),
      ...(password !== undefined && { password }),
    };
  }

  #will(version: ProtocolVersion): Will {
    const properties = version === 5 ? this.properties(WILL) : undefined;
    return {
      topic: this.topic(),
      payload: this.bytes(60),
      qos: this.#qos(),
      retain: this.flag(),
      ...(properties && { properties }),
    };
  }

  #publish(): Packet {
    const qos = this.#qos();
    return {
      type: "publish",
      topic: this.topic(),
      payload: this.bytes(200),
      qos,
      retain: this.flag(),
      dup: qos > 0 && this.flag(),
      ...(qos > 0 && { packetId: this.#packetId() }),
    };
  }

  #subscription(version: ProtocolVersion) {
    const filter = this.flag() ? `$share/${this.text(5)}/${this.text(10)}` : this.text(40);
    const qos = this.#qos();
    if (version < 5) return { filter, qos };
    const noLocal = !filter.startsWith("$share/") && this.flag();
    const retainHandling = this.pick<RetainHandling>([0, 1, 2]);
    return { filter, qos, noLocal, retainAsPublished: this.flag(), retainHandling };
  }

  #suback(version: ProtocolVersion): number {
    return version === 5 ? this.#reasonCode("suback") : this.pick([0, 1, 2, 0x80]);
  }

  #reasonCode(type: PacketType): number {
    const codes = Array.from({ length: 256 }, (_, code) => code);
    return this.flag() && type !== "auth"
      ? 0
      : this.pick(codes.filter((code) => isReasonCodeOf(PACKET_TYPES[type], code)));
  }

  /** Some of the properties that `owner`, a packet type or the will, may have, in any order; undefined for none. */
  properties(owner: number): Record<string, unknown> | undefined {
    const specifications = PROPERTIES.filter(({ packets }) => packets.includes(owner) && this.#next() < 0.3);
    if (specifications.length === 0) return undefined;
    const properties: Record<string, unknown> = {};
    for (const specification of this.#shuffled(specifications)) {
      properties[specification.name] = this.#value(specification, owner);
    }
    return properties;
  }

  #value({ name, type, zero, repeatable }: PropertySpecification, owner: number): unknown {
    const least = zero === undefined ? 0 : 1;
    switch (type) {
      case PropertyType.Flag:
        return this.integer(0, 1);
      case PropertyType.Uint16:
        return this.pick([least, 65535, this.integer(least, 65535)]);
      case PropertyType.Uint32:
        return this.pick([least, 0x7fffffff, 0x80000000, 0xffffffff, this.integer(least, 0xffffffff)]);
      case PropertyType.Utf8String:
        return name === "responseTopic" ? this.topic() : this.text(20);
      case PropertyType.BinaryData:
        return this.bytes(20);
      case PropertyType.VariableByteInteger: {
        const id = () => this.pick([1, 127, 128, 16383, 16384, 2097151, 2097152, 268435455]);
        return repeatable.includes(owner) ? this.#list(id) : [id()];
      }
      default:
        return this.#list(() => [this.text(10), this.text(10)]);
    }
  }

  #shuffled<T>(list: readonly T[]): T[] {
    return list.map((item) => ({ item, key: this.#next() })).sort((a, b) => a.key - b.key).map(({ item }) => item);
  }

  #list<T>(make: () => T): T[] {
    return Array.from({ length: this.integer(1, 4) }, make);
  }

  #qos(): QoS {
    return this.pick<QoS>([0, 1, 2]);
  }

  #packetId(): number {
    return this.pick([1, 255, 256, 65535, this.integer(1, 65535)]);
  }

  /** Mostly short, now and then beyond the limits at which the codec takes another way. */
  #length(maximum: number): number {
    const roll = this.#next();
    if (roll < 0.1) return 0;
    if (roll < 0.13) return this.integer(90, 400);
    return this.integer(1, maximum);
  }

  #character(): string {
    const roll = this.#next();
    if (roll < 0.9) return String.fromCodePoint(this.integer(0x20, 0x7e));
    return this.pick([
      "/",
      "\x01",
      "\x7f",
      "\x80",
      "\u07ff",
      "\u0800",
      "\ud7ff",
      "\ue000",
      "\ufeff",
      "\uffff",
      "😀",
      "\u{10ffff}",
    ]);
  }
}
