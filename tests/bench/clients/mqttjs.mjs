/**
 * MQTT.js under the driver; runs on Node.
 *
 * @module
 */

import mqtt from "mqtt";
import { drive, jobOf } from "./driver.mjs";

const job = jobOf();
const client = await mqtt.connectAsync(job.url);
await drive({
  publish: (topic, payload, qos, done) => client.publish(topic, /** @type {Buffer} */ (payload), { qos }, done),
  subscribe: async (topic, onMessage) => {
    client.on("message", (_topic, payload) => onMessage(payload));
    await client.subscribeAsync(topic, { qos: job.qos });
  },
}, job);
