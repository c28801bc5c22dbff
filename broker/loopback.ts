/**
 * Addresses of this machine alone.
 *
 * @module
 */

import { isIPv4 } from "./ip_address.ts";

/** Whether only this machine can reach an address. */
export function isLoopback(hostname: string): boolean {
  return hostname === "localhost" || hostname === "::1" || (hostname.startsWith("127.") && isIPv4(hostname));
}
