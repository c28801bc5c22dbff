/** What a page imports that only connects: bundlers leave out the rest. @module */

export { connect } from "../../../client/browser.ts";
