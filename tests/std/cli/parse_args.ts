/**
 * Command line arguments as `@std/cli/parse-args` reads them.
 *
 * Left out of the original: nested names (`--a.b`) and the value `true` for `boolean`. With nothing declared the
 * original types each value as `any`; here it is `unknown`.
 *
 * This file is published along, because `deno publish` refuses to leave out what `links` bring into the module graph.
 * Nothing published imports it: there the import is that of the original.
 *
 * @module
 */

/** One name or several. */
type Names<T extends string> = T | readonly T[];

/** Other names for each name. */
type Aliases = Readonly<Record<string, string | readonly string[]>>;

/** The names that `K` goes by: itself and its aliases. */
type WithAliases<K extends string, A> = K | (K extends keyof A ? A[K] extends Names<infer N> ? N : never : never);

/** What is read for each declared name. */
type Declared<B extends string, S extends string, C extends string, N extends string, A> =
  & { [K in WithAliases<Exclude<B, C>, A>]: boolean }
  & { [K in WithAliases<Extract<B, C>, A>]: boolean[] }
  & { [K in WithAliases<Exclude<S, C>, A>]?: K extends WithAliases<N, A> ? string | false : string }
  & { [K in WithAliases<Extract<S, C>, A>]: string[] }
  & { [K in WithAliases<Exclude<C, B | S>, A>]: unknown[] };

/** A declared value where there is a default: never undefined, or of the default's type. */
type WithDefaults<T, D> =
  & Omit<T, keyof D>
  & { [K in keyof D]: K extends keyof T ? NonNullable<T[K]> | Widened<D[K]> : D[K] };

/** The type that a literal is an example of. */
type Widened<T> = T extends string ? string : T extends number ? number : T extends boolean ? boolean : T;

/** The positional arguments, beside the flags. */
interface Positional {
  /** The arguments that belong to no option. */
  _: Array<string | number>;
}

/** The value that `parseArgs` returns. */
export type Args<T = Record<string, unknown>, DoubleDash extends boolean = false> =
  & T
  & Positional
  & (DoubleDash extends true ? { "--": string[] } : unknown);

/** What `parseArgs` is told about the arguments. */
export interface ParseOptions<
  B extends string = string,
  S extends string = string,
  C extends string = string,
  N extends string = string,
  D extends Readonly<Record<string, unknown>> = Readonly<Record<string, unknown>>,
  A extends Aliases = Aliases,
  DoubleDash extends boolean = boolean,
> {
  /** Put what follows `--` into `"--"` instead of `_`. Default false. */
  "--"?: DoubleDash;
  /** Other names for each name. */
  alias?: A;
  /** Names that are flags: they take no value, and are false when absent. */
  boolean?: Names<B>;
  /** Names whose values stay strings; the others' become numbers where they look like one. */
  string?: Names<S>;
  /** Names that may be repeated: their values are collected, and `[]` when absent. */
  collect?: Names<C>;
  /** Names that `--no-name` sets to false. */
  negatable?: Names<N>;
  /** Values for what is absent. */
  default?: D;
  /** Take everything from the first positional argument on as positional. Default false. */
  stopEarly?: boolean;
  /** Called with each argument that no option declares; it is dropped if this returns `false`. */
  unknown?: (arg: string, key?: string, value?: unknown) => unknown;
}

/**
 * Reads the arguments of a command line into an object.
 *
 * @example
 * ```ts
 * import { parseArgs } from "@std/cli/parse-args";
 *
 * const flags = parseArgs(["-v", "--port", "1883"], { boolean: ["verbose"], string: ["port"], alias: { verbose: "v" } });
 * console.log(flags.verbose, flags.port); // true "1883"
 * ```
 */
export function parseArgs<
  B extends string = never,
  S extends string = never,
  C extends string = never,
  N extends string = never,
  // deno-lint-ignore ban-types -- no default is an object without keys, which `{}` is and `Record<string, never>` is not
  D extends Readonly<Record<string, unknown>> = {},
  // deno-lint-ignore ban-types -- as above
  const A extends Aliases = {},
  DoubleDash extends boolean = false,
>(
  args: string[],
  options: ParseOptions<B, S, C, N, D, A, DoubleDash> = {},
): Args<WithDefaults<Declared<B, S, C, N, A>, D> & Record<string, unknown>, DoubleDash> {
  const result = new Parser(options).parse(args);
  // The parser fills in exactly what the declarations, from which the type is computed, ask for.
  return result as Args<WithDefaults<Declared<B, S, C, N, A>, D> & Record<string, unknown>, DoubleDash>;
}

/** Reads one command line. */
class Parser {
  readonly #values: Record<string, unknown> & Positional = { _: [] };
  readonly #options: ParseOptions;
  readonly #aliases: Map<string, Set<string>>;
  readonly #boolean: Set<string>;
  readonly #string: Set<string>;
  readonly #collect: Set<string>;
  readonly #negatable: Set<string>;

  constructor(options: ParseOptions) {
    this.#options = options;
    this.#aliases = aliasMap(options.alias ?? {});
    this.#boolean = this.#names(options.boolean);
    this.#string = this.#names(options.string);
    this.#collect = this.#names(options.collect);
    this.#negatable = this.#names(options.negatable);
  }

