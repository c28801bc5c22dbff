/** Free TCP ports, for programs that cannot choose one themselves. @module */

/** So many ports that were handed out are not handed out again: whoever asked for them has not taken them yet. */
const REMEMBERED = 100;
const handedOut: number[] = [];

/**
 * A port of 127.0.0.1 that was free a moment ago, and another one each time. Another process may take it first, so the
 * caller must be ready to try again with another one.
 */
export function freePort(): number {
  while (true) {
    using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
    const { port } = listener.addr;
    if (handedOut.includes(port)) continue;
    handedOut.push(port);
    if (handedOut.length > REMEMBERED) handedOut.shift();
    return port;
  }
}

/** Tells whether something accepts connections on a port of 127.0.0.1. */
export async function accepts(port: number): Promise<boolean> {
  try {
    using _connection = await Deno.connect({ hostname: "127.0.0.1", port });
    return true;
  } catch (error) {
    if (error instanceof Deno.errors.ConnectionRefused) return false;
    throw error;
  }
}
