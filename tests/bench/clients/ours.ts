/**
 * Our client under the driver.
 *
 * @module
 */

import { connect } from "../../../client/mod.ts";
import { drive, jobOf } from "./driver.mjs";

if (import.meta.main) {
  const job = jobOf();
  const client = await connect(job.url, { protocolVersion: 4 }); // as MQTT.js does by default
  await drive({
    publish: (topic, payload, qos, done) => {
      client.publish(topic, payload, { qos }).then(() => done(), done);
    },
    subscribe: (topic, onMessage) => {
      const subscription = client.subscribe(topic, { qos: job.qos });
      void (async () => {
        for await (const message of subscription) onMessage(message.bytes());
      })();
      return Promise.resolve();
    },
  }, job);
}
