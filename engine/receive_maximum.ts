/**
 * The limit of unacknowledged PUBLISHes, for both directions.
 *
 * @module
 */

const HIGHEST = 65_535;

/**
 * Returns a valid receive maximum as it is.
 *
 * @throws {RangeError} If it is not an integer from 1 to 65,535.
 */
export function checkedReceiveMaximum(receiveMaximum: number): number {
  if (Number.isInteger(receiveMaximum) && receiveMaximum >= 1 && receiveMaximum <= HIGHEST) {
    return receiveMaximum;
  }
  throw new RangeError(`Cannot use receive maximum: it must be an integer from 1 to 65535, received ${receiveMaximum}`);
}
