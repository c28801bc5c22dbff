/**
 * Compares what a store gives with what it should give, without a library for tests.
 *
 * @module
 */

/** Throws an `Error` that shows both if they differ; a field that is undefined is as good as none. */
export function assertEquals(actual: unknown, expected: unknown): void {
  const [received, wanted] = [written(actual), written(expected)];
  if (received !== wanted) throw new Error(`Cannot accept the store: it must give ${wanted}, received ${received}`);
}

/** A text that is the same for equal values. */
function written(value: unknown): string {
  if (value instanceof Uint8Array) return `bytes(${value.join()})`;
  if (Array.isArray(value)) return `[${value.map(written).join(", ")}]`;
  if (typeof value !== "object" || value === null) {
    return typeof value === "string" ? JSON.stringify(value) : `${value}`;
  }
  const fields = Object.entries(value).filter(([, field]) => field !== undefined);
  const texts = fields.map(([name, field]) => `${name}: ${written(field)}`);
  return `{ ${texts.sort().join(", ")} }`;
}
