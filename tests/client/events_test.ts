/** Events, states, and the small parts inside. */

import { assertEquals, assertThrows } from "@std/assert";
import { type ClientState, MqttError } from "../../client/mod.ts";
import { Fifo } from "../../client/fifo.ts";
import { SlabAllocator } from "../../client/slab.ts";
import { clientTest, deliver, grant, settle } from "./scripted.ts";

clientTest(
  { "3.1": "", "3.1.1": "", "5.0": "" },
  "events tell what happens, and the state goes with them",
  async (script) => {
    const { client, peer } = await script.connect({}, { properties: { reasonString: "welcome" } });
    const seen: unknown[] = [];
    const kinds: ClientState["kind"][] = [];
    client.addEventListener("connect", ({ sessionPresent, properties }) => {
      seen.push(["connect", sessionPresent, properties.reasonString, client.state.kind]);
    });
    client.addEventListener("disconnect", ({ reasonCode, reconnecting }) => {
      seen.push(["disconnect", reasonCode, reconnecting, client.state.kind]);
    });
    client.addEventListener("error", ({ error }) => seen.push(["error", error instanceof MqttError]));
    client.addEventListener("message", ({ message }) => seen.push(["message", message.topic]));
    client.addEventListener("statechange", () => kinds.push(client.state.kind));
    await settle();
    await deliver(peer, "a", "");
    await settle();
    await script.reconnect(peer);
    await settle();
    await client.close();
    const welcome = script.version === 5 ? "welcome" : undefined;
    assertEquals(seen, [
      ["connect", false, welcome, "connected"],
      ["message", "a"],
      ["disconnect", 0x80, true, "waiting"],
      ["error", true],
      ["connect", false, undefined, "connected"],
      ["disconnect", 0, false, "closed"],
    ]);
    assertEquals(kinds, ["waiting", "connecting", "connected", "closing", "closed"]);
  },
);

clientTest({ "5.0": "" }, "listeners come and go as those of any event target", async ({ connect }) => {
  const { client, peer } = await connect();
  const seen: string[] = [];
  const listener = () => seen.push("function");
  client.addEventListener("message", listener);
  client.addEventListener("message", { handleEvent: ({ message }) => seen.push(message.topic) }, { once: true });
  client.addEventListener("other", () => seen.push("other"));
  await deliver(peer, "a", "");
  await deliver(peer, "b", "");
  await settle();
  client.removeEventListener("message", listener);
  await deliver(peer, "c", "");
  await settle();
  client.dispatchEvent(new Event("other"));
  assertEquals(seen, ["function", "a", "function", "other"]);
});

clientTest(
  { "5.0": "" },
  "a listener sees a message before it is acknowledged, whoever else has it",
  async ({ connect }) => {
    const { client, peer } = await connect();
    const subscription = client.subscribe("a", { qos: 1 });
    await grant(peer);
    const seen: string[] = [];
    client.addEventListener("message", ({ message }) => seen.push(message.text()));
    await deliver(peer, "a", "held", { qos: 1, packetId: 1 });
    await peer.expectNothing();
    assertEquals(seen, ["held"]);
    await subscription.return();
    await peer.take("puback");
  },
);

clientTest({ "5.0": "" }, "nothing can be begun with a client that is closed", async ({ connect }) => {
  const { client } = await connect();
  const closing = client.close();
  assertThrows(() => client.subscribe("a"), DOMException, "client must be open, received one that is closing");
  assertEquals(client.close(), closing);
  await closing;
  assertThrows(() => client.subscribe("a"), DOMException, "client must be open, received one that is closed");
  await client.close();
  await client[Symbol.asyncDispose]();
  await client.closed;
});

Deno.test("fifo: first in, first out, over the ends of its ring", () => {
  const fifo = new Fifo<number>();
  let next = 0, expected = 0;
  for (let round = 1; round < 200; round++) {
    for (let i = 0; i < round % 37; i++) fifo.push(next++);
    for (let i = 0; i < round % 31; i++) if (fifo.size > 0) assertEquals(fifo.shift(), expected++);
    assertEquals(fifo.first, fifo.size === 0 ? undefined : expected);
    assertEquals([...fifo], Array.from({ length: fifo.size }, (_, i) => expected + i));
  }
  assertEquals(fifo.drain(), Array.from({ length: next - expected }, (_, i) => expected + i));
  assertEquals([fifo.size, fifo.shift(), fifo.first], [0, undefined, undefined]);
  fifo.push(1);
  assertEquals([...fifo], [1]);
});

Deno.test("slab: copies stay what they are, long and short ones in turn", () => {
  const slabs = new SlabAllocator();
  const copies: { bytes: Uint8Array; start: number; length: number; fill: number }[] = [];
  for (let i = 0; i < 5_000; i++) {
    const length = i % 97 === 0 ? 3_000 : i % 150;
    const source = new Uint8Array(length + 10).fill(i % 251);
    const start = slabs.copy(source, 5, 5 + length);
    copies.push({ bytes: slabs.target, start, length, fill: i % 251 });
    source.fill(255);
  }
  for (const { bytes, start, length, fill } of copies) {
    assertEquals(bytes.subarray(start, start + length).every((byte) => byte === fill), true);
  }
});
