/**
 * aedes, a broker of the Node world, as a server to compare with: `deno task bench --with aedes`.
 *
 * @module
 */

import { Aedes } from "aedes";
import { createServer } from "node:net";

if (import.meta.main) {
  const port = Number(Deno.args[Deno.args.indexOf("--port") + 1]);
  const aedes = await Aedes.createBroker();
  createServer({ noDelay: true }, aedes.handle).listen(port, "127.0.0.1");
}
