/** Enhanced authentication: MQTT 5.0 sections 3.15 and 4.12. */

import { assertEquals } from "@std/assert";
import type { AuthExchange, AuthStep, ConnectRequest } from "../../broker/hooks.ts";
import { withBroker } from "../support/broker.ts";
import type { RawClient } from "../support/raw_client.ts";
import { concatBytes, publishPacket, rawPacket, toText } from "../support/raw_packets.ts";

const encode = (text: string) => new TextEncoder().encode(text);

/** Asks two questions; the client has to echo each with `!`. A re-authentication works the same. */
function echo(_: ConnectRequest): AuthExchange {
  let step = 0;
  return {
    async next(data): Promise<AuthStep> {
      await Promise.resolve();
      if (step > 0 && toText(data ?? new Uint8Array(0)) !== `q${step}!`) return { kind: "failure", reasonCode: 0x87 };
      step++;
      if (step === 3) return { kind: "success", data: encode("welcome"), username: "ann" };
      return { kind: "continue", data: encode(`q${step}`) };
    },
  };
}

/** Fails at once, or at the second step. */
const options = {
  authenticationMethods: {
    echo,
    closed: (): AuthExchange => ({ next: () => ({ kind: "failure", reasonCode: 0x83, reasonString: "closed" }) }),
    quick: (): AuthExchange => ({ next: () => ({ kind: "success" }) }),
    broken: (): AuthExchange => ({ next: () => Promise.reject(new Error("down")) }),
  },
};

function answer(text: string, reasonCode = 0x18, authenticationMethod = "echo") {
  return { type: "auth", reasonCode, properties: { authenticationMethod, authenticationData: encode(text) } } as const;
}

const question = (text: string) => ({ authenticationMethod: "echo", authenticationData: encode(text) });

/** Answers all questions of a connection that has sent nothing yet. */
async function authenticate(client: RawClient): Promise<void> {
  await client.sendConnect({ properties: { authenticationMethod: "echo" } });
  for (const text of ["q1!", "q2!"]) {
    await client.expect("auth");
    await client.send(answer(text));
  }
  await client.expect("connack", { reasonCode: 0 });
}

Deno.test(
  "mqtt 5.0 broker: asks with AUTH 0x18, then accepts with the method in the CONNACK [MQTT-4.12.0-2] [MQTT-4.12.0-5] [MQTT-3.2.0-1] [MQTT-3.15.1-1] [MQTT-3.15.2-1]",
  withBroker(options, async ({ open }) => {
    const client = await open();
    await client.sendConnect({ properties: { authenticationMethod: "echo" } });
    await client.expect("auth", { reasonCode: 0x18, properties: question("q1") });
    assertEquals(client.lastBytes[0], 0xf0);
    await client.send(answer("q1!"));
    await client.expect("auth", { reasonCode: 0x18, properties: question("q2") });
    await client.send(answer("q2!"));
    await client.expect("connack", { reasonCode: 0, properties: question("welcome") });
    await client.publish("a", "x", { qos: 1 });
  }),
);

Deno.test(
  "mqtt 5.0 broker: a method of one step needs no AUTH [MQTT-4.12.0-5] [MQTT-3.2.0-1]",
  withBroker(options, async ({ connect }) => {
    const client = await connect({ properties: { authenticationMethod: "quick" } });
    assertEquals(client.connack?.properties?.authenticationMethod, "quick");
  }),
);

Deno.test(
  "mqtt 5.0 broker: closes on a method that it does not know [MQTT-4.12.0-1] [MQTT-4.13.2-1]",
  withBroker(options, async ({ open }) => {
    for (const authenticationMethod of ["Echo", "", "toString", "__proto__", "echo "]) {
      const client = await open();
      await client.sendConnect({ properties: { authenticationMethod } });
      await client.expectRefused(0x8c);
    }
  }),
);

Deno.test(
  "mqtt 5.0 broker: closes when the authentication fails, at whatever step [MQTT-4.12.0-4] [MQTT-3.1.4-2] [MQTT-4.13.2-1]",
  withBroker(options, async ({ open, broker }) => {
    for (const answers of [["wrong"], ["q1!", "wrong"]]) {
      const client = await open();
      await client.sendConnect({ properties: { authenticationMethod: "echo" } });
      for (const text of answers) {
        await client.expect("auth", { reasonCode: 0x18 });
        await client.send(answer(text));
      }
      await client.expectRefused(0x87);
    }
    const refused = await open();
    await refused.sendConnect({ properties: { authenticationMethod: "closed" } });
    await refused.expectRefused(0x83);
    const broken = await open();
    await broken.sendConnect({ properties: { authenticationMethod: "broken" } });
    await broken.expectRefused(0x80);
    assertEquals(broker.counts().sessions, 0);
  }),
);

Deno.test(
  "mqtt 5.0 broker: an AUTH with another method, code or form ends the authentication [MQTT-4.12.0-5] [MQTT-4.12.0-4] [MQTT-4.13.1-1]",
  withBroker(options, async ({ open }) => {
    const packets = [
      answer("q1!", 0x18, "other"),
      answer("q1!", 0x19),
      answer("q1!", 0x00),
      publishPacket("a", "x"),
      { type: "pingreq" },
    ] as const;
    for (const packet of packets) {
      const client = await open();
      await client.sendConnect({ properties: { authenticationMethod: "echo" } });
      await client.expect("auth");
      await client.send(packet);
      const { reasonCode } = await client.expect("connack");
      assertEquals([0x82, 0x8c, 0x87].includes(reasonCode), true, `0x${reasonCode.toString(16)}`);
      await client.expectClosed();
    }
  }),
);

