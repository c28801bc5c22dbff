/** MQTT 3.1.1, section 3.2 (CONNACK) and what comes, or does not come, behind it. */

import { assertEquals } from "@std/assert";
import { encodePacket } from "../../codec/encode.ts";
import { connectPacket, publishPacket, toText } from "../support/raw_packets.ts";
import { expectEachCloses, withBrokerFor } from "./broker_v311_support.ts";

const withBroker = withBrokerFor(4);

Deno.test(
  "mqtt 3.1.1 broker: an accepted CONNECT gets CONNACK 0x00, of exactly four bytes [MQTT-3.1.4-4] [MQTT-3.2.2-1]",
  withBroker(async ({ connect }) => {
    const client = await connect();
    assertEquals(client.lastBytes, Uint8Array.of(0x20, 2, 0, 0));
  }),
);

Deno.test(
  "mqtt 3.1.1 broker: nothing behind a refused CONNECT is processed [MQTT-3.1.4-5]",
  withBroker({ authenticate: ({ username }) => username !== "mallory" }, async ({ open, connect }) => {
    const watcher = await connect();
    await watcher.subscribe("#");
    for (const options of [{ username: "mallory" }, { clientId: "", cleanStart: false }]) {
      const client = await open();
      const connect = connectPacket({ version: 4, will: { topic: "will", payload: "refused" }, ...options });
      await client.send(connect, publishPacket("a", "slipped in", { retain: true }), { type: "pingreq" });
      await client.expectRefused(options.username === undefined ? 0x02 : 0x04);
    }
    assertEquals(await watcher.barrier(), []);
    const later = await connect();
    await later.subscribe("#");
    assertEquals(await later.barrier(), []);
  }),
);

Deno.test(
  "mqtt 3.1.1 broker: nothing behind a CONNECT overtakes a slow refusal [MQTT-3.1.4-5]",
  async () => {
    const decision = Promise.withResolvers<boolean>();
    const run = withBroker({
      authenticate: ({ username }) => username === "mallory" ? decision.promise : true,
    }, async ({ open, connect }) => {
      const watcher = await connect();
      await watcher.subscribe("#");
      const client = await open();
      await client.send(connectPacket({ version: 4, username: "mallory" }), publishPacket("a", "slipped in"));
      assertEquals(await watcher.barrier(), []);
      decision.resolve(false);
      await client.expectRefused(0x04);
      assertEquals(await watcher.barrier(), []);
    });
    await run();
  },
);

Deno.test(
  "mqtt 3.1.1 broker: packets sent right behind CONNECT are answered behind CONNACK [MQTT-3.2.0-1]",
  withBroker({ authenticate: () => Promise.resolve(true) }, async ({ open, connect }) => {
    await (await connect()).publish("kept", "retained", { qos: 1, retain: true });
    const client = await open();
    await client.send(
      connectPacket({ version: 4 }),
      { type: "subscribe", packetId: 7, subscriptions: [{ filter: "kept", qos: 1 }] },
      { type: "pingreq" },
    );
    await client.expect("connack", { reasonCode: 0 });
    const rest = [await client.next(), await client.next(), await client.next()];
    assertEquals(rest.map(({ type }) => type).toSorted(), ["pingresp", "publish", "suback"]);
  }),
);

Deno.test(
  "mqtt 3.1.1 broker: CONNACK precedes the messages that waited in the session [MQTT-3.2.0-1]",
  withBroker(async ({ open, connect }) => {
    const before = await connect({ clientId: "queue", cleanStart: false });
    await before.subscribe("a", { qos: 1 });
    await before.disconnect();
    await (await connect()).publish("a", "waited", { qos: 1 });
    const after = await open();
    await after.sendConnect({ clientId: "queue", cleanStart: false });
    await after.expect("connack", { sessionPresent: true });
    await after.expect("publish", { payload: "waited" });
  }),
);

Deno.test(
  "mqtt 3.1.1 broker: Session Present is 0 in a refusal, even if there is a session [MQTT-3.2.2-4]",
  withBroker({ authenticate: ({ password }) => toText(password ?? new Uint8Array()) === "right" }, async (test) => {
    const account = { clientId: "kept", cleanStart: false, username: "user" };
    const before = await test.connect({ ...account, password: "right" });
    await before.disconnect();
    const refused = await test.open();
    await refused.sendConnect({ ...account, password: "wrong" });
    await refused.expectRefused(0x04);
    const after = await test.connect({ ...account, password: "right" });
    assertEquals(after.connack?.sessionPresent, true);
  }),
);

Deno.test(
  "mqtt 3.1.1 broker: return codes of a refusal are those of 3.1.1 [MQTT-3.2.2-5]",
  async () => {
    // Reason code of the hook, and what 3.1.1 calls it.
    const codes = [[0x84, 1], [0x85, 2], [0x88, 3], [0x89, 3], [0x86, 4], [0x87, 5]] as const;
    const run = withBroker({ authenticate: ({ username }) => ({ reasonCode: Number(username) }) }, async ({ open }) => {
      for (const [reasonCode, returnCode] of codes) {
        const client = await open();
        await client.sendConnect({ username: String(reasonCode) });
        await client.expectRefused(returnCode);
      }
    });
    await run();
  },
);

Deno.test(
  "mqtt 3.1.1 broker: a refusal that no return code names is a close without CONNACK [MQTT-3.2.2-6]",
  withBroker({ authenticate: ({ username }) => ({ reasonCode: Number(username) }) }, async ({ open }) => {
    const tooLarge = encodePacket(connectPacket({ version: 4, username: String(0x95) }), 4);
    const elsewhere = encodePacket(connectPacket({ version: 4, username: String(0x9d) }), 4);
    await expectEachCloses(open, [["packet too large", tooLarge], ["server moved", elsewhere]]);
  }),
);
