/**
 * The broker that the interoperability tests of foreign clients talk to: ours, as a process of its own.
 *
 * With `INTEROP_BROKER=mosquitto` it is Mosquitto instead. Where a test fails there too, the test is wrong; except for
 * hundreds of messages of QoS 2 at a stroke in MQTT 5.0, with which Mosquitto 2.0.11 passes the receive maximum of its
 * own client, and swaps messages to Paho.
 *
 * @module
 */

import { startMosquitto } from "../support/mosquitto.ts";
import { startBrokerProcess } from "../support/process.ts";

/** A broker on 127.0.0.1 that runs until it is disposed of. */
export interface Target extends AsyncDisposable {
  readonly port: number;
}

/** Starts the broker; its queues hold all that a test sends at a stroke. */
export function startTarget(): Promise<Target> {
  if (Deno.env.get("INTEROP_BROKER") === "mosquitto") return startMosquitto(["max_queued_messages 0"]);
  return startBrokerProcess(["--max-queued", "100000"]);
}
