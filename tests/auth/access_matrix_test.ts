/** Mosquitto and our broker under the same access control file, with the same clients. */

import { assertEquals, assertGreater } from "@std/assert";
import { accessControl } from "../../broker/mod.ts";
import { bounded, startBroker } from "../support/broker.ts";
import { hasMosquitto, startMosquitto } from "../support/mosquitto.ts";
import { observe, WHOLE_FILE } from "./access_matrix.ts";

Deno.test({
  name: "broker access: publishing, subscribing, receiving, wills and retained messages as with Mosquitto",
  ignore: !hasMosquitto,
  fn: () =>
    bounded(async () => {
      const file = await Deno.makeTempFile();
      try {
        await Deno.writeTextFile(file, WHOLE_FILE);
        await using mosquitto = await startMosquitto([
          `acl_file ${file}`,
          "sys_interval 0",
          "max_inflight_messages 1000",
        ]);
        await using ours = await startBroker({ ...accessControl(WHOLE_FILE), sysInterval: 0 });
        const expected = await observe(mosquitto.port);
        const actual = await observe(ours.port);
        assertGreater(expected.length, 500);
        assertEquals(actual, expected);
      } finally {
        await Deno.remove(file);
      }
    }, 60_000),
});
