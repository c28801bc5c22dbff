/** How connections end, and enhanced authentication. */

import { assertEquals, assertInstanceOf, assertRejects } from "@std/assert";
import { type Authentication, type ClientState, MqttError, ServerError } from "../../client/mod.ts";
import type { AuthPacket } from "../../codec/packets.ts";
import { clientTest, deliver, grant, ignoreFailure, runScript, settle } from "../client/scripted.ts";

const encode = (text: string) => new TextEncoder().encode(text);
const decode = (bytes: Uint8Array | undefined) => new TextDecoder().decode(bytes);

clientTest(
  { "3.1": "", "3.1.1": "3.14.4-1 3.14.4-2", "5.0": "3.14.4-1 3.14.4-2" },
  "sends DISCONNECT last, and closes",
  async ({ connect }) => {
    const { client, peer } = await connect({ sessionExpiryInterval: 0 });
    const subscription = client.subscribe("a", { qos: 1 });
    await grant(peer);
    await deliver(peer, "a", "", { qos: 1, packetId: 1 });
    await subscription.next();
    const closed = client.close();
    await peer.expect("disconnect", { reasonCode: 0, properties: undefined });
    // Whatever still comes is not answered.
    await deliver(peer, "a", "", { qos: 1, packetId: 2 });
    await peer.expectClosed();
    await closed;
    assertEquals(await subscription.next(), { done: true, value: undefined });
    await assertRejects(() => client.publish("a", ""), DOMException, "client must be open");
  },
);

clientTest({ "5.0": "3.14.1-1" }, "answers a DISCONNECT with reserved flags with 0x81", async ({ connect }) => {
  const { peer } = await connect({ reconnect: false });
  await peer.sendBytes("e1 00");
  await peer.expectDisconnect(0x81);
});

clientTest(
  { "5.0": "3.14.2-1 3.14.2-3 3.14.2-4" },
  "closes with the codes that a client may send, and texts that the server has room for",
  async ({ connect }) => {
    const properties = { reasonString: "x".repeat(50), userProperties: [["a", "y".repeat(50)]] as const };
    for (const [maximumPacketSize, left] of [[200, 2], [100, 1], [30, 0]] as const) {
      const { client, peer } = await connect({ sessionExpiryInterval: 0 }, { properties: { maximumPacketSize } });
      const closed = client.close({ reasonCode: 0x04, properties });
      const packet = await peer.expect("disconnect", { reasonCode: 0x04 });
      assertEquals([packet.properties?.userProperties, packet.properties?.reasonString].filter(Boolean).length, left);
      await closed;
    }
  },
);

clientTest({ "5.0": "3.14.2-1" }, "says no code that only a server may send", async ({ connect }) => {
  // Codes of errors that are not in the client's table become 0x80.
  const authentication: Authentication = {
    method: "m",
    respond: () => undefined,
    finish: () => {
      throw new MqttError("Cannot trust this server", 0x87);
    },
  };
  await runScript(5, async ({ connecting, acceptWith }) => {
    const connected = connecting({ authentication });
    const rejected = assertRejects(() => connected, MqttError, "Cannot trust this server");
    const { peer } = await acceptWith({ properties: { authenticationMethod: "m" } });
    await peer.expectDisconnect(0x80);
    await rejected;
  });
  const { peer } = await connect({ reconnect: false });
  await peer.sendBytes("e0 01 04"); // only a client may say "with will message"; it is the end all the same
  await peer.expectClosed();
});

for (const reasonCode of [0x8b, 0x89, 0x98, 0x9f, 0xa0]) {
  clientTest(
    { "5.0": "4.13.2-1" },
    `tells of the server's DISCONNECT 0x${reasonCode.toString(16)}, and comes back`,
    async (script) => {
      const { client, peer } = await script.connect();
      const disconnected = new Promise<unknown[]>((resolve) => {
        client.addEventListener("disconnect", ({ reasonCode, reconnecting, properties, error }) => {
          resolve([reasonCode, reconnecting, properties, error instanceof ServerError, client.state.kind]);
        });
      });
      await peer.send({ type: "disconnect", reasonCode, properties: { reasonString: "later" } });
      await peer.expectClosed();
      assertEquals(await disconnected, [reasonCode, true, { reasonString: "later" }, true, "waiting"]);
      const next = script.acceptWith();
      await script.passWait();
      await next;
    },
  );
}

