/**
 * Opens the sockets that listeners accept from.
 *
 * @module
 */

import type { Peer } from "../../engine/transport.ts";
import type { TcpListenOptions, UnixListenOptions } from "./listen_options.ts";
import { tcpAddress } from "./socket_transport.ts";

/** Read and written by the user that runs the broker. */
const PRIVATE = 0o600;

/** A socket that connections come from. */
export interface ServerSocket {
  readonly address: { readonly hostname: string; readonly port: number };
  accept(): Promise<Deno.Conn>;
  /** Readies a connection, and says who it is; undefined if it must not come in. */
  welcome(conn: Deno.Conn): Peer | undefined;
  close(): void;
}

/** Opens a TCP port. */
export function openTcp(options: TcpListenOptions): ServerSocket {
  const { port = 1883, socketDomain, tcpNoDelay = true } = options;
  const hostname = options.hostname ?? "127.0.0.1";
  const listener = Deno.listen({ hostname: hostname === "::" && socketDomain === "ipv4" ? "0.0.0.0" : hostname, port });
  return {
    address: listener.addr,
    accept: () => listener.accept(),
    welcome(conn) {
      const { remoteAddr } = conn;
      if (remoteAddr.transport !== "tcp") return undefined;
      // A socket for `::` takes connections over IPv4, too, and Deno has no option against that.
      if (socketDomain === "ipv6" && /^(?:::ffff:)?\d+\./.test(remoteAddr.hostname)) return undefined;
      if (tcpNoDelay && "setNoDelay" in conn && typeof conn.setNoDelay === "function") conn.setNoDelay(true);
      const address = tcpAddress(remoteAddr.hostname, remoteAddr.port);
      return { protocol: "tcp", address, localPort: listener.addr.port };
    },
    close: () => listener.close(),
  };
}

/** Opens a Unix socket, in place of one that nobody listens on any more. */
export async function openUnix({ path, mode = PRIVATE }: UnixListenOptions): Promise<ServerSocket> {
  if (await isStale(path)) await Deno.remove(path);
  const listener = listenWithMode(path, mode);
  return {
    address: { hostname: path, port: 0 },
    accept: () => listener.accept(),
    welcome: () => ({ protocol: "unix", address: path }),
    close() {
      listener.close();
      removeSocket(path);
    },
  };
}

/**
 * The socket never exists with other permissions than these, not even for a moment; where the mask of the process may
 * not be set, which takes all of `--allow-sys`, it has those of that mask for a moment.
 */
function listenWithMode(path: string, mode: number): Deno.UnixListener {
  const listen = () => Deno.listen({ transport: "unix", path });
  if (Deno.build.os === "windows") return listen();
  if (Deno.permissions.querySync({ name: "sys" }).state !== "granted") {
    const listener = listen();
    Deno.chmodSync(path, mode);
    return listener;
  }
  const before = Deno.umask(0o777 & ~mode);
  try {
    return listen();
  } finally {
    Deno.umask(before);
  }
}

async function isStale(path: string): Promise<boolean> {
  try {
    if (!(await Deno.lstat(path)).isSocket) return false;
    using _live = await Deno.connect({ transport: "unix", path });
    return false;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return false;
    if (error instanceof Deno.errors.ConnectionRefused) return true;
    throw error;
  }
}

/** Somebody may have removed it already. */
function removeSocket(path: string): void {
  try {
    Deno.removeSync(path);
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
}
