/**
 * Looking for a part of a text.
 *
 * @module
 */

/** Whether a text has a part, upper or lower case. Without a part, every one has it. */
export function matcherOf(part: string | undefined): (text: string | undefined) => boolean {
  if (part === undefined || part === "") return () => true;
  const wanted = part.toLowerCase();
  return (text) => text !== undefined && text.toLowerCase().includes(wanted);
}
