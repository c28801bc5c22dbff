/**
 * What the page of the store's test imports, in one bundle.
 *
 * @module
 */

export { connect } from "../../../client/browser.ts";
export { IndexedDbStore } from "../../../client/indexeddb_store.ts";
export { clientStoreConformance } from "../store_conformance.ts";
