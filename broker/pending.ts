/**
 * Where messages and deliveries stand in the store, or on their way into it.
 *
 * @module
 */

/** Where a publication stands. Good for the commit that it waits for: after that, its message may be gone. */
export interface MessagePlace {
  readonly id: number;
  /** Number of the change that adds it. */
  readonly added: number;
  /** The deliveries of it that wait for the same commit; the number in its `addMessage`. */
  readonly write: { references: number };
}

/** Where a delivery stands. */
export interface DeliveryPlace {
  readonly position: number;
  /** Id of its message. */
  readonly message: number;
  /** Number of the change that adds it; undefined for one that was read from the store. */
  readonly added: number | undefined;
  /** Number of the last change of its state after it was added. */
  updated: number | undefined;
  /** Its number in the order of sending; 0 before that. */
  order: number;
}
