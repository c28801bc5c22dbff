/**
 * `bench`: messages per second, and how long they take.
 *
 * @module
 */

import type { Client } from "../client.ts";
import { abortable } from "../waiting.ts";
import { Load, type LoadResult } from "./bench_load.ts";
import type { Config } from "./config.ts";
import { interruptions } from "./interruption.ts";
import { endError, open } from "./open.ts";
import { progressBar } from "./progress.ts";
import type { Terminal } from "./terminal.ts";

/** Seconds to publish if neither they nor a count are given. */
const DEFAULT_SECONDS = 10;
const PERCENTILES = [50, 90, 99, 99.9];

/** Runs the command to its end. */
export async function bench(config: Config, terminal: Terminal): Promise<void> {
  if (config.bench.count === undefined) config.bench.seconds ??= DEFAULT_SECONDS;
  config.topic ??= `bench/${crypto.randomUUID()}`;
  using interruption = interruptions(undefined);
  try {
    await run(config, terminal, interruption.signal);
  } catch (error) {
    if (!interruption.signal.aborted) throw endError(config, error);
  }
}

async function run(config: Config, terminal: Terminal, signal: AbortSignal): Promise<void> {
  await using clients = new AsyncDisposableStack();
  const connect = async (name: string, index: number): Promise<Client> => {
    const id = config.id === undefined ? undefined : `${config.id}-${name}-${index}`;
    const client = await open({ ...config, id }, terminal, { reconnect: false, receiveMaximum: 65_535, signal });
    return clients.use(client);
  };
  const { publishers, subscribers } = config.bench;
  const subscribing = await Promise.all(Array.from({ length: subscribers }, (_, index) => connect("sub", index)));
  const publishing = await Promise.all(Array.from({ length: publishers }, (_, index) => connect("pub", index)));
  const load = new Load(config, publishing, subscribing);
  await abortable(load.subscribed(), signal);
  const result = await measured(load, terminal, signal);
  if (config.bench.json) terminal.write(`${JSON.stringify(summary(config, result), undefined, 2)}\n`);
  else terminal.write(report(config, result));
}

/** A signal ends the publishing; what was measured until then is shown. */
async function measured(load: Load, terminal: Terminal, signal: AbortSignal): Promise<LoadResult> {
  using _bar = progressBar(terminal, () => load.progress());
  return await load.run(signal);
}

function summary(config: Config, { published, failed, received, expected, seconds, latency }: LoadResult) {
  const { publishers, subscribers, size, window } = config.bench;
  return {
    publishers,
    subscribers,
    qos: config.qos,
    size,
    window,
    seconds,
    published,
    failed,
    received,
    lost: Math.max(0, expected - received),
    publishedPerSecond: published / seconds,
    receivedPerSecond: received / seconds,
    latency: {
      ...Object.fromEntries(PERCENTILES.map((percent) => [`p${percent}`, latency.percentile(percent)])),
      maximum: latency.maximum,
    },
  };
}

function report(config: Config, result: LoadResult): string {
  const { published, failed, received, expected, seconds, latency } = result;
  const { publishers, subscribers, size, window } = config.bench;
  const lines = [
    `${publishers} publishers, ${subscribers} subscribers, QoS ${config.qos}, ${size} bytes, window ${window}`,
    `published  ${rate(published, seconds, size)}${failed > 0 ? `, ${whole(failed)} failed` : ""}`,
  ];
  if (subscribers > 0) {
    lines.push(`received   ${rate(received, seconds, size)}, ${whole(Math.max(0, expected - received))} lost`);
    const percentiles = PERCENTILES.map((percent) => `p${percent} ${milliseconds(latency.percentile(percent))}`);
    lines.push(`latency    ${percentiles.join(", ")}, max ${milliseconds(latency.maximum)}`);
  }
  return `${lines.join("\n")}\n`;
}

function rate(count: number, seconds: number, size: number): string {
  const perSecond = count / seconds;
  const megabytes = (perSecond * size / 1e6).toFixed(1);
  return `${whole(count)} messages in ${seconds.toFixed(2)} s, ${whole(perSecond)} messages/s, ${megabytes} MB/s`;
}

function whole(value: number): string {
  return Math.round(value).toLocaleString("en-US");
}

function milliseconds(value: number): string {
  return `${value < 10 ? value.toFixed(2) : value.toFixed(1)} ms`;
}
