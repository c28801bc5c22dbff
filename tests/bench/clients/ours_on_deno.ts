/**
 * Our client on Deno.
 *
 * @module
 */

import { connect } from "../../../client/mod.ts";
import { driveOurs } from "./ours.ts";

await driveOurs(connect);
