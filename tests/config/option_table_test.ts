/** The table of options against the manual of Mosquitto, where it is installed, and against itself. */

import { assert, assertEquals, assertGreater } from "@std/assert";
import { LIMIT_OPTIONS } from "../../broker/config/limit_options.ts";
import { findOption, OPTION_TABLE } from "../../broker/config/option_table.ts";
import { resolveOptions } from "../../broker/options.ts";
import { hasProgram } from "../support/mosquitto.ts";
import { runProcess } from "../support/process.ts";
import { parse } from "./sources.ts";

Deno.test({
  name: "broker config: the table has every option of mosquitto.conf(5)",
  ignore: !hasProgram("man") || !hasManual(),
  async fn() {
    const { stdout } = await runProcess("man", ["-P", "cat", "mosquitto.conf"], {
      env: { MANWIDTH: "200", LC_ALL: "C" },
    });
    const names = namesIn(stdout);
    assertGreater(names.size, 100);
    const missing = [...names].filter((name) => findOption(name.replace("*", "x")) === undefined);
    assertEquals(missing, []);
    // What the manual of 2.0.11 does not have: old names, names of other versions, those that are only accepted, and ours.
    const extra = new Set([
      "addresses",
      "admin_certfile",
      "admin_host",
      "admin_keyfile",
      "admin_listener",
      "admin_token_file",
      "bridge_max_topic_alias",
      "bridge_tls_use_os_certs",
      "clientid",
      "jwt_audience",
      "jwt_issuer",
      "jwt_jwks_url",
      "jwt_key_file",
      "maximum_qos",
      "password",
      "plugin",
      "plugin_opt_*",
      "retry_interval",
      "username",
      ...LIMIT_OPTIONS.map(({ name }) => name),
    ]);
    // Our own.
    for (const name of ["max_queued_age", "max_queued_bytes", "max_queued_messages", "queue_policy", "rate"]) {
      extra.add(`bridge_${name}`);
    }
    const unknown = OPTION_TABLE.map(({ name }) => name).filter((name) => !names.has(name) && !extra.has(name));
    assertEquals(unknown, []);
  },
});

Deno.test("broker config: no option stands in the table twice", () => {
  const names = OPTION_TABLE.map(({ name }) => name);
  assertEquals(names.length, new Set(names).size);
});

Deno.test("broker config: every option says what its value must be, and every other one what it does", () => {
  for (const { name, effect, expected } of OPTION_TABLE) {
    assert(expected.length > 0, name);
    if (effect.kind === "ignored") assert(effect.why.length > 10, name);
    if (effect.kind === "refused") assert(effect.instead.length > 10, name);
  }
});

Deno.test("broker config: what a file can set, a broker can be made with", () => {
  const { options } = parse(
    "check_retain_source false\nclientid_prefixes a\nconnection_messages false\nmax_inflight_bytes 100\nmax_inflight_messages 5\n" +
      "max_keepalive 0\nmax_packet_size 20\nmax_queued_bytes 7\nmax_queued_messages 8\nmessage_size_limit 9\n" +
      "persistent_client_expiration 2w\nqueue_qos0_messages true\nretain_available false\nsys_interval 0\nupgrade_outgoing_qos 1\n",
  );
  assertEquals(options, {
    checkRetainSource: false,
    clientIdPrefixes: "a",
    connectionMessages: false,
    maxInflightBytes: 100,
    maxInflightMessages: 5,
    receiveMaximum: 5,
    maxKeepAlive: 65_535,
    maxPacketSize: 20,
    maxQueuedBytes: 7,
    maxQueuedMessages: 8,
    messageSizeLimit: 9,
    persistentClientExpiration: 14 * 86_400,
    queueQoS0Messages: true,
    retainAvailable: false,
    sysInterval: 0,
    upgradeOutgoingQoS: true,
  });
  resolveOptions(options);
  resolveOptions(parse("").options);
});

function hasManual(): boolean {
  return ["", ".gz"].some((end) => {
    try {
      return Deno.statSync(`/usr/share/man/man5/mosquitto.conf.5${end}`).isFile;
    } catch {
      return false;
    }
  });
}

/** Names of options: they stand alone in a line with their values, and what they do is indented below. */
function namesIn(manual: string): Set<string> {
  const names = new Set<string>();
  const lines = manual.split("\n");
  for (const [index, line] of lines.entries()) {
    const match = /^ {7}([a-z][a-z0-9_.]*\*?)(?: |$)/.exec(line);
    const isFirst = /^(| {0,3}[A-Z].*)$/.test(lines[index - 1] ?? "");
    const isExplained = /^ {11}\S/.test(lines[index + 1] ?? "");
    if (match?.[1] !== undefined && isFirst && isExplained) names.add(match[1]);
  }
  return names;
}
