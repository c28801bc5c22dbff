/**
 * Files of an administrator as text.
 *
 * @module
 */

/**
 * Reads a file in UTF-8. Throws what reading throws, and `TypeError` for bytes that are no UTF-8: taken for something else,
 * a rule would not hold for the topic or user that it names.
 */
export function readUtf8File(path: string): string {
  const bytes = Deno.readFileSync(path);
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch {
    throw new TypeError("it must be text in UTF-8");
  }
}