for (const reasonCode of [0x8e, 0x9d]) {
  clientTest(
    { "5.0": "4.13.2-1" },
    `does not come back after the server's DISCONNECT 0x${reasonCode.toString(16)}`,
    async (script) => {
      const { client, peer } = await script.connect();
      const subscription = client.subscribe("a");
      await grant(peer);
      await peer.send({ type: "disconnect", reasonCode });
      await peer.expectClosed();
      await client.closed;
      const state: ClientState = client.state;
      assertEquals(state.kind, "closed");
      if (state.kind === "closed") assertInstanceOf(state.error, ServerError);
      await assertRejects(() => subscription.next(), ServerError, "Connection ended by the server");
      assertEquals(script.clock.size, 0);
    },
  );
}

clientTest(
  { "3.1": "", "3.1.1": "4.8.0-1" },
  "takes a DISCONNECT from the server for what it is: a violation",
  async ({ connect }) => {
    const { client, peer } = await connect({ reconnect: false });
    await peer.sendBytes("e0 00");
    await peer.expectClosed();
    await client.closed;
  },
);

/** A method of two steps, and what its steps have seen. */
function twoSteps(): Authentication & { readonly seen: string[] } {
  const seen: string[] = [];
  return {
    seen,
    method: "two-steps",
    start: () => Promise.resolve(encode("hello")),
    respond(data) {
      seen.push(`respond ${decode(data)}`);
      return encode(`answer to ${decode(data)}`);
    },
    finish: (data) => void seen.push(`finish ${decode(data)}`),
  };
}

/** An AUTH from the server. */
function auth(reasonCode: number, data: string, authenticationMethod = "two-steps"): AuthPacket {
  return { type: "auth", reasonCode, properties: { authenticationMethod, authenticationData: encode(data) } };
}

clientTest(
  { "5.0": "3.1.2-30 3.15.1-1 3.15.2-1 3.15.2-2 3.15.2-3 4.12.0-3 4.12.0-5" },
  "authenticates in steps, and sends nothing else before the CONNACK",
  async ({ connecting, accept }) => {
    const authentication = twoSteps();
    const connected = connecting({ authentication });
    const peer = await accept();
    await peer.expect("connect", {
      properties: { authenticationMethod: "two-steps", authenticationData: encode("hello") },
    });
    await peer.expectNothing();
    for (const step of ["1", "2"]) {
      await peer.send(auth(0x18, step));
      const answer = await peer.expect("auth", { reasonCode: 0x18 });
      assertEquals(peer.lastBytes[0], 0xf0);
      assertEquals(answer.properties, {
        authenticationMethod: "two-steps",
        authenticationData: encode(`answer to ${step}`),
      });
      await peer.expectNothing();
    }
    await peer.send({
      type: "connack",
      sessionPresent: false,
      reasonCode: 0,
      properties: { authenticationMethod: "two-steps", authenticationData: encode("welcome") },
    });
    await connected;
    assertEquals(authentication.seen, ["respond 1", "respond 2", "finish welcome"]);
  },
);

clientTest({ "5.0": "4.12.0-5" }, "refuses a server that changes the method, or leaves it out", async (script) => {
  for (const method of ["other", undefined]) {
    const connecting = script.connecting({ authentication: twoSteps() });
    const rejected = assertRejects(() => connecting, MqttError, "authentication method must be that of CONNECT");
    const { peer } = await script.acceptWith(
      method === undefined ? {} : { properties: { authenticationMethod: method } },
    );
    await peer.expectDisconnect(0x82);
    await rejected;
  }
  const connecting = script.connecting({ authentication: twoSteps() });
  const rejected = assertRejects(() => connecting, MqttError, "authentication method must be that of CONNECT");
  const peer = await script.accept();
  await peer.expect("connect");
  await peer.send(auth(0x18, "", "other"));
  await peer.expectDisconnect(0x82);
  await rejected;
});

