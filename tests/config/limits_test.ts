/** Limits that Mosquitto does not have: where they may stand, what they mean, and SIGHUP. */

import { assertEquals, assertThrows } from "@std/assert";
import { LIMIT_OPTIONS } from "../../broker/config/limit_options.ts";
import { resolveOptions } from "../../broker/options.ts";
import { bounded } from "../support/broker.ts";
import { RawClient } from "../support/raw_client.ts";
import { publishPacket } from "../support/raw_packets.ts";
import { OPEN, startConfigured } from "./program.ts";
import { parse } from "./sources.ts";

Deno.test("broker config: a limit holds for all listeners before the first one, and behind one for that", () => {
  const { listeners } = parse(
    "max_publish_rate 10\nmax_publish_burst 20\nmax_handshakes 7\n" +
      "listener 1883\nlistener 1884\nmax_publish_rate 0\nmax_publish_bytes_rate 1000\nconnect_timeout 3\n",
  );
  const [first, second] = listeners.map(({ policy }) => policy);
  assertEquals([first?.maxPublishRate, first?.maxPublishBurst, first?.maxHandshakes], [10, 20, 7]);
  assertEquals([first?.maxPublishBytesRate, first?.connectTimeout], [undefined, undefined]);
  assertEquals([second?.maxPublishRate, second?.maxPublishBurst, second?.maxHandshakes], [Infinity, 20, 7]);
  assertEquals([second?.maxPublishBytesRate, second?.connectTimeout], [1_000, 3_000]);
});

Deno.test("broker config: without a listener, limits are those of the default one and open no other", () => {
  const { listeners } = parse("max_publish_rate 10\nhandshake_timeout 2\n");
  assertEquals(listeners.map(({ policy }) => [policy.maxPublishRate, policy.handshakeTimeout]), [
    [10, 2_000],
    [10, 2_000],
  ]);
});

Deno.test("broker config: every limit of ours takes a number that a broker takes, and no word", () => {
  for (const { name, effect } of LIMIT_OPTIONS) {
    const { options, listeners } = parse(`listener 1883\n${name} 2000\n`);
    resolveOptions(options);
    const found = [...Object.values(options), ...Object.values(listeners[0]?.policy ?? {})];
    const isTime = name.endsWith("_timeout");
    assertEquals(found.includes(isTime ? 2_000_000 : 2_000), true, name);
    assertEquals(effect.kind === "limit" || effect.kind === "general", true, name);
    assertThrows(() => parse(`listener 1883\n${name} many\n`), Error, `${name} must be a whole number`);
  }
});

Deno.test({
  name: "broker config: SIGHUP changes the publish rate of clients that are there, also of one that waits",
  ignore: Deno.build.os === "windows",
  fn: () =>
    bounded(async () => {
      await using broker = await startConfigured([...OPEN, "max_publish_rate 1"]);
      await using client = await RawClient.connect(broker.port, { clientId: "quick" });
      // At one a second they would take half a minute.
      const packets = Array.from({ length: 20 }, (_, at) => publishPacket("t", "", { qos: 1, packetId: at + 1 }));
      await client.send(...packets);
      await client.expect("puback", { packetId: 1 });
      await broker.configure(OPEN);
      await broker.reload();
      await client.expectMany("puback", 19);
      await broker.configure([...OPEN, "max_publish_rate 1"]);
      await broker.reload();
      await client.send(...packets);
      await client.expect("puback", { packetId: 1 });
      await client.expectNothing(100);
    }, 40_000),
});
