/** All test vectors. @module */

import * as acknowledgements from "./acknowledgements.ts";
import * as closing from "./closing.ts";
import * as connack from "./connack.ts";
import * as connect from "./connect.ts";
import * as connectMalformed from "./connect_malformed.ts";
import * as publish from "./publish.ts";
import * as subscriptions from "./subscriptions.ts";
import type { MalformedVector, ValidVector } from "./vector.ts";

const groups = [connack, publish, acknowledgements, subscriptions, closing];

/** Packets that are read. */
export const valid: ValidVector[] = [connect, ...groups].flatMap(({ valid }) => valid);

/** Packets that are refused. */
export const malformed: MalformedVector[] = [connectMalformed, ...groups].flatMap(({ malformed }) => malformed);