clientTest(
  { "5.0": "4.12.0-7" },
  "without a method sends no AUTH, and takes none",
  async ({ connect, connecting, accept }) => {
    const connected = connecting();
    const rejected = assertRejects(() => connected, MqttError);
    const early = await accept();
    await early.expect("connect", { properties: { authenticationMethod: undefined } });
    await early.send(auth(0x18, ""));
    await early.expectDisconnect(0x82);
    await rejected;
    const { client, peer } = await connect({ reconnect: false });
    await assertRejects(() => client.reauthenticate(), TypeError, "authentication must be given to connect()");
    await peer.send(auth(0x18, ""));
    await peer.expectDisconnect(0x82);
  },
);

clientTest({ "5.0": "3.15.1-1 3.15.2-1" }, "ends the connection on AUTH with other flags or codes", async (script) => {
  for (const bytes of ["f1 00", "f0 01 19", "f0 01 80"]) {
    const { peer } = await script.connect({ reconnect: false });
    await peer.sendBytes(bytes);
    await peer.expectDisconnect(0x81, 0x82);
  }
});

clientTest(
  { "5.0": "4.12.1-1" },
  "re-authenticates by the method of the CONNECT while messages go on",
  async ({ connect }) => {
    const authentication = twoSteps();
    const { client, peer } = await connect({ authentication }, { properties: { authenticationMethod: "two-steps" } });
    for (let round = 0; round < 2; round++) {
      const done = client.reauthenticate();
      await peer.expect("auth", {
        reasonCode: 0x19,
        properties: { authenticationMethod: "two-steps", authenticationData: encode("hello") },
      });
      await client.publish("a", "");
      await peer.expect("publish");
      await peer.send(auth(0x18, "again"));
      await peer.expect("auth", { reasonCode: 0x18, properties: { authenticationData: encode("answer to again") } });
      await peer.send(auth(0x00, "done"));
      await done;
    }
    assertEquals(authentication.seen.slice(1), [
      "respond again",
      "finish done",
      "respond again",
      "finish done",
    ]);
  },
);

clientTest({ "5.0": "4.12.1-2" }, "closes when a re-authentication fails on either side", async ({ connect }) => {
  const authentication: Authentication = {
    method: "two-steps",
    respond: () => undefined,
    finish(data) {
      if (decode(data) === "impostor") throw new Error("Cannot trust this server");
    },
  };
  const init = { authentication, reconnect: false } as const;
  const connack = { properties: { authenticationMethod: "two-steps" } };
  const ours = await connect(init, connack);
  const refused = assertRejects(() => ours.client.reauthenticate(), Error, "Cannot trust this server");
  await ours.peer.expect("auth");
  await ours.peer.send(auth(0x00, "impostor"));
  await ours.peer.expectDisconnect(0x80);
  await refused;
  const theirs = await connect(init, connack);
  const rejected = assertRejects(() => theirs.client.reauthenticate(), ServerError, "Not authorized");
  await theirs.peer.expect("auth");
  await theirs.peer.send({ type: "disconnect", reasonCode: 0x87 });
  await theirs.peer.expectClosed();
  await rejected;
});

clientTest(
  { "5.0": "3.1.2-23" },
  "ends at close() a session that nobody asked for, and keeps others",
  async ({ connect }) => {
    for (const [sessionExpiryInterval, expected] of [[undefined, 0], [3_600, undefined], [0, undefined]] as const) {
      const { client, peer } = await connect(sessionExpiryInterval === undefined ? {} : { sessionExpiryInterval });
      const closed = client.close();
      const packet = await peer.expect("disconnect");
      assertEquals(packet.properties?.sessionExpiryInterval, expected);
      await closed;
    }
  },
);

clientTest(
  { "3.1": "", "3.1.1": "", "5.0": "" },
  "waits at close() for what is in flight, within its time",
  async (script) => {
    const { client, peer } = await script.connect();
    const published = client.publish("a", "", { qos: 1 });
    const lost = client.publish("a", "", { qos: 2 });
    ignoreFailure(lost);
    const [first] = await peer.expectMany("publish", 2);
    const closed = client.close({ timeout: 1_000 });
    assertEquals(client.state.kind, "closing");
    await peer.expectNothing();
    await peer.send({ type: "puback", packetId: first?.packetId ?? 0, reasonCode: 0 });
    assertEquals((await published).ok, true);
    await peer.expectNothing();
    script.clock.advance(1_000);
    await peer.expect("disconnect");
    await closed;
    await assertRejects(() => lost, Error, "the client was closed before");
    await settle();
    assertEquals(script.clock.size, 0);
  },
);
