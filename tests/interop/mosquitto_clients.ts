/** `mosquitto_pub` and `mosquitto_sub`, bound to one broker and one version of the protocol. @module */

import { assertEquals } from "@std/assert";
import { hasMosquitto, mosquittoPub, mosquittoSub, Subscriber } from "../support/mosquitto.ts";
import type { ProcessResult } from "../support/process.ts";
import { startTarget } from "./target.ts";

/** The versions as the clients' `-V` takes them, and as test names show them. */
export const VERSIONS = [["31", "mqtt 3.1"], ["311", "mqtt 3.1.1"], ["5", "mqtt 5.0"]] as const;

/** What `-V` takes. */
export type Version = (typeof VERSIONS)[number][0];

/** The clients' command lines for one broker. */
export class Clients {
  readonly #common: string[];

  /** For the broker that listens on a port of 127.0.0.1. */
  constructor(readonly port: number, readonly version: Version) {
    this.#common = ["-h", "127.0.0.1", "-p", String(port), "-V", version];
  }

  /** Publishes and expects success. */
  async publish(args: string[], stdin?: string | Uint8Array<ArrayBuffer>): Promise<void> {
    const { code, stderr } = await mosquittoPub([...this.#common, ...args], stdin);
    assertEquals([code, stderr], [0, ""]);
  }

  /** Starts a subscriber and waits for its SUBACK. */
  subscribe(args: string[]): Promise<Subscriber> {
    return Subscriber.start([...this.#common, ...args]);
  }

  /** Runs `mosquitto_sub` until its arguments end it. */
  receive(args: string[]): Promise<ProcessResult> {
    return mosquittoSub([...this.#common, ...args]);
  }

  /** Subscribes with a persistent session and leaves it behind. */
  async leaveSession(clientId: string, filter: string): Promise<void> {
    const { code } = await this.receive(["-i", clientId, "-c", "-q", "2", "-t", filter, "-E"]);
    assertEquals(code, 0);
  }
}

/** Registers a test for each of the versions, with a fresh broker; ignored where Mosquitto is not installed. */
export function testClients(
  what: string,
  versions: readonly Version[],
  body: (clients: Clients) => Promise<void>,
): void {
  for (const [version, name] of VERSIONS) {
    if (!versions.includes(version)) continue;
    Deno.test({
      name: `${name} broker: mosquitto_pub and mosquitto_sub: ${what}`,
      ignore: !hasMosquitto,
      async fn() {
        await using target = await startTarget();
        await body(new Clients(target.port, version));
      },
    });
  }
}
