/**
 * Our codec beside `npm:mqtt-packet`: `deno run -A tests/bench/codec.ts [3|4|5 ...]`, by default for versions 4 and 5.
 *
 * Prints operations a second for encoding and decoding one packet of each kind, and how many times faster ours is.
 * We encode into a buffer that many packets share, as mqtt-packet does (its arrays are slices of Node's buffer pool),
 * and that is what the ratio compares; the next column is `encodePacket`, which makes a new array for each packet.
 * Decoding includes cutting the packet out of its chunk; both work on the same bytes, one packet a chunk. The sides
 * take turns, and of several rounds the best counts.
 *
 * @module
 */

import { Buffer } from "node:buffer";
import mqttPacket from "mqtt-packet";
import { decodePacket } from "../../codec/decode.ts";
import { encodePacket, encodePacketInto } from "../../codec/encode.ts";
import { Framer } from "../../codec/framer.ts";
import type { ProtocolVersion } from "../../codec/packets.ts";
import type { PacketSink } from "../../codec/writer.ts";
import { generate, toForeign } from "../codec/mqtt_packet.ts";
import { type Sample, samples } from "../codec/samples.ts";

const header = `${"mqtt-packet".padStart(13)}${"ratio".padStart(7)}`;

const ROUNDS = 5;
const ROUND_MS = 25;
/** Ours has to be at least this many times faster. */
const TARGET = 3;

/** Keeps the compiler from leaving out what nobody reads. */
export let result: unknown;

function main(arguments_: number[]): void {
  const versions = ([3, 4, 5] as const).filter((version) => {
    return arguments_.length === 0 ? version > 3 : arguments_.includes(version);
  });
  const ratios: number[] = [];
  for (const version of versions) {
    console.log(`\nMQTT ${{ 3: "3.1", 4: "3.1.1", 5: "5.0" }[version]}`);
    console.log(
      `operations/s              ${"encode into".padStart(13)}${"to an array".padStart(13)}${header}` +
        `${"decode".padStart(13)}${header}`,
    );
    for (const sample of samples(version)) {
      const encode = compare(encoders(sample, version));
      const decode = compare(decoders(sample, version));
      ratios.push(ratio(encode), ratio(decode));
      console.log(`${sample.name.padEnd(26)}${columns(encode)}${columns(decode)}`);
    }
  }
  const slowest = Math.min(...ratios);
  console.log(`\nLeast ratio ${slowest.toFixed(1)}, target ${TARGET}: ${slowest >= TARGET ? "met" : "missed"}`);
}

/** The first is what the ratio is about. */
type Operations = { readonly ours: (() => unknown)[]; readonly theirs: () => unknown };

interface Rates {
  readonly ours: number[];
  theirs: number;
}

/** Two ways of ours: into the buffer of a connection, which is emptied now and then, and to an array of its own. */
function encoders({ packet }: Sample, version: ProtocolVersion): Operations {
  const foreign = toForeign(packet, version);
  const sink = new RoundBuffer();
  return {
    ours: [() => encodePacketInto(packet, version, sink), () => encodePacket(packet, version)],
    theirs: () => generate(foreign, version),
  };
}

/** A buffer that begins anew when it is full, as if it had been written to a socket. */
class RoundBuffer implements PacketSink {
  readonly buffer = new Uint8Array(65_536);
  #used = 0;

  reserve(length: number): number {
    if (this.#used + length > this.buffer.length) this.#used = 0;
    const start = this.#used;
    this.#used += length;
    return start;
  }
}

function decoders({ packet }: Sample, version: ProtocolVersion): Operations {
  const bytes = encodePacket(packet, version);
  const buffer = Buffer.from(bytes);
  const framer = new Framer();
  const parser = mqttPacket.parser({ protocolVersion: version });
  let latest: unknown;
  parser.on("packet", (parsed) => latest = parsed);
  parser.on("error", (error) => {
    throw error;
  });
  return {
    ours: [() => {
      framer.push(bytes);
      while (framer.next()) latest = decodePacket(framer, version);
      return latest;
    }],
    theirs: () => {
      parser.parse(buffer);
      return latest;
    },
  };
}

/** Best operations a second of each. */
function compare({ ours, theirs }: Operations): Rates {
  const best: Rates = { ours: ours.map(() => 0), theirs: 0 };
  for (let round = 0; round < ROUNDS; round++) {
    ours.forEach((operation, i) => best.ours[i] = Math.max(best.ours[i] ?? 0, measure(operation)));
    best.theirs = Math.max(best.theirs, measure(theirs));
  }
  return best;
}

function measure(operation: () => unknown): number {
  const start = performance.now();
  let count = 0;
  let elapsed = 0;
  while (elapsed < ROUND_MS) {
    for (let i = 0; i < 500; i++) result = operation();
    count += 500;
    elapsed = performance.now() - start;
  }
  return count / elapsed * 1000;
}

function ratio({ ours, theirs }: Rates): number {
  return (ours[0] ?? 0) / theirs;
}

function columns(rates: Rates): string {
  const numbers = [...rates.ours, rates.theirs].map((rate) => Math.round(rate).toLocaleString("en-US").padStart(13));
  return `${numbers.join("")}${ratio(rates).toFixed(1).padStart(7)}`;
}

// At the end, where all classes are there.
if (import.meta.main) main(Deno.args.map(Number));
