/**
 * Our client on Node.
 *
 * @module
 */

import { connect } from "../../../client/node.ts";
import { driveOurs } from "./ours.ts";

await driveOurs(connect);
