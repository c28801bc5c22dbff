/**
 * Who may publish below `$SYS`, and below `$CONTROL/`, where Mosquitto takes commands, passwords among them: there is
 * nobody here to take them, and they must not reach those who happen to have subscribed there.
 *
 * @module
 */

import type { AccessSubject } from "./hooks.ts";
import type { Topic } from "./topic_cache.ts";

/**
 * Whether the broker alone speaks there. Each client may say how its own connection stands, in
 * `$SYS/broker/connection/CLIENT-ID/state`, as the bridges of other brokers do.
 */
export function isReserved({ isSys, name }: Topic, { clientId }: AccessSubject): boolean {
  return isSys && name !== `$SYS/broker/connection/${clientId}/state`;
}
