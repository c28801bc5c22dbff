/**
 * Stores for the client's publications and receptions that are not complete: what all of them are, and the one in
 * memory. Those that outlive the process are `@x/mqtt/client/sqlite` and `@x/mqtt/client/indexeddb`.
 *
 * @module
 */

export type * from "./common.ts";
export { ClientStore } from "./client_store.ts";
export { MemoryStore } from "./memory_store.ts";
export { RecoveredEvent } from "./recovered_event.ts";
export type * from "./stored.ts";
