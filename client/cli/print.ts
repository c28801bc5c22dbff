/**
 * Messages on standard terminal.
 *
 * @module
 */

import type { Message } from "../message.ts";
import type { Config } from "./config.ts";
import { compactJson } from "./json_text.ts";
import { propertyMembers } from "./message_json.ts";
import type { Terminal } from "./terminal.ts";
import { type Received, received } from "./received.ts";

/** Prints messages as the command line wants them. */
export class Printer {
  readonly #config: Config;
  readonly #terminal: Terminal;
  readonly #end: string;

  constructor(config: Config, terminal: Terminal) {
    this.#config = config;
    this.#terminal = terminal;
    this.#end = config.endOfLine ? "\n" : "";
  }

  /** Adds a message to the terminal. */
  print(message: Message): void {
    const { template, verbose, showProperties, properties, randomShare } = this.#config;
    if (randomShare < 1 && Math.random() >= randomShare) return;
    // The usual case needs nothing but the payload.
    if (template === undefined && !showProperties) return this.#printPayload(message, verbose);
    const record = received(message, properties.subscribe.subscriptionIdentifiers);
    if (showProperties) this.#printProperties(record);
    if (template === undefined) this.#printPayload(message, verbose);
    else this.#printFormatted(record);
  }

  #printPayload({ topic, payload }: Message, verbose: boolean): void {
    if (payload.length > 0) {
      if (verbose) this.#terminal.write(`${topic} `);
      this.#terminal.write(payload);
      this.#terminal.write(this.#end);
      return;
    }
    if (verbose && this.#end !== "") this.#terminal.write(`${topic} (null)\n`);
  }

  #printFormatted(record: Received): void {
    const { template, pretty, quiet } = this.#config;
    if (template === undefined) return;
    const onError = (line: string) => quiet ? undefined : this.#terminal.error(line);
    for (const part of template(record, { pretty, onError })) this.#terminal.write(part);
    this.#terminal.write(this.#end);
  }

  #printProperties(record: Received): void {
    for (const [name, value] of propertyMembers(record)) this.#terminal.write(`${name}: ${compactJson(value)}\n`);
  }
}
