/** Metrics in Prometheus' text format, and health. */

import { assert, assertEquals, assertGreater, assertGreaterOrEqual, assertMatch } from "@std/assert";
import { PrometheusText } from "../../broker/admin/prometheus.ts";
import { Histogram } from "../../broker/histogram.ts";
import { until } from "../support/broker.ts";
import { withAdmin } from "./support.ts";
import { type BridgeStatus, MemoryStore } from "../../broker/mod.ts";
import { FaultyStore } from "../broker/faulty_store.ts";

const LINE = /^([a-z_]+)(?:\{([a-z_]+="(?:[^"\\\n]|\\[\\"n])*"(?:,[a-z_]+="(?:[^"\\\n]|\\[\\"n])*")*)\})? (\S+)$/;

/** The values by name and labels; fails for what is not of the format. */
function parse(text: string): Map<string, number> {
  const values = new Map<string, number>();
  const types = new Map<string, string>();
  let current = "";
  assert(text.endsWith("\n"));
  for (const line of text.slice(0, -1).split("\n")) {
    const [, kind, name = "", rest = ""] = /^# (HELP|TYPE) (\S+) (.+)$/.exec(line) ?? [];
    if (kind === "HELP") {
      assert(!types.has(name), `${name} stands twice`);
      current = name;
    } else if (kind === "TYPE") {
      assertEquals(name, current);
      types.set(name, rest);
    } else {
      const [, metric = "", labels = "", value = ""] = LINE.exec(line) ?? [];
      assert(metric !== "", line);
      const type = types.get(current);
      const base = type === "histogram" ? metric.replace(/_(bucket|sum|count)$/, "") : metric;
      assertEquals(base, current);
      if (type === "counter") assertMatch(metric, /_total$/);
      assert(Number.isFinite(Number(value)), line);
      values.set(labels === "" ? metric : `${metric}{${labels}}`, Number(value));
    }
  }
  return values;
}

Deno.test(
  "admin metrics: they are of the format, and tell what has happened",
  withAdmin({
    memory: () => 1_234,
    listeners: () => [{ hostname: "::", port: 1883, protocol: "mqtt", connections: 1 }],
  }, async ({ ask, connect, broker }) => {
    const bridge: BridgeStatus = {
      name: 'b"\\\n',
      state: "waiting",
      address: "mqtt://other",
      since: 0,
      lastError: "away",
      queuedMessages: 3,
      queuedBytes: 30,
      forwarded: 2,
      received: 1,
      dropped: 4,
      connects: 1,
    };
    Object.defineProperty(broker, "bridges", { value: [bridge] });
    const client = await connect({ autoAck: true });
    await client.subscribe("t", { qos: 2 });
    for (const qos of [0, 1, 2] as const) await client.publish("t", "12345", { qos });
    for (let i = 0; i < 3; i++) await client.expect("publish");
    await client.barrier();
    const away = await connect({ clientId: "away", properties: { sessionExpiryInterval: 60 } });
    await away.subscribe("q", { qos: 1 });
    await away.close();
    await until(() => broker.inspection.connected === 1, "the client to be gone");
    broker.publish({ topic: "q", payload: "123", qos: 1, retain: true });
    const response = await ask("/metrics");
    assertEquals(response.headers.get("content-type"), "text/plain; version=0.0.4; charset=utf-8");
    const values = parse(await response.text());
    const expected: Record<string, number> = {
      "mqtt_clients_connected": 1,
      "mqtt_sessions": 2,
      "mqtt_subscriptions": 2,
      "mqtt_retained_messages": 1,
      'mqtt_messages_received_total{qos="0"}': 1,
      'mqtt_messages_received_total{qos="1"}': 1,
      'mqtt_messages_received_total{qos="2"}': 1,
      'mqtt_payload_received_bytes_total{qos="2"}': 5,
      'mqtt_messages_sent_total{qos="1"}': 1,
      'mqtt_payload_sent_bytes_total{qos="0"}': 5,
      "mqtt_connects_accepted_total": 2,
      'mqtt_messages_dropped_total{reason="queue_full"}': 0,
      'mqtt_refused_total{kind="connections"}': 0,
      'mqtt_limits_met_total{limit="max_packet_size"}': 0,
      "mqtt_queued_messages": 1,
      "mqtt_queued_bytes": 3,
      "mqtt_queued_messages_max": 1,
      'mqtt_listener_connections{listener=":::1883",protocol="mqtt"}': 1,
      'mqtt_bridge_up{bridge="b\\"\\\\\\n"}': 0,
      'mqtt_bridge_backlog_messages{bridge="b\\"\\\\\\n"}': 3,
      "process_resident_memory_bytes": 1_234,
    };
    for (const [name, value] of Object.entries(expected)) assertEquals(values.get(name), value, name);
    assert(values.has("mqtt_event_loop_delay_seconds_count"));
    assert(values.has("mqtt_route_cache_hits_total"));
    assertEquals(values.has("mqtt_store_writable"), false);
  }),
);

