/**
 * Topic names and filters by their levels, without cutting them up.
 *
 * @module
 */

const SLASH = 0x2f;
const PLUS = 0x2b;
const HASH = 0x23;

/** Where the level that begins at `start` ends: at the next slash or at the end of the text. */
export function levelEnd(text: string, start: number): number {
  const end = text.indexOf("/", start);
  return end === -1 ? text.length : end;
}

/** What a level may keep alive beside itself, in characters. */
const MAXIMUM_WASTE = 256;

/**
 * A level that was cut from `key`, to be kept. A substring may refer to the string that it was cut from: that is good as
 * long as the two live together or are both short, and bad when a short level would keep a key of 64 KB that is long gone.
 */
export function lasting(level: string, key: string): string {
  if (key.length - level.length <= MAXIMUM_WASTE) return level;
  // Joined and cut again, it refers to the joined copy.
  return ` ${level}`.slice(1);
}

/**
 * Whether the levels of a valid filter from `filterAt` on match those of a name from `nameAt` on. Both are places where
 * a level ends: at a slash, or at the end of the text.
 */
export function levelsMatch(filter: string, filterAt: number, name: string, nameAt: number): boolean {
  let at = nameAt;
  for (let i = filterAt; i < filter.length; i++) {
    const code = filter.charCodeAt(i);
    if (code === HASH) return true;
    if (code === PLUS) at = levelEnd(name, at);
    else if (at < name.length && name.charCodeAt(at) === code) at++;
    // What is left of the filter may still be "/#", which matches its parent level too.
    else return at === name.length && code === SLASH && filter.charCodeAt(i + 1) === HASH;
  }
  return at === name.length;
}
