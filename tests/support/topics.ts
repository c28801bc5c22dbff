/**
 * Topic names and filters at random, and the rules by which they match.
 *
 * @module
 */

import { pick } from "./random.ts";

/** The rules of MQTT 5.0 section 4.7 as they are written there, one level after the other. */
export function naiveMatches(filter: string, name: string): boolean {
  const filterLevels = filter.split("/");
  const nameLevels = name.split("/");
  if (name.startsWith("$") && (filterLevels[0] === "+" || filterLevels[0] === "#")) return false;
  for (const [index, level] of filterLevels.entries()) {
    if (level === "#") return nameLevels.length >= index;
    if (index >= nameLevels.length) return false;
    if (level !== "+" && level !== nameLevels[index]) return false;
  }
  return filterLevels.length === nameLevels.length;
}

const LEVELS = ["a", "b", "c", "", "$a", "$", "ab", "a level that is longer than twelve characters", "ü", "\u{1f600}"];

/** A valid topic name; few levels, so that names and filters meet. */
export function randomName(next: () => number): string {
  const count = next() < 0.02 ? 50 + Math.floor(next() * 200) : 1 + Math.floor(next() * 5);
  const levels = Array.from({ length: count }, () => pick(next, next() < 0.8 ? LEVELS.slice(0, 4) : LEVELS));
  return levels.join("/") || "a";
}

/** A valid filter for such names. */
export function randomFilter(next: () => number): string {
  const levels = randomName(next).split("/").map((level) => next() < 0.25 ? "+" : level);
  if (next() < 0.3) levels[levels.length - 1] = "#";
  return levels.join("/") || "+";
}
