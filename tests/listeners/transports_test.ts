/** Every kind of connection that a listener takes keeps the rules for transports. */

import { connect } from "node:tls";
import { acceptHttp } from "../../broker/deno/http_connection.ts";
import { SocketTransport } from "../../broker/deno/socket_transport.ts";
import { loadTlsContext } from "../../broker/deno/tls_context.ts";
import { acceptTls, duplexOf, streamsOf, Wire } from "../../broker/deno/tls_transport.ts";
import type { Peer, Transport } from "../../engine/transport.ts";
import { testTransport, type TransportPair } from "../engine/transport_conformance.ts";
import { CertificateAuthority, hasOpenssl, SERVER } from "../support/certificates.ts";
import { RawWebSocket } from "./websocket_client.ts";

/** The sockets below all transports of the running test. */
const sockets: SocketTransport[] = [];

function socket(conn: Deno.Conn, protocol: Peer["protocol"]): SocketTransport {
  const transport = new SocketTransport(conn, peer(protocol));
  sockets.push(transport);
  return transport;
}

/** Transports that a test holds on to are closed with their sockets. */
async function pairOf(ends: Promise<Ends>): Promise<TransportPair> {
  return { ends: await ends, close: closeSockets };
}

async function closeSockets(): Promise<void> {
  for (const transport of sockets.splice(0)) transport.abort();
  // What waits on them sees it in its own turn.
  await new Promise((resolve) => setTimeout(resolve, 0));
}

type Ends = readonly [server: Transport, client: Transport];

function peer(protocol: Peer["protocol"]): Peer {
  return { protocol, address: "somebody" };
}

async function tcpEnds(): Promise<Ends> {
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const [server, client] = await Promise.all([listener.accept(), Deno.connect({ port: listener.addr.port })]);
  return [socket(server, "tcp"), socket(client, "tcp")];
}

async function unixPair(): Promise<TransportPair> {
  const folder = await Deno.makeTempDir();
  const path = `${folder}/socket`;
  using listener = Deno.listen({ transport: "unix", path });
  const [server, client] = await Promise.all([listener.accept(), Deno.connect({ transport: "unix", path })]);
  return {
    ends: [socket(server, "unix"), socket(client, "unix")],
    close: async () => {
      await closeSockets();
      await Deno.remove(folder, { recursive: true });
    },
  };
}

async function overWebSocket([server, client]: Ends): Promise<Ends> {
  const [outcome, socket] = await Promise.all([acceptHttp(server, {}), RawWebSocket.open(client)]);
  if (outcome.kind !== "websocket") throw outcome.error;
  const end = socket.transport();
  return [outcome.transport, { ...end, peer: { ...end.peer, protocol: outcome.transport.peer.protocol } }];
}

testTransport("tcp", () => pairOf(tcpEnds()));
testTransport("unix socket", unixPair);
testTransport("websocket", () => pairOf(tcpEnds().then(overWebSocket)));

if (hasOpenssl) {
  await using authority = await CertificateAuthority.create();
  const context = loadTlsContext(await authority.issue({ subject: "/CN=localhost", extensions: SERVER }));
  const ca = await Deno.readTextFile(authority.caFile);

  const tlsEnds = async (): Promise<Ends> => {
    const [serverSide, clientSide] = await tcpEnds();
    const wire = new Wire();
    const tls = connect({ socket: duplexOf(clientSide, wire), servername: "localhost", ca });
    const connecting = new Promise((resolve, reject) => tls.once("secureConnect", resolve).once("error", reject));
    const [server] = await Promise.all([acceptTls(serverSide, context, "mqtt"), connecting]);
    return [server, { ...streamsOf(tls, wire), peer: peer("tls") }];
  };
  testTransport("tls", () => pairOf(tlsEnds()));
  testTransport("websocket over tls", () => pairOf(tlsEnds().then(overWebSocket)));
}
