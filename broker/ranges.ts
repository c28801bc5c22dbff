/**
 * Numbers within their bounds.
 *
 * @module
 */

/** What a number may be, both bounds included. */
export type Range<K extends string> = readonly [name: K, from: number, to: number];

/**
 * Throws `RangeError` for a field of `values` that is no whole number within its range; what is absent is right.
 * `task` begins the message, e.g. `Cannot listen: `.
 */
export function assertRanges<K extends string>(
  values: Readonly<Partial<Record<K, unknown>>>,
  ranges: readonly Range<K>[],
  task: string,
): void {
  for (const [name, from, to] of ranges) {
    const value = values[name];
    if (value === undefined) continue;
    const isWhole = Number.isInteger(value) || value === Infinity;
    if (typeof value === "number" && isWhole && value >= from && value <= to) continue;
    throw new RangeError(`${task}${name} must be a whole number from ${from} to ${to}, received ${value}`);
  }
}
