/** MQTT over Unix sockets. @module */

import { assertMatch, assertRejects } from "@std/assert";
import { connect } from "../../client/mod.ts";
import { bounded } from "../support/broker.ts";
import { hasMosquitto, startMosquitto } from "../support/mosquitto.ts";
import { exchange } from "./transports_exchange.ts";

for (const protocolVersion of [3, 4, 5] as const) {
  Deno.test(
    `client: version ${protocolVersion} over a Unix socket carries all QoS`,
    { ignore: !hasMosquitto },
    () =>
      bounded(async () => {
        const folder = await Deno.makeTempDir({ prefix: "für-mqtt-" });
        try {
          const path = `${folder}/mqtt.sock`;
          await using _mosquitto = await startMosquitto([`listener 0 ${path}`]);
          // A URL keeps such a letter in its own way.
          await exchange(`mqtt+unix://${path}`, { protocolVersion });
        } finally {
          await Deno.remove(folder, { recursive: true });
        }
      }),
  );
}

Deno.test("client: a Unix socket that is not there is an error", async () => {
  const error = await assertRejects(() => connect("mqtt+unix:///nowhere/mqtt.sock", { reconnect: false }), Error);
  assertMatch(error.message, /ENOENT/);
});

Deno.test("client: a URL for a Unix socket has a path and no host", async () => {
  for (const url of ["mqtt+unix://", "mqtt+unix:///", "mqtt+unix://host/run/mqtt.sock"]) {
    await assertRejects(() => connect(url), TypeError, "url must be one like mqtt+unix:///run/mqtt.sock");
  }
});
