/**
 * Long walks in short steps, so that messages do not wait for those who look.
 *
 * @module
 */

/** Milliseconds of a step. */
const STEP = 3;
/** Milliseconds between two steps, so that looking takes a part of the time only. */
const REST = 3;
/** Items between two looks at the time, which cost more than most items. */
const UNWATCHED = 64;

/** Items of one walk at most. */
const LONGEST_WALK = 1_000_000;

/**
 * Calls `visit` with each item; resolves with false when there were too many to see them all. What comes and goes
 * meanwhile is up to the iterator.
 */
export async function walk<T>(items: Iterable<T>, visit: (item: T) => void): Promise<boolean> {
  let end = performance.now() + STEP;
  let count = 0;
  for (const item of items) {
    if (count === LONGEST_WALK) return false;
    visit(item);
    if (++count % UNWATCHED !== 0 || performance.now() < end) continue;
    await new Promise((resolve) => setTimeout(resolve, REST));
    end = performance.now() + STEP;
  }
  return true;
}