Deno.test(
  "mqtt 5.0 broker: a client may give up during the authentication [MQTT-4.12.0-4]",
  withBroker(options, async ({ open, broker }) => {
    const client = await open();
    await client.sendConnect({
      properties: { authenticationMethod: "echo" },
      will: { topic: "will", payload: "not connected, so no will" },
    });
    await client.expect("auth");
    await client.disconnect(0x04);
    assertEquals(broker.counts().sessions, 0);
  }),
);

Deno.test(
  "mqtt 5.0 broker: processes nothing that was sent before the authentication is through [MQTT-3.1.4-6] [MQTT-4.12.0-4]",
  withBroker(options, async ({ connect, open }) => {
    const watcher = await connect();
    await watcher.subscribe("#");
    const client = await open();
    await client.sendConnect({ properties: { authenticationMethod: "echo" } });
    await client.expect("auth");
    await client.send(answer("wrong"), publishPacket("a", "x"));
    await client.expectRefused(0x87);
    assertEquals(await watcher.publications(), []);
  }),
);

Deno.test(
  "mqtt 5.0 broker: without a method in the CONNECT there is no AUTH and no method in the CONNACK [MQTT-4.12.0-6]",
  withBroker(options, async ({ connect }) => {
    const client = await connect({ username: "ann", password: "secret" });
    assertEquals(client.connack?.properties?.authenticationMethod, undefined);
    assertEquals(client.connack?.properties?.authenticationData, undefined);
    await client.send({ type: "auth", reasonCode: 0x19, properties: { authenticationMethod: "echo" } });
    await client.expectDisconnect(0x82); // and no AUTH comes back
  }),
);

Deno.test(
  "mqtt 5.0 broker: a refusal without a method has none in the CONNACK [MQTT-4.12.0-6]",
  withBroker({ ...options, authenticate: () => false }, async ({ open }) => {
    const client = await open();
    await client.sendConnect();
    const connack = await client.expectRefused(0x86);
    assertEquals(connack.properties?.authenticationMethod, undefined);
  }),
);

Deno.test(
  "mqtt 5.0 broker: re-authenticates with the method of the CONNECT, while traffic goes on [MQTT-4.12.0-2] [MQTT-4.12.0-5] [MQTT-3.15.2-1]",
  withBroker(options, async ({ open }) => {
    const client = await open();
    await authenticate(client);
    await client.subscribe("a", { qos: 1 });
    for (let round = 0; round < 2; round++) {
      await client.send(answer("", 0x19));
      await client.expect("auth", { reasonCode: 0x18, properties: question("q1") });
      await client.publish("a", "meanwhile", { qos: 1 });
      await client.expect("publish", { payload: "meanwhile" });
      await client.send(answer("q1!"));
      await client.expect("auth", { reasonCode: 0x18, properties: question("q2") });
      await client.send(answer("q2!"));
      await client.expect("auth", { reasonCode: 0x00, properties: question("welcome") });
    }
    assertEquals((await client.barrier()).length, 0);
  }),
);

Deno.test(
  "mqtt 5.0 broker: a re-authentication that fails ends the connection with a fitting DISCONNECT [MQTT-4.12.1-2] [MQTT-4.13.2-1]",
  withBroker(options, async ({ open }) => {
    const client = await open();
    await authenticate(client);
    await client.send(answer("", 0x19));
    await client.expect("auth");
    await client.send(answer("wrong"));
    await client.expectDisconnect(0x87);
  }),
);

Deno.test(
  "mqtt 5.0 broker: a re-authentication with another method, or with none, ends the connection [MQTT-4.12.1-2] [MQTT-4.12.0-5]",
  withBroker(options, async ({ connect }) => {
    for (const method of ["echo", "", undefined]) {
      const client = await connect({ properties: { authenticationMethod: "quick" } });
      const properties = method === undefined ? {} : { authenticationMethod: method };
      if (method === undefined) await client.sendBytes("f0 02 19 00");
      else await client.send({ type: "auth", reasonCode: 0x19, properties });
      await client.expectDisconnect(0x82, 0x8c, 0x87);
    }
  }),
);

Deno.test(
  "mqtt 5.0 broker: AUTH with reserved flags or an unknown code is malformed [MQTT-3.15.1-1] [MQTT-3.15.2-1]",
  withBroker(options, async ({ connect }) => {
    const properties = Uint8Array.of(8, 0x15, 0, 5, 0x71, 0x75, 0x69, 0x63, 0x6b); // method "quick"
    for (const [first, code] of [[0xf1, 0x19], [0xf8, 0x19], [0xf0, 0x01], [0xf0, 0x80], [0xf0, 0xff]]) {
      const client = await connect({ properties: { authenticationMethod: "quick" } });
      await client.sendBytes(rawPacket(first ?? 0, concatBytes(Uint8Array.of(code ?? 0), properties)));
      await client.expectDisconnect(0x81, 0x82);
    }
  }),
);

Deno.test(
  "mqtt 5.0 broker: AUTH 0x00 and AUTH 0x18 out of turn are Protocol Errors [MQTT-3.15.2-1]",
  withBroker(options, async ({ connect }) => {
    for (const code of [0x00, 0x18]) {
      const client = await connect({ properties: { authenticationMethod: "quick" } });
      await client.send(answer("x", code, "quick"));
      await client.expectDisconnect(0x82);
    }
  }),
);

Deno.test(
  "mqtt 5.0 broker: a client that never answers the AUTH is closed after a time [MQTT-4.12.0-4]",
  withBroker(options, async ({ open, clock }) => {
    const client = await open();
    await client.sendConnect({ properties: { authenticationMethod: "echo" } });
    await client.expect("auth");
    clock.advance(120_000);
    const connack = await client.expectOptional("connack");
    assertEquals(connack === undefined || connack.reasonCode >= 0x80, true);
    await client.expectClosed();
  }),
);
