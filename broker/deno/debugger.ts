/**
 * Deno's debugger, which a broker must not open to all users of its machine.
 *
 * @module
 */

import process from "node:process";

/** Milliseconds between two looks, and how many there are: Deno opens it from a thread of its own. */
const INTERVAL = 10;
const LOOKS = 200;

/**
 * SIGUSR1 has Deno, from 2.9.2 on, open its debugger on 127.0.0.1, by which any user of the machine could do what the
 * broker may. Nothing turns that off, so it is closed again.
 */
export function closeDebugger(): void {
  const { close } = process.getBuiltinModule("node:inspector");
  let looks = 0;
  const timer = setInterval(() => {
    close();
    if (++looks === LOOKS) clearInterval(timer);
  }, INTERVAL);
}
