/** Users that a web service knows, through the hooks, as the documentation shows. */

import { type ConnectDecision, type ConnectRequest, ReasonCode } from "../../broker/mod.ts";
import { withBroker } from "../support/broker.ts";
import { publishPacket } from "../support/raw_packets.ts";

Deno.test("broker users: a web service decides, names the user and the topics, and may be out of order", async () => {
  const server = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen: () => {} }, async (request) => {
    const { username, password } = await request.json();
    if (username === "broken") return new Response(null, { status: 500 });
    if (password !== "secret") return new Response(null, { status: 403 });
    return Response.json({ username: username.toLowerCase(), publish: [`${username}/#`] });
  });
  const ask = async ({ clientId, username, password }: ConnectRequest): Promise<ConnectDecision> => {
    const response = await fetch(`http://127.0.0.1:${server.addr.port}/`, {
      method: "POST",
      body: JSON.stringify({ clientId, username, password: new TextDecoder().decode(password) }),
    });
    if (!response.ok) {
      await response.body?.cancel();
      return response.status < 500 ? false : { reasonCode: ReasonCode.ServerUnavailable };
    }
    const { username: name, publish } = await response.json();
    return { accepted: true, username: name, permissions: { publish } };
  };
  try {
    await withBroker({ authenticate: ask }, async ({ connect, open }) => {
      const client = await connect({ clientId: "mine", username: "Ann", password: "secret" });
      await client.send(
        publishPacket("Ann/a", "", { qos: 1, packetId: 1 }),
        publishPacket("Bob/a", "", { qos: 1, packetId: 2 }),
      );
      await client.expect("puback", { packetId: 1, reasonCode: 0x10 });
      await client.expect("puback", { packetId: 2, reasonCode: 0x87 });
      const cases = [["Ann", "guess", 0x86], ["broken", "", 0x88], ["bob", "secret", 0x87]] as const;
      for (const [username, password, reasonCode] of cases) {
        const other = await open();
        await other.sendConnect({ clientId: "mine", username, password });
        await other.expectRefused(reasonCode);
      }
      // The name that the service gave is the one that the session belongs to.
      await connect({ clientId: "mine", username: "ANN", password: "secret" });
      await client.expectDisconnect(0x8e);
    })();
  } finally {
    await server.shutdown();
  }
});
