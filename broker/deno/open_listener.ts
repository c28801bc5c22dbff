/**
 * A listener as a configuration describes it.
 *
 * @module
 */

import type { Broker } from "../broker.ts";
import type { ListenerAddress, ListenerConfiguration } from "../config/configuration.ts";
import type { ListenerPolicy } from "../listener_policy.ts";
import type { LogSink } from "../log.ts";
import { listen, type Listener } from "./listen.ts";

/** Opens a listener, on every address that it is to have. Throws what listening throws. */
export function openListener(
  broker: Broker,
  configuration: ListenerConfiguration,
  policy: ListenerPolicy,
  log: LogSink,
): Listener[] {
  const { address, tls, protocol } = configuration;
  if (tls !== undefined || protocol !== "mqtt" || address.kind === "unix") {
    throw new Error("TLS, WebSockets and Unix sockets are not supported yet");
  }
  return hostnamesOf(address).map((hostname) => {
    const listener = listen(broker, { hostname, port: address.port, policy });
    logOpened(log, listener);
    return listener;
  });
}

function logOpened(log: LogSink, { address }: Listener): void {
  const family = address.hostname.includes(":") ? "ipv6" : "ipv4";
  log.write("information", `Opening ${family} listen socket on port ${address.port}.`);
}

/** What to bind to; `::` takes connections over IPv4 as well. */
function hostnamesOf({ hostname, family, bindInterface }: ListenerAddress & { kind: "tcp" }): string[] {
  const wanted = (address: string) => family === undefined || (family === "ipv6") === address.includes(":");
  if (bindInterface !== undefined) {
    const own = Deno.networkInterfaces().filter(({ name }) => name === bindInterface);
    const addresses = own.map(({ address }) => address).filter((address) => wanted(address) && !isLinkLocal(address));
    if (addresses.length === 0) throw new Error(`the interface ${bindInterface} must have an address, received none`);
    return addresses;
  }
  if (hostname !== undefined) return [hostname];
  return [family === "ipv4" || !hasIPv6() ? "0.0.0.0" : "::"];
}

/** Such an address needs a zone, which cannot be given. */
function isLinkLocal(address: string): boolean {
  return address.startsWith("fe80:");
}

function hasIPv6(): boolean {
  return Deno.networkInterfaces().some(({ family }) => family === "IPv6");
}
