/**
 * `sub`: subscribes, and prints what comes.
 *
 * @module
 */

import { MqttError } from "../../codec/errors.ts";
import { topicMatches } from "../../codec/topic.ts";
import type { Client } from "../client.ts";
import type { Message } from "../message.ts";
import type { Subscription } from "../subscription.ts";
import type { Config } from "./config.ts";
import { CommandError, ExitCode } from "./exit.ts";
import { abortable } from "../waiting.ts";
import { endError, open } from "./open.ts";
import type { Terminal } from "./terminal.ts";
import { Printer } from "./print.ts";
import { closeClient } from "./pub.ts";
import { type Interruption, interruptions } from "./interruption.ts";

/** Messages of QoS 1 and 2 that a server sends without acknowledgements; to Mosquitto's tools, too. */
const RECEIVE_MAXIMUM = 20;

/** Runs the command to its end. */
export async function sub(config: Config, terminal: Terminal): Promise<void> {
  using interruption = interruptions(config.timeout);
  const client = await connected(config, terminal, interruption);
  let reasonCode: 0 | 4 = 0;
  try {
    await new Run(client, config, terminal).until(interruption.signal);
  } catch (error) {
    if (!interruption.signal.aborted) throw endError(config, error);
    reasonCode = config.version === 5 ? 4 : 0;
  } finally {
    await closeClient(client, config, reasonCode);
    terminal.flush();
  }
  interruption.signal.throwIfAborted();
}

async function connected(config: Config, terminal: Terminal, { signal }: Interruption): Promise<Client> {
  const { messageCount = RECEIVE_MAXIMUM, version } = config;
  return await open(config, terminal, {
    reconnect: { minimumDelay: 1_000, maximumDelay: 1_000 },
    // More than are wanted would have to be given back.
    receiveMaximum: version === 5 ? Math.min(messageCount, RECEIVE_MAXIMUM) : undefined,
    signal,
  });
}

/** One run of the command on a client. */
class Run {
  readonly #client: Client;
  readonly #config: Config;
  readonly #terminal: Terminal;
  readonly #printer: Printer;
  #count = 0;

  constructor(client: Client, config: Config, terminal: Terminal) {
    this.#client = client;
    this.#config = config;
    this.#terminal = terminal;
    this.#printer = new Printer(config, terminal);
  }

  /** Settles when enough has come; rejects with the signal's reason. */
  async until(signal: AbortSignal): Promise<void> {
    const { filters, unsubscribe, exitAfterSubscribe, debug, quiet, properties } = this.#config;
    const wanted = filters.filter((filter) => !unsubscribe.includes(filter));
    const subscription = wanted.length === 0 ? undefined : this.#subscribe(wanted);
    const answered = this.#answered(subscription, debug && !quiet);
    if (unsubscribe.length > 0) {
      await this.#client.unsubscribe(unsubscribe, { signal, properties: properties.unsubscribe });
    }
    if (exitAfterSubscribe || subscription === undefined) return await abortable(answered, signal);
    await Promise.all([abortable(answered, signal), this.#print(subscription, signal)]);
  }

  #subscribe(filters: string[]): Subscription {
    const { qos, retainAsPublished, retainHandling, properties: { subscribe: { userProperties } } } = this.#config;
    const properties = userProperties === undefined ? undefined : { userProperties };
    return this.#client.subscribe(filters, { qos, retainAsPublished, retainHandling, properties });
  }

  async #answered(subscription: Subscription | undefined, show: boolean): Promise<void> {
    if (subscription === undefined) return;
    try {
      const codes = await subscription.ready;
      if (show) this.#showAnswer(codes);
    } catch (error) {
      if (!(error instanceof MqttError)) return; // ended before the answer
      if (show) this.#showAnswer([error.reasonCode]);
      if (this.#config.quiet) throw new CommandError("", ExitCode.Success);
      throw new CommandError("All subscription requests were denied.", ExitCode.Success, { cause: error });
    }
  }

  #showAnswer(codes: readonly number[]): void {
    this.#terminal.write(`Subscribed (mid: 1): ${codes.join(", ")}\n`);
    this.#terminal.flush();
  }

  async #print(subscription: Subscription, signal: AbortSignal): Promise<void> {
    while (true) {
      const { done, value: message } = await abortable(subscription.next(), signal);
      if (done || this.#take(message)) break;
      if (subscription.size === 0) this.#terminal.flush();
    }
    // Asking for one more acknowledges the last one; a loop's end would unsubscribe, too.
    subscription.next().catch(ignore);
    await this.#client.ready;
  }

  /** Whether it was the last one. */
  #take(message: Message): boolean {
    const { retainedOnly, noRetained, filtersOut, removeRetained, messageCount } = this.#config;
    if (retainedOnly && !message.retain) return true;
    if (message.retain && noRetained && !removeRetained) return false;
    if (filtersOut.some((filter) => topicMatches(filter, message.topic))) return false;
    if (removeRetained && message.retain) this.#removeRetained(message.topic);
    if (message.retain && noRetained) return false;
    this.#printer.print(message);
    return ++this.#count === messageCount;
  }

  #removeRetained(topic: string): void {
    // close() waits for it; a server that refuses is not an error of this command.
    this.#client.publish(topic, "", { qos: 1, retain: true }).catch(ignore);
  }
}

function ignore(): void {}
