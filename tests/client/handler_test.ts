/** Messages that go to a function. */

import { assertEquals, assertRejects } from "@std/assert";
import { type Message, MqttError, ReasonCode } from "../../client/mod.ts";
import { clientTest, deliver, grant, settle } from "./scripted.ts";

clientTest(
  { "3.1": "", "3.1.1": "", "5.0": "" },
  "onMessage: one message at a time, in order, each acknowledged when the function is through",
  async ({ connect }) => {
    const { client, peer } = await connect();
    const begun: string[] = [];
    const gates: (() => void)[] = [];
    const subscription = client.subscribe("a/#", {
      qos: 2,
      onMessage: async (message) => {
        begun.push(message.text());
        await new Promise<void>((resolve) => gates.push(resolve));
      },
    });
    await grant(peer);
    await deliver(peer, "a", "1", { qos: 1, packetId: 1 });
    await deliver(peer, "a", "2", { qos: 2, packetId: 2 });
    await deliver(peer, "a", "3");
    await settle();
    assertEquals([begun, subscription.size], [["1"], 2]);
    await peer.expectNothing();
    gates[0]?.();
    await peer.expect("puback", { packetId: 1 });
    assertEquals(begun, ["1", "2"]);
    await peer.expectNothing();
    gates[1]?.();
    await peer.expect("pubrec", { packetId: 2 });
    gates[2]?.();
    await settle();
    assertEquals(begun, ["1", "2", "3"]);
    await assertRejects(() => subscription.next(), TypeError, "onMessage");
  },
);

clientTest(
  { "5.0": "" },
  "onMessage: what the function throws goes to the error event, and the next message comes",
  async ({ connect }) => {
    const { client, peer } = await connect();
    const errors: string[] = [];
    client.addEventListener("error", ({ error }) => errors.push(error.message));
    client.subscribe("a", {
      qos: 1,
      onMessage: (message) => {
        if (message.text() === "2") return Promise.reject(new Error("two"));
        throw new Error(message.text());
      },
    });
    await grant(peer);
    for (const packetId of [1, 2, 3]) {
      await deliver(peer, "a", `${packetId}`, { qos: 1, packetId });
      await peer.expect("puback", { packetId, reasonCode: 0 });
    }
    assertEquals(errors, ["1", "two", "3"]);
  },
);

clientTest({ "5.0": "" }, "onMessage: what it throws is thrown outside when nobody listens", async ({ connect }) => {
  const { client, peer } = await connect();
  const thrown = Promise.withResolvers<unknown>();
  const onError = (event: ErrorEvent) => {
    event.preventDefault();
    thrown.resolve(event.error);
  };
  addEventListener("error", onError);
  try {
    const fault = new Error("a fault of the caller's");
    client.subscribe("a", {
      onMessage: () => {
        throw fault;
      },
    });
    await grant(peer);
    await deliver(peer, "a", "");
    assertEquals(await thrown.promise, fault);
    assertEquals(client.state.kind, "connected");
  } finally {
    removeEventListener("error", onError);
  }
});

clientTest(
  { "5.0": "" },
  "onMessage: the function may acknowledge by itself, early, with a reason, or in manual mode later",
  async ({ connect }) => {
    const { client, peer } = await connect();
    const kept: Message[] = [];
    client.subscribe("early", {
      qos: 1,
      onMessage: (message) => {
        message.acknowledge(ReasonCode.QuotaExceeded);
        return new Promise<void>(() => {});
      },
    });
    await grant(peer);
    client.subscribe("late", { qos: 1, acknowledge: "manual", onMessage: (message) => kept.push(message) });
    await grant(peer);
    await deliver(peer, "early", "", { qos: 1, packetId: 1 });
    await peer.expect("puback", { packetId: 1, reasonCode: 0x97 });
    await deliver(peer, "late", "", { qos: 1, packetId: 2 });
    await settle();
    await peer.expectNothing();
    kept[0]?.acknowledge();
    await peer.expect("puback", { packetId: 2, reasonCode: 0 });
  },
);

clientTest(
  { "5.0": "" },
  "onMessage: a refusal goes to the error event; the ends by signal, unsubscribe and close do not",
  async ({ connect }) => {
    const { client, peer } = await connect();
    const errors: Error[] = [];
    const seen: string[] = [];
    const onMessage = (message: Message) => seen.push(message.text());
    client.addEventListener("error", ({ error }) => errors.push(error));
    const refused = client.subscribe("refused", { onMessage });
    await grant(peer, 0x87);
    await assertRejects(() => refused.ready, MqttError);
    await settle();
    assertEquals(errors.map((error) => error instanceof MqttError && error.reasonCode), [0x87]);
    const ended = new AbortController();
    client.subscribe("a", { onMessage, signal: ended.signal });
    await grant(peer);
    const other = client.subscribe("b", { onMessage });
    await grant(peer);
    client.subscribe("c", { onMessage });
    await grant(peer);
    ended.abort();
    await peer.expect("unsubscribe", { filters: ["a"] });
    void other.unsubscribe();
    await peer.expect("unsubscribe", { filters: ["b"] });
    await deliver(peer, "c", "1");
    await deliver(peer, "b", "2");
    await settle();
    await client.close({ force: true });
    await settle();
    assertEquals([errors.length, seen], [1, ["1"]]);
  },
);
