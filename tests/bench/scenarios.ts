/**
 * What is measured, and what the broker is to reach.
 *
 * @module
 */

import type { FloodJob } from "./load/flood.ts";
import type { Job } from "./load/main.ts";

/** How long the parts of a measurement take. */
export interface Durations {
  readonly warmUp: number;
  readonly seconds: number;
  readonly pacedSeconds: number;
}

/** What our figure is compared with, and the bound. */
export type Goal =
  | { readonly kind: "times mosquitto"; readonly atLeast: number }
  | { readonly kind: "times mosquitto"; readonly atMost: number }
  | { readonly kind: "times ours"; readonly scenario: string; readonly atLeast: number }
  | { readonly kind: "times ours"; readonly scenario: string; readonly atMost: number }
  | { readonly kind: "absolute"; readonly atMost: number }
  | { readonly kind: "none" };

/** One line of the table. */
export interface Row {
  readonly title: string;
  readonly metric: string;
  readonly unit: "messages/s" | "MB/s" | "ms" | "s" | "µs" | "KB" | "MB" | "connections/s";
  readonly goal: Goal;
  /** Whether more or less is better: which of the two Mosquittos counts. */
  readonly better: "more" | "less";
  /** Metric with the broker's CPU time per message. */
  readonly cpu?: string;
}

/** One measurement, and the lines that it gives. */
export interface Scenario {
  readonly name: string;
  /** Absent: the start of the broker is all. */
  readonly job?: Job;
  readonly rows: readonly Row[];
  /** Lines that Mosquitto's configuration needs for it. */
  readonly mosquitto?: readonly string[];
  /** Our broker has its admin listener on, or somebody watches its live stream besides, with last values recorded. */
  readonly admin?: "on" | "watched";
  /** The skeleton can do it, too. */
  readonly skeleton?: boolean;
}

function flood(durations: Durations, job: Partial<FloodJob>): FloodJob {
  const { warmUp, seconds } = durations;
  return {
    kind: "flood",
    shape: "pairs",
    publishers: 10,
    subscribers: 10,
    qos: 0,
    payload: 64,
    warmUp,
    seconds,
    ...job,
  };
}

function rate(title: string, factor: number): Row {
  const goal: Goal = { kind: "times mosquitto", atLeast: factor };
  return { title, metric: "rate", unit: "messages/s", goal, better: "more", cpu: "cpu" };
}

/** CPU time of a message beside that of ours without it, which other processes disturb less than the rate. */
function beside(title: string, atMost: number): Row {
  const goal: Goal = { kind: "times ours", scenario: "qos0-pairs", atMost };
  return { title, metric: "cpu", unit: "µs", goal, better: "less" };
}

/** All scenarios, in the order of the table. A new listener (TLS, WebSocket) is a new entry here. */
export function scenarios(durations: Durations): Scenario[] {
  return [...floods(durations), ...subscriptions(durations), ...pacedPairs(durations), ...states(durations)];
}

function floods(durations: Durations): Scenario[] {
  const pairs = (job: Partial<FloodJob>) => flood(durations, job);
  const fanOut = (qos: 0 | 1) => flood(durations, { shape: "fan-out", publishers: 1, subscribers: 100, qos });
  const fanIn = (qos: 0 | 1) => flood(durations, { shape: "fan-in", subscribers: 1, qos });
  return [
    { name: "qos0-pairs", skeleton: true, job: pairs({}), rows: [rate("QoS 0, 10 pairs, 64 B", 10)] },
    {
      name: "qos0-pairs-admin",
      admin: "on",
      job: pairs({}),
      rows: [beside("the same, admin listener on: CPU per message", 1.05)],
    },
    {
      name: "qos0-pairs-watched",
      admin: "watched",
      job: pairs({}),
      rows: [beside("the same, somebody watching: CPU per message", 2)],
    },
    { name: "qos0-fan-out", skeleton: true, job: fanOut(0), rows: [rate("QoS 0, 1 to 100", 14)] },
    { name: "qos0-fan-in", skeleton: true, job: fanIn(0), rows: [rate("QoS 0, 10 to 1", 8)] },
    { name: "qos1-pairs", job: pairs({ qos: 1 }), rows: [rate("QoS 1, 10 pairs, window 100", 6)] },
    {
      name: "qos2-pairs",
      job: pairs({ qos: 2 }),
      rows: [rate("QoS 2, 10 pairs, window 100", 6)],
      // With its default of 20 Mosquitto disconnects a publisher that has 100 exchanges open.
      mosquitto: ["max_inflight_messages 100"],
    },
    { name: "qos1-fan-out", job: fanOut(1), rows: [rate("QoS 1, 1 to 100", 8)] },
    { name: "qos1-fan-in", job: fanIn(1), rows: [rate("QoS 1, 10 to 1", 6)] },
    {
      name: "mqtt5-pairs",
      job: pairs({ version: 5, properties: true }),
      rows: [rate("MQTT 5.0, QoS 0, 10 pairs, user property and content type", 6)],
    },
    { name: "tls-pairs", job: pairs({ protocol: "tls" }), rows: [rate("TLS, 10 pairs QoS 0", 2)] },
    { name: "websocket-pairs", job: pairs({ protocol: "websocket" }), rows: [rate("WebSocket, 10 pairs QoS 0", 2)] },
    {
      name: "large-pairs",
      skeleton: true,
      job: pairs({ payload: 65_536 }),
      rows: [{
        title: "64 KiB payloads, 10 pairs",
        metric: "megabytes",
        unit: "MB/s",
        goal: { kind: "times mosquitto", atLeast: 1 },
        better: "more",
        cpu: "cpu",
      }],
    },
  ];
}

