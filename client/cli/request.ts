/**
 * `request`: publishes a request, and prints the response.
 *
 * @module
 */

import { MqttError } from "../../codec/errors.ts";
import { reasonCodeName } from "../../codec/reason_codes.ts";
import type { Client } from "../client.ts";
import { abortable } from "../waiting.ts";
import type { Config } from "./config.ts";
import { CommandError, ExitCode } from "./exit.ts";
import { readMessage } from "./input.ts";
import { interruptions } from "./interruption.ts";
import { endError, open } from "./open.ts";
import type { Terminal } from "./terminal.ts";
import { Printer } from "./print.ts";
import { closeClient, Publisher } from "./pub.ts";

/** Runs the command to its end. */
export async function request(config: Config, terminal: Terminal): Promise<void> {
  const { message } = config;
  if (message === undefined || message.kind === "lines") return;
  const payload = await readMessage(message, terminal);
  using interruption = interruptions(config.timeout);
  const { signal } = interruption;
  const client = await open(config, terminal, { reconnect: false, signal });
  try {
    await exchange(client, config, terminal, payload, signal);
  } catch (error) {
    signal.throwIfAborted();
    throw endError(config, error);
  } finally {
    await closeClient(client, config);
    terminal.flush();
  }
}

async function exchange(
  client: Client,
  config: Config,
  terminal: Terminal,
  payload: string | Uint8Array,
  signal: AbortSignal,
): Promise<void> {
  const { qos, noRetained, retainAsPublished, retainHandling, properties } = config;
  const responseTopic = config.responseTopic ?? `response/${crypto.randomUUID()}`;
  const responses = client.subscribe(responseTopic, { qos, retainAsPublished, retainHandling });
  await abortable(responses.ready, signal).catch(refused);
  const publication = new Publisher(client, config, terminal).publish(payload, {
    ...properties.publish,
    responseTopic,
  });
  await abortable(publication, signal);
  const printer = new Printer(config, terminal);
  while (true) {
    const { done, value: response } = await abortable(responses.next(), signal);
    if (done) return;
    if (response.retain && noRetained) continue;
    printer.print(response);
    return;
  }
}

function refused(error: unknown): never {
  if (!(error instanceof MqttError)) throw error;
  throw new CommandError(reasonCodeName(error.reasonCode), ExitCode.Success, { cause: error });
}
