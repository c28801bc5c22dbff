/** What the broker writes down, and when: promises are kept in time, and what is over does not come back. */

import { assert, assertEquals } from "@std/assert";
import { bounded, startBroker, until } from "../support/broker.ts";
import { MemoryStore } from "../../broker/memory_store.ts";
import { RawClient } from "../support/raw_client.ts";
import { publishPacket } from "../support/raw_packets.ts";
import { FaultyStore } from "./faulty_store.ts";
import { LASTING, testLives as test } from "./lives.ts";

test("what was acknowledged while nothing could be written is not sent again", async (lives) => {
  const subscriber = await lives.connect({ clientId: "c", ...LASTING });
  await subscriber.subscribe("a", { qos: 1 });
  const publisher = await lives.connect();
  await publisher.publish("a", "first", { qos: 1 });
  const first = await subscriber.expect("publish", { payload: "first" });
  await subscriber.send({ type: "puback", packetId: first.packetId ?? 0, reasonCode: 0 });
  lives.store.fate = "fails";
  await publisher.send(publishPacket("a", "second", { qos: 1, packetId: 50 }));
  const second = await subscriber.expect("publish", { payload: "second" });
  // The publisher pays for the commit that failed.
  await publisher.expectClosed();
  await subscriber.send({ type: "puback", packetId: second.packetId ?? 0, reasonCode: 0 });
  await subscriber.barrier();
  const { commits } = lives.store;
  lives.store.fate = "works";
  await until(() => lives.store.commits > commits, "the recovery");
  await lives.crash();
  const after = await lives.connect({ clientId: "c", ...LASTING });
  assertEquals(after.connack?.sessionPresent, true);
  assertEquals(await after.barrier(), []);
});

/** So many messages without an acknowledgement are too many: some milliseconds each. */
const TOO_MANY = 1_000;

Deno.test("broker store: a stream of messages that are over soon does not put off its acknowledgements", () =>
  bounded(async () => {
    const store = new FaultyStore(new MemoryStore());
    // The slower the commits, the longer is what may be over soon waited for.
    store.fate = () => {
      const end = performance.now() + 2;
      while (performance.now() < end);
      return "works";
    };
    await using running = await startBroker({ store, sysInterval: 0 });
    await using subscriber = await RawClient.connect(running.port, { clientId: "c", ...LASTING });
    await subscriber.subscribe("a", { qos: 1 });
    await using publisher = await RawClient.connect(running.port);
    let answered = false;
    const answer = publisher.expect("puback", { packetId: 1 }, 60_000).then(() => answered = true, () => {});
    let before: number | undefined;
    let sent = 0;
    while (!answered && sent < TOO_MANY) {
      await publisher.send(publishPacket("a", "x", { qos: 1, packetId: ++sent }));
      const { packetId = 0 } = await subscriber.expect("publish");
      // There is always one under way.
      if (before !== undefined) await subscriber.send({ type: "puback", packetId: before, reasonCode: 0 });
      before = packetId;
    }
    assert(answered, `${sent} messages were handed on without an acknowledgement`);
    await answer;
  }));
