/** Messages that are acknowledged by a call, or by a function that is through with them, against real servers. @module */

import { assertEquals } from "@std/assert";
import type { Client, Message } from "../../client/mod.ts";
import { serverTest } from "./client_servers.ts";

const QOS = [1, 2] as const;
const EVERY = { "3.1": "", "3.1.1": "", "5.0": "" };

function reconnected(client: Client): Promise<unknown> {
  return new Promise((resolve) => client.addEventListener("connect", resolve, { once: true }));
}

serverTest(
  "what was not acknowledged before the connection broke is acknowledged after it, and comes once",
  EVERY,
  async ({ connect, breakConnection }) => {
    const sender = await connect();
    for (const qos of QOS) {
      const receiver = await connect({ cleanStart: false, clientId: `receiver-${qos}`, sessionExpiryInterval: 60 });
      const subscription = receiver.subscribe(`manual/${qos}`, { qos, acknowledge: "manual" });
      await subscription.ready;
      const messages: Message[] = [];
      const take = async (count: number) => {
        while (messages.length < count) {
          const { value } = await subscription.next();
          if (value !== undefined) messages.push(value);
        }
      };
      for (let i = 0; i < 5; i++) await sender.publish(`manual/${qos}`, `${i}`, { qos });
      await take(5);
      const again = reconnected(receiver);
      breakConnection(receiver);
      await again;
      for (const message of messages) message.acknowledge();
      await sender.publish(`manual/${qos}`, "after", { qos });
      await take(6);
      assertEquals(messages.map((message) => message.text()), ["0", "1", "2", "3", "4", "after"]);
      messages.at(-1)?.acknowledge();
      assertEquals([subscription.size, messages.at(-1)?.qos], [0, qos]);
      await receiver.close();
    }
  },
  ["aedes"], // sends it again without DUP
);

serverTest("a function gets what comes, in order, one at a time", EVERY, async ({ connect }) => {
  const [sender, receiver] = [await connect(), await connect()];
  const count = 50;
  for (const qos of QOS) {
    const seen: string[] = [];
    const all = Promise.withResolvers<void>();
    let running = 0;
    const subscription = receiver.subscribe(`function/${qos}/#`, {
      qos,
      onMessage: async (message) => {
        assertEquals(++running, 1);
        await new Promise((resolve) => setTimeout(resolve, 0));
        seen.push(message.text());
        running--;
        if (seen.length === count) all.resolve();
      },
    });
    await subscription.ready;
    const sent = Array.from({ length: count }, (_, i) => sender.publish(`function/${qos}/a`, `${i}`, { qos }));
    await Promise.all([...sent, all.promise]);
    assertEquals(seen, Array.from({ length: count }, (_, i) => `${i}`));
    await subscription.unsubscribe();
  }
});