Deno.test("admin metrics: durations are counted by classes, in seconds", () => {
  const histogram = new Histogram([1, 5, 10]);
  for (const milliseconds of [0.5, 1, 3, 7, 7, 100]) histogram.add(milliseconds);
  const text = new PrometheusText();
  text.histogram("x_seconds", "Help with \\ and\nline.", histogram.state());
  assertEquals(
    text.toString(),
    "# HELP x_seconds Help with \\\\ and\\nline.\n# TYPE x_seconds histogram\n" +
      'x_seconds_bucket{le="0.001"} 2\nx_seconds_bucket{le="0.005"} 3\nx_seconds_bucket{le="0.01"} 5\n' +
      'x_seconds_bucket{le="+Inf"} 6\nx_seconds_sum 0.1185\nx_seconds_count 6\n',
  );
});

Deno.test("admin metrics: health needs no host name, and readiness looks at listeners and store", async () => {
  const store = new FaultyStore(new MemoryStore());
  let listening = true;
  const listeners = () => listening ? [{ hostname: "::1", port: 1, protocol: "mqtt", connections: 0 }] : [];
  await withAdmin({ listeners, token: "0123456789abcdef", brokerOptions: { store } }, async ({ ask, broker }) => {
    const health = async (path: string) => {
      const response = await ask(path, { headers: { host: "any.name" } });
      return [response.status, await response.json()];
    };
    assertEquals(await health("/healthz"), [200, { status: "ok" }]);
    assertEquals(await health("/readyz"), [200, { status: "ok", listeners: true, store: true }]);
    listening = false;
    assertEquals(await health("/readyz"), [503, { status: "unavailable", listeners: false, store: true }]);
    listening = true;
    store.fate = "fails";
    broker.publish({ topic: "a", payload: "b", retain: true });
    await until(() => broker.inspection.isStoreWritable === false, "a commit to fail");
    assertEquals(await health("/readyz"), [503, { status: "unavailable", listeners: true, store: false }]);
    assertEquals(await health("/healthz"), [200, { status: "ok" }]);
    store.fate = "works";
    await until(() => broker.inspection.isStoreWritable === true, "a commit to work");
    assertEquals((await health("/readyz"))[0], 200);
    const headers = { authorization: "Bearer 0123456789abcdef" };
    const values = parse(await (await ask("/metrics", { headers })).text());
    assertEquals(values.get("mqtt_store_writable"), 1);
    // The store is swept in the background, too.
    assertGreater(values.get("mqtt_store_commit_duration_seconds_count") ?? 0, 0);
    assertGreaterOrEqual(values.get("mqtt_store_failures_total") ?? 0, store.failures);
    const info = await (await ask("/api/v1/info", { headers })).json();
    assertEquals(info.store.writable, true);
    assertGreater(info.store.commits, 0);
    assertGreaterOrEqual(info.store.failures, store.failures);
  })();
});
