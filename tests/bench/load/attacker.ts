/**
 * One hostile client in a process of its own, again and again for some seconds; prints how often.
 *
 * Arguments: the name of the attack, the ports as JSON, the seconds.
 *
 * @module
 */

import { type AttackedPorts, ATTACKS } from "../../support/attacks.ts";

const [name, portsText = "{}", seconds = "1"] = Deno.args;
const attack = ATTACKS.find((each) => each.name === name);
if (attack === undefined) throw new Error(`Cannot attack: the name must be that of an attack, received ${name}`);
const ports: AttackedPorts = JSON.parse(portsText);
const end = performance.now() + Number(seconds) * 1_000;
let rounds = 0;
while (performance.now() < end) await attack.round(ports, rounds++);
console.log(rounds);
