/**
 * Where messages and deliveries stand in the store, or on their way into it.
 *
 * @module
 */

/** Where a change stands until it is committed. */
export interface Pending {
  /** Which commit it waits for. */
  readonly generation: number;
  readonly index: number;
}

/** Where a publication stands. Good for the commit that it waits for: after that, its message may be gone. */
export interface MessagePlace {
  readonly id: number;
  readonly added: Pending;
  /** The deliveries of it that wait for the same commit; the number in its `addMessage`. */
  readonly write: { references: number };
}

/** Where a delivery stands. */
export interface DeliveryPlace {
  readonly position: number;
  /** Id of its message. */
  readonly message: number;
  /** Undefined for one that was read from the store. */
  readonly added: Pending | undefined;
  /** The last change of its state after it was added. */
  updated: Pending | undefined;
  /** Its number in the order of sending; 0 before that. */
  order: number;
}
