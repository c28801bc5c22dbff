/** Every kind of connection that a listener takes keeps the rules for transports. */

import { connect } from "node:tls";
import { acceptHttp } from "../../broker/deno/http_connection.ts";
import { socketTransport } from "../../broker/deno/socket_transport.ts";
import { loadTlsContext } from "../../broker/deno/tls_context.ts";
import { acceptTls, duplexOf, streamsOf, Wire } from "../../broker/deno/tls_transport.ts";
import type { Peer, Transport } from "../../engine/transport.ts";
import { testTransport, type TransportPair } from "../engine/transport_conformance.ts";
import { CertificateAuthority, hasOpenssl, SERVER } from "../support/certificates.ts";
import { RawWebSocket } from "./websocket_client.ts";

type Ends = readonly [server: Transport, client: Transport];

function peer(protocol: Peer["protocol"]): Peer {
  return { protocol, address: "somebody" };
}

async function tcpEnds(): Promise<Ends> {
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const [server, client] = await Promise.all([listener.accept(), Deno.connect({ port: listener.addr.port })]);
  return [socketTransport(server, peer("tcp")), socketTransport(client, peer("tcp"))];
}

async function unixPair(): Promise<TransportPair> {
  const folder = await Deno.makeTempDir();
  const path = `${folder}/socket`;
  using listener = Deno.listen({ transport: "unix", path });
  const [server, client] = await Promise.all([listener.accept(), Deno.connect({ transport: "unix", path })]);
  return {
    ends: [socketTransport(server, peer("unix")), socketTransport(client, peer("unix"))],
    close: () => Deno.remove(folder, { recursive: true }),
  };
}

async function overWebSocket([server, client]: Ends): Promise<Ends> {
  const [outcome, socket] = await Promise.all([acceptHttp(server, {}), RawWebSocket.open(client)]);
  if (outcome.kind !== "websocket") throw outcome.error;
  const end = socket.transport();
  return [outcome.transport, { ...end, peer: { ...end.peer, protocol: outcome.transport.peer.protocol } }];
}

testTransport("tcp", async () => ({ ends: await tcpEnds() }));
testTransport("unix socket", unixPair);
testTransport("websocket", async () => ({ ends: await overWebSocket(await tcpEnds()) }));

if (hasOpenssl) {
  await using authority = await CertificateAuthority.create();
  const context = loadTlsContext(await authority.issue({ subject: "/CN=localhost", extensions: SERVER }));
  const ca = await Deno.readTextFile(authority.caFile);

  const tlsEnds = async (): Promise<Ends> => {
    const [serverSide, clientSide] = await tcpEnds();
    const wire = new Wire();
    const socket = connect({ socket: duplexOf(clientSide, wire), servername: "localhost", ca });
    const connecting = new Promise((resolve, reject) => socket.once("secureConnect", resolve).once("error", reject));
    const [server] = await Promise.all([acceptTls(serverSide, context), connecting]);
    return [server, { ...streamsOf(socket, wire), peer: peer("tls") }];
  };
  testTransport("tls", async () => ({ ends: await tlsEnds() }));
  testTransport("websocket over tls", async () => ({ ends: await overWebSocket(await tlsEnds()) }));
}
