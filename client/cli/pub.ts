/**
 * `pub`: publishes.
 *
 * @module
 */

import { MqttError } from "../../codec/errors.ts";
import type { PublishProperties } from "../../codec/properties.ts";
import { ReasonCode, reasonCodeName } from "../../codec/reason_codes.ts";
import type { Client } from "../client.ts";
import type { PublishOptions, PublishResult } from "../publication.ts";
import type { Config } from "./config.ts";
import { CommandError } from "./exit.ts";
import { readLines, readMessage } from "./input.ts";
import { lostError, open } from "./open.ts";
import type { Terminal } from "./terminal.ts";

/** Why a server does not take a message, told by the client before it is sent. */
const OBSTACLES: Readonly<Record<number, string>> = {
  [ReasonCode.QoSNotSupported]: "Error: Message QoS not supported on broker, try a lower QoS.",
  [ReasonCode.PacketTooLarge]: "Error: Message payload is too large.",
  [ReasonCode.RetainNotSupported]: "Error: Retained messages not supported on broker.",
};

/** More than this many messages of QoS 1 and 2 cannot be under way at once. */
const LARGEST_WINDOW = 65_535;

/** Runs the command to its end. */
export async function pub(config: Config, terminal: Terminal): Promise<void> {
  const { message } = config;
  if (message === undefined) return;
  if (message.kind === "lines") return await publishLines(config, terminal);
  const payload = await readMessage(message, terminal);
  const client = await open(config, terminal, { reconnect: false });
  const publisher = new Publisher(client, config, terminal);
  try {
    for (let i = 0; i < config.repeat; i++) {
      if (i > 0 && config.repeatDelay > 0) await delay(config.repeatDelay);
      await publisher.publish(payload);
    }
  } finally {
    await closeClient(client, config);
  }
}

async function publishLines(config: Config, terminal: Terminal): Promise<void> {
  const client = await open(config, terminal, { reconnect: { minimumDelay: 1_000, maximumDelay: 1_000 } });
  const publisher = new Publisher(client, config, terminal);
  // As many as may be under way; their places are taken in turn.
  const places = Math.min(config.maximumInFlight, LARGEST_WINDOW);
  const window: Promise<void>[] = Array.from({ length: places }, () => Promise.resolve());
  let count = 0;
  try {
    for await (const line of readLines(terminal.input)) {
      const place = count++ % window.length;
      await window[place];
      window[place] = publisher.publish(line);
      // Looked at when it is its turn.
      window[place].catch(() => {});
    }
    await Promise.all(window);
  } finally {
    await closeClient(client, config);
  }
}

/** Publishes the messages of a command line, and tells what the server has to say to them. */
export class Publisher {
  readonly #client: Client;
  readonly #config: Config;
  readonly #terminal: Terminal;
  readonly #options: PublishOptions;
  #count = 0;

  constructor(client: Client, config: Config, terminal: Terminal) {
    this.#client = client;
    this.#config = config;
    this.#terminal = terminal;
    const { qos, retain, properties } = config;
    this.#options = { qos, retain, properties: withoutAlias(properties.publish) };
  }

  /** Settles when the exchange is complete; rejects with `CommandError` if it cannot be. */
  async publish(payload: string | Uint8Array, properties?: PublishProperties): Promise<void> {
    const number = ++this.#count;
    const options = properties === undefined ? this.#options : { ...this.#options, properties };
    let result: PublishResult;
    try {
      result = await this.#client.publish(this.#config.topic ?? "", payload, options);
    } catch (error) {
      throw publishError(error);
    }
    if (result.ok) return;
    if (this.#config.qos === 0) throw lostError();
    this.#warn(number, result);
  }

  #warn(number: number, { reasonCode, properties }: PublishResult): void {
    if (this.#config.quiet) return;
    this.#terminal.error(`Warning: Publish ${number} failed: ${reasonCodeName(reasonCode)}.`);
    if (properties.reasonString !== undefined) this.#terminal.error(properties.reasonString);
  }
}

/** Ends the connection as `-D disconnect` says. */
export async function closeClient(client: Client, { properties }: Config, reasonCode: 0 | 4 = 0): Promise<void> {
  await client.close({ reasonCode, properties: properties.disconnect });
}

/** The client gives out topic aliases by itself wherever the server takes them. */
export function withoutAlias(
  { topicAlias: _alias, subscriptionIdentifiers: _identifiers, ...others }: PublishProperties,
): Omit<
  PublishProperties,
  "topicAlias" | "subscriptionIdentifiers"
> {
  return others;
}

function publishError(error: unknown): CommandError {
  const text = error instanceof MqttError ? OBSTACLES[error.reasonCode] : undefined;
  if (text !== undefined) return new CommandError(text, undefined, { cause: error });
  if (error instanceof TypeError || error instanceof RangeError) {
    return new CommandError(`Error: ${error.message}`, undefined, { cause: error });
  }
  return lostError(error);
}

function delay(milliseconds: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, milliseconds));
}
