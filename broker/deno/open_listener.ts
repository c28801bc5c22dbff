/**
 * A listener as a configuration describes it.
 *
 * @module
 */

import type { Broker } from "../broker.ts";
import type { Configuration, ListenerAddress, ListenerConfiguration } from "../config/configuration.ts";
import type { ListenerPolicy } from "../listener_policy.ts";
import type { LogSink } from "../log.ts";
import { listen, type Listener } from "./listen.ts";
import type { CommonListenOptions, TcpListenOptions } from "./listen_options.ts";

/** As Mosquitto has it: the user that the broker runs as, and its group. */
const UNIX_MODE = 0o770;

/** Opens a listener, on every address that it is to have. Throws what listening throws. */
export async function openListener(
  broker: Broker,
  configuration: ListenerConfiguration,
  policy: ListenerPolicy,
  { setTcpNoDelay: tcpNoDelay }: Pick<Configuration, "setTcpNoDelay">,
  log: LogSink,
): Promise<Listener[]> {
  const { address, protocol, httpDir, tls } = configuration;
  const common: CommonListenOptions = {
    policy,
    protocol,
    httpDir: protocol === "websockets" ? httpDir : undefined,
    tls,
  };
  if (address.kind === "unix") {
    log.write("information", `Opening unix listen socket on path ${address.path}.`);
    return [await listen(broker, { ...common, path: address.path, mode: UNIX_MODE })];
  }
  return addressesOf(address).map((where) => {
    const listener = listen(broker, { ...common, ...where, tcpNoDelay });
    logOpened(log, protocol, listener);
    return listener;
  });
}

function logOpened(log: LogSink, protocol: ListenerConfiguration["protocol"], { address }: Listener): void {
  const family = protocol === "websockets" ? protocol : address.hostname.includes(":") ? "ipv6" : "ipv4";
  log.write("information", `Opening ${family} listen socket on port ${address.port}.`);
}

type TcpAddress = Pick<TcpListenOptions, "hostname" | "port" | "socketDomain">;

/** What to bind to; `::` takes connections over IPv4 as well. */
function addressesOf({ hostname, port, family, bindInterface }: ListenerAddress & { kind: "tcp" }): TcpAddress[] {
  if (bindInterface !== undefined) {
    const own = Deno.networkInterfaces().filter(({ name }) => name === bindInterface);
    const addresses = own.map(({ address }) => address).filter((address) => {
      return !isLinkLocal(address) && (family === undefined || (family === "ipv6") === address.includes(":"));
    });
    if (addresses.length === 0) throw new Error(`the interface ${bindInterface} must have an address, received none`);
    return addresses.map((address) => ({ hostname: address, port }));
  }
  // Both loopback addresses, as with Mosquitto: the system names the one first that its clients may not use.
  if (hostname === "localhost" && port !== 0) {
    const own = [...family === "ipv6" ? [] : ["127.0.0.1"], ...family === "ipv4" || !hasIPv6() ? [] : ["::1"]];
    if (own.length > 0) return own.map((address) => ({ hostname: address, port }));
  }
  if (hostname !== undefined) return [{ hostname, port, socketDomain: family }];
  return [{ hostname: family === "ipv4" || !hasIPv6() ? "0.0.0.0" : "::", port, socketDomain: family }];
}

/** Such an address needs a zone, which cannot be given. */
function isLinkLocal(address: string): boolean {
  return address.startsWith("fe80:");
}

function hasIPv6(): boolean {
  return Deno.networkInterfaces().some(({ family }) => family === "IPv6");
}
