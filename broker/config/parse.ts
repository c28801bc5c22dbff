/**
 * A configuration file, with what it includes, into a {@linkcode Configuration}.
 *
 * @module
 */

import type { Configuration } from "./configuration.ts";
import { ConfigurationError, type Place } from "./errors.ts";
import { Draft, newListener } from "./draft.ts";
import { finish } from "./finish.ts";
import { type ConfigurationLine, lines } from "./lexer.ts";
import { type BridgeDraft, type ListenerDraft, type Option, valueOf } from "./option.ts";
import { findOption, similarName } from "./option_table.ts";
import { flag, whole } from "./values.ts";

/** Where configuration files come from. */
export interface ConfigurationSource {
  /** The text of a file. Throws if it cannot be read. */
  readText(path: string): string;
  /** Names of the files in a folder. Throws if it cannot be read. */
  listFolder(path: string): string[];
}

/** How a configuration is read. */
export interface ParseOptions {
  /** Ports for a file that names no listener. Default 1883. */
  readonly localPorts?: readonly number[];
}

/**
 * Reads the configuration in the file `path` as Mosquitto 2.0 does. Throws {@linkcode ConfigurationError} with all that
 * is wrong in it.
 */
export function parseConfiguration(
  path: string,
  source: ConfigurationSource,
  options: ParseOptions = {},
): Configuration {
  const draft = new Draft();
  const reader = new Reader(draft, source);
  reader.read(path, true, { file: path, line: 0 });
  let configuration: Configuration | undefined;
  draft.attempt(() => configuration = finish(draft, path, options.localPorts ?? [1883]));
  if (configuration === undefined || draft.problems.length > 0) throw new ConfigurationError(draft.problems);
  return configuration;
}

/** Reads files into a draft. */
class Reader {
  readonly #draft: Draft;
  readonly #source: ConfigurationSource;

  constructor(draft: Draft, source: ConfigurationSource) {
    this.#draft = draft;
    this.#source = source;
  }

  /** Each file begins with the default listener as its section. */
  read(path: string, isMain: boolean, place: Place): void {
    const file = new FileReader(this.#draft, isMain, (folder, line) => this.#include(folder, line));
    this.#draft.attempt(() => {
      const text = this.#access(place, `${path} must be readable`, () => this.#source.readText(path));
      for (const line of lines(text, path)) this.#draft.attempt(() => file.take(line));
    });
  }

  #include(folder: string, line: Place): void {
    const names = this.#access(
      line,
      `include_dir must be a readable folder, received ${JSON.stringify(folder)}`,
      () => {
        return this.#source.listFolder(folder);
      },
    );
    const wanted = names.filter((name) => name.endsWith(".conf")).sort(byLetter);
    for (const name of wanted) this.read(`${folder.replace(/\/+$/, "")}/${name}`, false, line);
  }

  #access<T>(place: Place, message: string, task: () => T): T {
    try {
      return task();
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      throw ConfigurationError.at(place, `${message} (${reason})`);
    }
  }
}

/** Alphabetical, an upper case letter before the same in lower case. */
function byLetter(a: string, b: string): number {
  const [x, y] = [a.toLowerCase(), b.toLowerCase()];
  if (x !== y) return x < y ? -1 : 1;
  return a < b ? -1 : a > b ? 1 : 0;
}

/** Takes the lines of one file. */
class FileReader {
  readonly #draft: Draft;
  readonly #isMain: boolean;
  readonly #include: (folder: string, line: Place) => void;
  #listener: ListenerDraft;
  #bridge: BridgeDraft | undefined;

  constructor(draft: Draft, isMain: boolean, include: (folder: string, line: Place) => void) {
    this.#draft = draft;
    this.#isMain = isMain;
    this.#include = include;
    this.#listener = draft.defaultListener;
  }

