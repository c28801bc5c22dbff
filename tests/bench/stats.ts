/**
 * Small statistics.
 *
 * @module
 */

/** The middle value; the mean of the two middle ones of an even number; NaN of none. */
export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  const upper = sorted[middle] ?? NaN;
  return sorted.length % 2 === 1 ? upper : ((sorted[middle - 1] ?? NaN) + upper) / 2;
}

/** The value that `fraction` (0 to 1) of all values do not exceed; sorts the array in place. */
export function percentile(values: Float64Array, fraction: number): number {
  values.sort();
  return values[Math.min(values.length - 1, Math.floor(values.length * fraction))] ?? NaN;
}
