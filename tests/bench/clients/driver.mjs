/**
 * Drives a client, ours on Deno or MQTT.js on Node, in the same way. Plain JavaScript, as Node runs it, too.
 *
 * @module
 */

import process from "node:process";

/**
 * What differs between the clients.
 *
 * @typedef {object} Driven
 * @property {(topic: string, payload: Uint8Array, qos: 0 | 1, done: (error?: unknown) => void) => void} publish
 * @property {(topic: string, onMessage: (payload: Uint8Array) => void) => Promise<void>} subscribe
 */

/**
 * What is measured: `window` publications open at a time, or messages received by a subscriber.
 *
 * @typedef {object} ClientJob
 * @property {"publish" | "subscribe"} role
 * @property {string} url
 * @property {0 | 1} qos
 * @property {number} window
 * @property {number} warmUp seconds
 * @property {number} seconds
 */

/** The topic that the clients publish and subscribe to. */
export const TOPIC = "bench/client/topic";
/** Where a subscriber says how many messages it has received, so that its feeder does not run ahead. */
export const PROGRESS_TOPIC = "bench/client/progress";
const REPORT_EVERY = 1024;

/** @returns {ClientJob} the job that the command line holds */
export function jobOf() {
  return JSON.parse(process.argv[2] ?? "");
}

/**
 * Runs the job, prints messages/s, resident bytes and the share of its core as a line of JSON, and ends the process.
 *
 * @param {Driven} client
 * @param {ClientJob} job
 */
export async function drive(client, job) {
  const metrics = job.role === "publish" ? await publishing(client, job) : await subscribing(client, job);
  console.log(JSON.stringify(metrics));
  process.exit(0);
}

/**
 * @param {Driven} client
 * @param {ClientJob} job
 */
async function publishing(client, job) {
  const payload = new Uint8Array(64).fill(0x2e);
  let open = 0;
  let sent = 0;
  let refill = () => {};
  /** @type {(reason: unknown) => void} */
  let fail = () => {};
  const failed = new Promise((_, reject) => fail = reject);

  /** @param {unknown} [error] */
  const done = (error) => {
    if (error) return fail(error);
    open--;
    refill();
  };
  const flood = async (/** @type {number} */ seconds) => {
    let finish = () => {};
    const end = performance.now() + seconds * 1000;
    refill = () => {
      if (performance.now() >= end) return finish();
      // Refilled by halves, so that neither client pays for one wake-up a message.
      if (open > job.window / 2) return;
      while (open < job.window) {
        open++;
        sent++;
        client.publish(TOPIC, payload, job.qos, done);
      }
    };
    const over = new Promise((resolve) => finish = () => resolve(undefined));
    refill();
    await Promise.race([over, failed]);
    refill = () => {};
    // The acknowledgement of a last message says that the broker has received those before.
    await new Promise((resolve) => client.publish("bench/client/last", payload, 1, () => resolve(undefined)));
  };

  await flood(job.warmUp);
  const watch = startWatch();
  sent = 0;
  await flood(job.seconds);
  return watch(sent);
}

/**
 * @param {Driven} client
 * @param {ClientJob} job
 */
async function subscribing(client, job) {
  let received = 0;
  let bytes = 0;
  let lost = 0;
  await client.subscribe(TOPIC, (payload) => {
    // The low half of the number is enough to see a gap.
    const end = payload.length;
    if (((payload[end - 2] << 8) | payload[end - 1]) !== (received & 0xffff)) lost++;
    received++;
    bytes += payload.length;
    if (received % REPORT_EVERY === 0) report(client, received);
  });
  for (let tries = 0; received === 0 && tries < 50; tries++) {
    report(client, 0);
    await sleep(0.1);
  }
  await sleep(job.warmUp);
  const watch = startWatch();
  const before = received;
  await sleep(job.seconds);
  return { ...watch(received - before), lost, bytes };
}

/**
 * A stamp as the load generator reads it: two bytes for the publisher, four for the number.
 *
 * @param {Driven} client
 * @param {number} received
 */
function report(client, received) {
  const stamp = new Uint8Array(6);
  new DataView(stamp.buffer).setUint32(2, received);
  client.publish(PROGRESS_TOPIC, stamp, 0, () => {});
}

function startWatch() {
  const start = performance.now();
  const cpu = process.cpuUsage();
  return (/** @type {number} */ count) => {
    const seconds = (performance.now() - start) / 1000;
    const used = process.cpuUsage(cpu);
    const load = (used.user + used.system) / 1e6 / seconds;
    return { rate: count / seconds, rss: process.memoryUsage().rss, load };
  };
}

/** @param {number} seconds */
function sleep(seconds) {
  return new Promise((resolve) => setTimeout(resolve, seconds * 1000));
}
