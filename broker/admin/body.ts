/**
 * The body of a request: JSON, and not much of it.
 *
 * @module
 */

import { ApiFailure } from "./failure.ts";

/** Bytes of the largest body. */
export const LARGEST_BODY = 65_536;

/** Reads an object in JSON. Rejects with {@linkcode ApiFailure} for anything else. */
export async function readObject(request: Request): Promise<Readonly<Record<string, unknown>>> {
  const [type = ""] = (request.headers.get("content-type") ?? "").split(";");
  if (type.trim().toLowerCase() !== "application/json") {
    throw new ApiFailure("unsupported_media_type", "The header Content-Type must be application/json");
  }
  const value = parsed(await readText(request));
  if (isObject(value)) return value;
  throw new ApiFailure("bad_request", "The body must be an object in JSON");
}

/** Throws for members that are not among `names`. */
export function assertMembers(object: Readonly<Record<string, unknown>>, names: readonly string[]): void {
  const unknown = Object.keys(object).find((name) => !names.includes(name));
  if (unknown === undefined) return;
  throw new ApiFailure("bad_request", `The body must have no other members than ${names.join(", ")}`);
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw new ApiFailure("bad_request", "The body must be JSON");
  }
}

async function readText(request: Request): Promise<string> {
  const announced = Number(request.headers.get("content-length") ?? 0);
  if (announced > LARGEST_BODY) throw tooLarge();
  const decoder = new TextDecoder("utf-8", { fatal: true });
  let text = "";
  let length = 0;
  try {
    for await (const chunk of request.body ?? []) {
      length += chunk.length;
      if (length > LARGEST_BODY) throw tooLarge();
      text += decoder.decode(chunk, { stream: true });
    }
    return text + decoder.decode();
  } catch (error) {
    if (error instanceof ApiFailure) throw error;
    throw new ApiFailure("bad_request", "The body must be whole, and UTF-8");
  }
}

function tooLarge(): ApiFailure {
  return new ApiFailure("too_large", `The body must have at most ${LARGEST_BODY} bytes`);
}
