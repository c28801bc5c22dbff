/**
 * WebSockets in front of a broker that listens for TCP.
 *
 * @module
 */

/** Answers the request for a WebSocket, and carries its bytes to a TCP port of 127.0.0.1 and back. */
export async function bridge(request: Request, port: number): Promise<Response> {
  let connection: Deno.TcpConn;
  try {
    connection = await Deno.connect({ hostname: "127.0.0.1", port });
  } catch {
    return new Response("The broker is away", { status: 503 });
  }
  const { socket, response } = Deno.upgradeWebSocket(request, { protocol: "mqtt" });
  socket.binaryType = "arraybuffer";
  const writer = connection.writable.getWriter();
  socket.addEventListener("message", ({ data }) => void writer.write(new Uint8Array(data)).catch(() => socket.close()));
  socket.addEventListener("close", () => void writer.abort().catch(() => {}));
  socket.addEventListener("error", (event) => event.preventDefault());
  socket.addEventListener("open", () => void carry(connection, socket));
  return response;
}

async function carry(connection: Deno.TcpConn, socket: WebSocket): Promise<void> {
  try {
    for await (const chunk of connection.readable) {
      if (socket.readyState === WebSocket.OPEN) socket.send(chunk);
    }
  } catch {
    // Whoever broke it off: the WebSocket ends, too.
  }
  if (socket.readyState === WebSocket.OPEN) socket.close(1001);
}