function subscriptions(durations: Durations): Scenario[] {
  const row = { metric: "rate", unit: "messages/s", better: "more", cpu: "cpu" } as const;
  return [
    {
      name: "topics",
      job: flood(durations, { topics: 100 }),
      rows: [{ ...row, title: "QoS 0, 10 pairs over 1,000 topics", goal: { kind: "none" } }],
    },
    {
      name: "topics-others",
      job: flood(durations, { topics: 100, otherSubscriptions: 100_000 }),
      rows: [{
        ...row,
        title: "the same beside 100,000 other subscriptions",
        goal: { kind: "times ours", scenario: "topics", atLeast: 0.8 },
      }],
    },
    {
      name: "filters",
      job: { kind: "filters", filters: 1_000_000, clients: 100, limit: 30 },
      rows: [
        {
          title: "1,000,000 filters loaded",
          metric: "seconds",
          unit: "s",
          goal: { kind: "absolute", atMost: 5 },
          better: "less",
        },
      ],
    },
  ];
}

function pacedPairs(durations: Durations): Scenario[] {
  const paced = { kind: "paced", payload: 64, warmUp: 1, seconds: durations.pacedSeconds } as const;
  const times = (title: string, metric: string, atMost: number): Row => ({
    title,
    metric,
    unit: metric === "cpu" ? "µs" : "ms",
    goal: { kind: "times mosquitto", atMost },
    better: "less",
  });
  const shared = { ...paced, shape: "fan-out", publishers: 1, rate: 200, payload: 1024 } as const;
  return [
    {
      name: "paced-1000",
      skeleton: true,
      job: { ...paced, shape: "pairs", publishers: 1, subscribers: 1, rate: 1000 },
      rows: [
        times("paced, 1,000 messages/s, 1:1: p50", "p50", 1.3),
        times("p99", "p99", 1.3),
        times("CPU per message", "cpu", 2),
      ],
    },
    {
      name: "paced-10000",
      skeleton: true,
      job: { ...paced, shape: "pairs", publishers: 10, subscribers: 10, rate: 10_000 },
      rows: [times("paced, 10,000 messages/s over 10 pairs: p50", "p50", 1)],
    },
    {
      name: "stuck-none",
      job: { ...shared, subscribers: 100 },
      rows: [{ ...times("1 to 100, 200 messages/s: p99", "p99", 1), goal: { kind: "none" } }],
    },
    {
      name: "stuck-one",
      job: { ...shared, subscribers: 99, stuckBytes: 256 * 1024 * 1024 },
      rows: [
        {
          ...times("the others' p99 beside one that is stuck", "p99", 1),
          goal: { kind: "times ours", scenario: "stuck-none", atMost: 1.2 },
        },
        {
          title: "memory of the broker, 256 MB sent to the stuck one",
          metric: "rss",
          unit: "MB",
          goal: { kind: "absolute", atMost: 160e6 },
          better: "less",
        },
      ],
    },
  ];
}

function states(durations: Durations): Scenario[] {
  const waits = (title: string, metric: string): Row => ({
    title,
    metric,
    unit: "ms",
    goal: { kind: "absolute", atMost: 10 },
    better: "less",
  });
  return [
    {
      name: "idle",
      skeleton: true,
      job: { kind: "idle", connections: 10_000, concurrency: 50, seconds: Math.min(2, durations.seconds) },
      rows: [
        {
          title: "10,000 idle connections: memory of each",
          metric: "rss",
          unit: "KB",
          goal: { kind: "absolute", atMost: 16 * 1024 },
          better: "less",
        },
        {
          title: "connecting them",
          metric: "rate",
          unit: "connections/s",
          goal: { kind: "times mosquitto", atLeast: 0.4 },
          better: "more",
          cpu: "cpu",
        },
      ],
    },
    {
      name: "retained",
      job: { kind: "retained", messages: 100_000, payload: 64, window: 100, limit: 20 },
      rows: [
        { ...rate("100,000 retained messages to a new `#`", 4), metric: "deliver", cpu: "deliverCpu" },
        waits("longest wait of another client meanwhile", "deliverWait"),
        { ...rate("storing them at QoS 1", 4), metric: "store", cpu: "storeCpu" },
        waits("longest wait of another client meanwhile", "storeWait"),
      ],
    },
    {
      name: "start",
      rows: [{
        title: "start to first CONNACK",
        metric: "startTime",
        unit: "ms",
        goal: { kind: "absolute", atMost: 250 },
        better: "less",
      }],
    },
  ];
}
