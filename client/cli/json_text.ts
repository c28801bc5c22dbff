/**
 * JSON that keeps what JavaScript's objects do not: the order of all keys, and keys that stand there twice.
 *
 * @module
 */

/** A JSON value. */
export type Json =
  /** Text to be printed as it is: a number, a string with its quotes, `true`, `false`, `null`. */
  | string
  | { readonly items: readonly Json[] }
  | { readonly members: readonly (readonly [name: string, value: Json])[] };

/** JSON tokens and the white space before them. */
const TOKEN = /\s*(?:("(?:[^"\\]|\\.)*")|([[\]{}:,])|([^\s[\]{}:,"]+))/y;

/** Numbers that all notations print alike; others are left as they are. */
const LARGEST_PLAIN = 1e15;

/**
 * Reads a JSON text.
 *
 * @throws {SyntaxError} If it is none.
 */
export function parseJson(text: string): Json {
  JSON.parse(text); // checks; what follows need not
  const tokens = tokensOf(text);
  let at = 0;
  const next = () => tokens[at++] ?? "";
  const value = (): Json => {
    const token = next();
    if (token === "{") return { members: list("}", () => member()) };
    if (token === "[") return { items: list("]", () => value()) };
    return scalar(token);
  };
  const member = (): readonly [string, Json] => {
    const name: string = JSON.parse(next());
    at++; // the colon
    return [name, value()];
  };
  const list = <T>(end: string, read: () => T): T[] => {
    const found: T[] = [];
    if (tokens[at] === end) {
      at++;
      return found;
    }
    do found.push(read()); while (next() === ",");
    return found;
  };
  return value();
}

function tokensOf(text: string): string[] {
  const tokens: string[] = [];
  TOKEN.lastIndex = 0;
  for (let match = TOKEN.exec(text); match !== null; match = TOKEN.exec(text)) {
    tokens.push(match[1] ?? match[2] ?? match[3] ?? "");
  }
  return tokens;
}

function scalar(token: string): string {
  if (token.startsWith('"')) return JSON.stringify(JSON.parse(token));
  const value = Number(token);
  return Math.abs(value) < LARGEST_PLAIN ? String(value) : token;
}

/** On one line. */
export function compactJson(json: Json): string {
  if (typeof json === "string") return json;
  if ("items" in json) return `[${json.items.map(compactJson).join(",")}]`;
  return `{${json.members.map(([name, value]) => `${JSON.stringify(name)}:${compactJson(value)}`).join(",")}}`;
}

/** A line for each member of an object, with tabs. */
export function prettyJson(json: Json, depth = 0): string {
  if (typeof json === "string") return json;
  if ("items" in json) return `[${json.items.map((item) => prettyJson(item, depth + 1)).join(", ")}]`;
  const indent = "\t".repeat(depth + 1);
  const lines = json.members.map(([name, value]) =>
    `${indent}${JSON.stringify(name)}:\t${prettyJson(value, depth + 1)}`
  );
  return `{\n${lines.join(",\n")}${lines.length > 0 ? "\n" : ""}${"\t".repeat(depth)}}`;
}