  parse(args: string[]): Record<string, unknown> & Positional {
    const dashes = args.indexOf("--");
    const before = dashes < 0 ? args : args.slice(0, dashes);
    const after = dashes < 0 ? [] : args.slice(dashes + 1);
    for (let index = 0; index < before.length; index++) {
      const arg = before[index] ?? "";
      const next = before[index + 1];
      if (/^--./s.test(arg)) {
        if (this.#long(arg, next)) index++;
      } else if (/^-./s.test(arg)) {
        if (this.#short(arg, next)) index++;
      } else {
        this.#positional(arg);
        if (!this.#options.stopEarly) continue;
        this.#values._.push(...before.slice(index + 1));
        break;
      }
    }
    this.#fillIn();
    if (this.#options["--"]) this.#values["--"] = after;
    else this.#values._.push(...after);
    return this.#values;
  }

  /** Reads `--name`, `--name=value` or `--no-name`; true if the next argument was its value. */
  #long(arg: string, next: string | undefined): boolean {
    const equals = arg.indexOf("=", 3);
    if (equals > 0 && equals < arg.length - 1) {
      const key = arg.slice(2, equals);
      const value = arg.slice(equals + 1);
      this.#set(key, this.#boolean.has(key) ? value !== "false" : value, arg, true);
      return false;
    }
    const key = arg.slice(2);
    if (key.startsWith("no-") && this.#negatable.has(key.slice(3))) {
      this.#set(key.slice(3), false, arg, false);
      return false;
    }
    return this.#withNext(key, arg, next, next !== undefined && next !== "" && !next.startsWith("-"));
  }

  /** Reads `-n`, `-n value`, `-nvalue`, or several flags in one (`-abc`); true if the next argument was its value. */
  #short(arg: string, next: string | undefined): boolean {
    for (let index = 1; index < arg.length - 1; index++) {
      const letter = arg.charAt(index);
      const rest = arg.slice(index + 1);
      if (rest === "-") {
        this.#set(letter, rest, arg, true);
        continue;
      }
      const value = attachedValue(letter, rest);
      if (value !== undefined) {
        this.#set(letter, value, arg, true);
        return false;
      }
      this.#set(letter, this.#string.has(letter) ? "" : true, arg, true);
    }
    const last = arg.slice(-1);
    if (last === "-") return false;
    return this.#withNext(last, arg, next, next !== undefined && next !== "" && !/^--?[^-]/.test(next));
  }

  /** Sets `key` to the next argument if it takes a value and that can be one. */
  #withNext(key: string, arg: string, next: string | undefined, nextIsValue: boolean): boolean {
    if (next !== undefined && nextIsValue && !this.#boolean.has(key)) {
      this.#set(key, next, arg, true);
      return true;
    }
    if (next === "true" || next === "false") {
      this.#set(key, next === "true", arg, true);
      return true;
    }
    this.#set(key, this.#string.has(key) ? "" : true, arg, true);
    return false;
  }

  #set(key: string, value: string | boolean, arg: string, collect: boolean): void {
    const known = this.#boolean.has(key) || this.#string.has(key) || this.#aliases.has(key);
    if (!known && this.#options.unknown?.(arg, key, value) === false) return;
    const read = typeof value === "string" && !this.#string.has(key) ? numberOr(value) : value;
    for (const name of [key, ...this.#aliases.get(key) ?? []]) {
      this.#values[name] = collect && this.#collect.has(key) ? collected(this.#values[name], read) : read;
    }
  }

  #positional(arg: string): void {
    if (this.#options.unknown?.(arg) === false) return;
    this.#values._.push(this.#string.has("_") ? arg : numberOr(arg));
  }

  #fillIn(): void {
    for (const [key, value] of Object.entries(this.#options.default ?? {})) {
      if (Object.hasOwn(this.#values, key)) continue;
      for (const name of [key, ...this.#aliases.get(key) ?? []]) this.#values[name] = value;
    }
    for (const key of this.#boolean) {
      if (!Object.hasOwn(this.#values, key)) this.#values[key] = this.#collect.has(key) ? [] : false;
    }
    for (const key of this.#string) {
      if (!Object.hasOwn(this.#values, key) && this.#collect.has(key)) this.#values[key] = [];
    }
  }

  /** The given names and their aliases. */
  #names(names: Names<string> = []): Set<string> {
    const given = typeof names === "string" ? [names] : names;
    return new Set(given.flatMap((name) => [name, ...this.#aliases.get(name) ?? []]));
  }
}

/** From each name to the others that mean the same. */
function aliasMap(alias: Aliases): Map<string, Set<string>> {
  const map = new Map<string, Set<string>>();
  for (const [key, value] of Object.entries(alias)) {
    const all = [key, ...typeof value === "string" ? [value] : value];
    for (const name of all) map.set(name, new Set(all.filter((other) => other !== name)));
  }
  return map;
}

/** The value in `-nvalue` or `-n=value`, if what follows the letter is one. */
function attachedValue(letter: string, rest: string): string | undefined {
  if (/[A-Za-z]/.test(letter)) {
    if (rest.includes("=")) return rest.slice(rest.indexOf("=") + 1);
    if (/-?\d+(\.\d*)?(e-?\d+)?$/.test(rest)) return rest;
  }
  // The last letter of a group is a flag of its own, whatever it is.
  return rest.length > 1 && /^\W/.test(rest) ? rest : undefined;
}

function numberOr(text: string): string | number {
  const isNumber = /^0x[0-9a-f]+$/i.test(text) || /^[-+]?(?:\d+(?:\.\d*)?|\.\d+)(e[-+]?\d+)?$/.test(text);
  return isNumber ? Number(text) : text;
}

function collected(before: unknown, value: unknown): unknown[] {
  if (Array.isArray(before)) return [...before, value];
  return before ? [before, value] : [value];
}
