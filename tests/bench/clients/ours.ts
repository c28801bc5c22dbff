/**
 * Our client under the driver, by the `connect` of the runtime.
 *
 * @module
 */

import type { Client, ConnectInit } from "../../../client/common.ts";
import { drive, jobOf } from "./driver.mjs";

/** Runs the job that the command line holds. */
export async function driveOurs(connect: (url: string, init: ConnectInit) => Promise<Client>): Promise<void> {
  const job = jobOf();
  const client = await connect(job.url, { protocolVersion: 4 }); // as MQTT.js does by default
  await drive({
    publish: (topic, payload, qos, done) => {
      client.publish(topic, payload, { qos }).then(() => done(), done);
    },
    subscribe: (topic, onMessage) => {
      const subscription = client.subscribe(topic, { qos: job.qos });
      void (async () => {
        // A view, as MQTT.js gives one.
        for await (const message of subscription) onMessage(message.payload);
      })();
      return Promise.resolve();
    },
  }, job);
}
