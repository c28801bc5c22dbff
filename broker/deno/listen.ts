/**
 * TCP listeners on Deno.
 *
 * @module
 */

import type { Broker } from "../broker.ts";
import type { ListenerPolicy } from "../listener_policy.ts";
import { tcpTransport } from "./tcp_transport.ts";

/** Milliseconds to wait when connections cannot be accepted, e.g. because no file descriptor is left. */
const ACCEPT_PAUSE = 100;

/** Where to listen. */
export interface ListenOptions {
  /** Address or name of the interface, e.g. `0.0.0.0` or `::`. Default `127.0.0.1`. */
  readonly hostname?: string;
  /** 0 to 65,535; 0 takes any free port. Default 1883. */
  readonly port?: number;
  /** What holds for its connections. Default: the broker's own options. */
  readonly policy?: ListenerPolicy;
}

/** A listener that hands its connections to a broker. */
export interface Listener extends AsyncDisposable {
  /** Where it listens. */
  readonly address: { readonly hostname: string; readonly port: number };
  /** Stops listening; connections that are open go on. */
  close(): Promise<void>;
}

/**
 * Listens for TCP connections and has `broker` serve them, until the listener or the broker is closed.
 * Throws what `Deno.listen` throws, e.g. `Deno.errors.AddrInUse`.
 */
export function listen(broker: Broker, options: ListenOptions = {}): Listener {
  const { hostname = "127.0.0.1", port = 1883, policy = {} } = options;
  const listener = Deno.listen({ hostname, port });
  const state = { open: true };
  const accepting = acceptAll(broker, listener, policy, state);
  const close = (): Promise<void> => {
    if (state.open) {
      state.open = false;
      forget();
      listener.close();
    }
    return accepting;
  };
  const forget = broker.onClose(() => void close());
  return { address: listener.addr, close, [Symbol.asyncDispose]: close };
}

async function acceptAll(
  broker: Broker,
  listener: Deno.TcpListener,
  policy: ListenerPolicy,
  state: { open: boolean },
): Promise<void> {
  while (state.open) {
    try {
      const conn = await listener.accept();
      conn.setNoDelay(true);
      // serve() never rejects.
      broker.serve(tcpTransport(conn), policy);
    } catch {
      // One that was gone before it was accepted, or no file descriptor left: others still want to be served.
      if (state.open) await new Promise((resolve) => setTimeout(resolve, ACCEPT_PAUSE));
    }
  }
}