  take(line: ConfigurationLine): void {
    const option = findOption(line.name);
    if (option === undefined) throw unknown(line);
    const { effect } = option;
    switch (effect.kind) {
      case "structure":
        return this.#takeStructure(line);
      case "ignored":
        return this.#draft.warn(line, `${line.name} does nothing here: ${effect.why}`);
      case "refused":
        throw ConfigurationError.at(line, `${line.name} must not be ignored, but ${effect.instead}`);
      case "general":
        this.#assertFirst(option, line, this.#draft.seen);
        return effect.apply(this.#draft.general, line);
      case "listener":
        return this.#takeListenerOption(option, line);
      case "limit": {
        const isForAll = this.#listener === this.#draft.defaultListener;
        return effect.apply(isForAll ? this.#draft.limits : this.#listener.policy, line);
      }
      case "security": {
        this.#draft.firstSecurity ??= line;
        const own = this.#draft.perListenerSettings;
        this.#assertFirst(option, line, own ? this.#listener.given : this.#draft.seen);
        return effect.apply(own ? this.#listener.security : this.#draft.security, line);
      }
      case "bridge":
        return this.#takeBridgeOption(line, effect.checked);
    }
  }

  #takeStructure(line: ConfigurationLine): void {
    switch (line.name) {
      case "listener":
        return this.#openListener(line);
      case "connection":
        return this.#openBridge(line);
      case "include_dir":
        if (line.value === "") throw ConfigurationError.at(line, "include_dir must be a path, received nothing");
        if (this.#isMain) return this.#include(line.value, line);
        return this.#draft.warn(line, "include_dir does nothing here: it is for the main file only");
      case "per_listener_settings":
        return this.#setPerListener(line);
    }
  }

  #openListener(line: ConfigurationLine): void {
    // Mosquitto takes what begins with # for a comment here.
    const [portText = "", host = ""] = line.value.split(/\s+(.*)/s);
    const port = valueOf({ ...line, value: portText }, whole(0, 65_535));
    this.#listener = newListener(line);
    this.#listener.port = port;
    if (host !== "" && !host.startsWith("#")) this.#listener.host = host;
    if (port === 0 && this.#listener.host === undefined) {
      throw ConfigurationError.at(line, "listener 0 must be followed by the path of a Unix socket, received nothing");
    }
    this.#draft.listeners.push(this.#listener);
  }

  #openBridge(line: ConfigurationLine): void {
    if (line.value === "") throw ConfigurationError.at(line, "connection must be followed by a name, received nothing");
    if (this.#draft.bridges.some(({ name }) => name === line.value)) {
      throw ConfigurationError.at(line, `connection must have a name of its own, received a second ${line.value}`);
    }
    this.#bridge = { place: line, name: line.value, lines: new Map() };
    this.#draft.bridges.push(this.#bridge);
  }

  #setPerListener(line: ConfigurationLine): void {
    const value = valueOf(line, flag);
    if (this.#draft.firstSecurity !== undefined) {
      const { file, line: number } = this.#draft.firstSecurity;
      throw ConfigurationError.at(
        line,
        `per_listener_settings must stand before all options about users, received the first of them at ${file}:${number}`,
      );
    }
    this.#draft.perListenerSettings = value;
  }

  #takeListenerOption(option: Option, line: ConfigurationLine): void {
    if (option.effect.kind !== "listener") return;
    const isOfDefault = line.name === "port" || line.name === "bind_address";
    const listener = isOfDefault ? this.#draft.defaultListener : this.#listener;
    if (line.name === "mount_point" && listener === this.#draft.defaultListener) {
      throw ConfigurationError.at(line, "mount_point must stand behind a listener, received it before the first one");
    }
    if (isOfDefault) this.#draft.warn(line, `${line.name} is deprecated: use listener`);
    this.#assertFirst(option, line, listener.given);
    option.effect.apply(listener, line);
    listener.given.set(line.name, line);
  }

  #takeBridgeOption(line: ConfigurationLine, checked: (line: ConfigurationLine) => ConfigurationLine): void {
    if (this.#bridge === undefined) {
      throw ConfigurationError.at(
        line,
        `${line.name} must stand behind a connection, received it before the first one`,
      );
    }
    const kept = checked(line);
    const before = this.#bridge.lines.get(line.name);
    if (before === undefined) this.#bridge.lines.set(line.name, [kept]);
    else before.push(kept);
  }

  #assertFirst(option: Option, line: ConfigurationLine, seen: Map<string, Place>): void {
    const before = seen.get(line.name);
    if (before !== undefined && option.once) {
      throw ConfigurationError.at(
        line,
        `${line.name} must be given once, received it before at ${before.file}:${before.line}`,
      );
    }
    seen.set(line.name, line);
  }
}

function unknown(line: ConfigurationLine): ConfigurationError {
  const similar = similarName(line.name);
  const hint = similar === undefined ? "" : `, did you mean ${similar}?`;
  return ConfigurationError.at(line, `the option must be one of mosquitto.conf(5), received ${line.name}${hint}`);
}
