/**
 * Every limit, one after the other: driven over its bound by 3.1.1 and 5.0 clients, it answers with its reason code,
 * has a line in the log and a counter under `$SYS`, and harms nobody who stays within it.
 *
 * @module
 */

import { assert, assertEquals, assertGreater, assertMatch } from "@std/assert";
import { Broker, listen, type LogLevel } from "../../broker/mod.ts";
import { findOption } from "../../broker/config/option_table.ts";
import { DEFAULT_HANDSHAKE_TIMEOUT, DEFAULT_MAX_HANDSHAKES } from "../../broker/deno/listen_options.ts";
import { LIMIT_NAMES } from "../../broker/limits.ts";
import { resolveOptions } from "../../broker/options.ts";
import { ManualClock } from "../../engine/manual_clock.ts";
import { bounded } from "../support/broker.ts";
import { checkExample, examplesIn } from "../support/examples.ts";
import { repository } from "../support/process.ts";
import { RawClient } from "../support/raw_client.ts";
import { type Attack, type Row, ROWS } from "./limits_rows.ts";

async function run(row: Row): Promise<void> {
  const clock = new ManualClock();
  const lines: string[] = [];
  const write = (_level: LogLevel, line: string) => void lines.push(line);
  await using broker = new Broker({ clock, sysInterval: 0, log: { debug: false, write }, ...row.options });
  await using ordinary = listen(broker, { port: 0 });
  await using attacked = await listen(broker, row.listener ?? { port: 0 });
  await using clients = new AsyncDisposableStack();
  const witness = clients.use(
    await RawClient.connect(ordinary.address.port, { clientId: "witness", version: 4, keepAlive: 60 }),
  );
  await witness.subscribe("witness", { qos: 1 });
  const roundTrip = async (payload: string) => {
    await witness.publish("witness", payload, { qos: 1 });
    await witness.take("publish", ({ topic }) => topic === "witness");
  };
  await roundTrip("before");
  for (const version of row.versions ?? [4, 5] as const) {
    await row.drive(attackOf(broker, clock, attacked.address.port, version, clients));
    await roundTrip(`after ${version}`);
  }
  assert(lines.some((line) => row.line.test(line)), `a line like ${row.line} among:\n${lines.join("\n")}`);
  const count = await counterOf(broker, row.counter, witness);
  if (row.count === undefined) assertGreater(count, 0);
  else assertEquals(count, row.count);
  assertEquals(broker.counts().refused.notLogged, 0);
}

function attackOf(
  broker: Broker,
  clock: ManualClock,
  port: number,
  version: 4 | 5,
  clients: AsyncDisposableStack,
): Attack {
  const open = async () => clients.use(await RawClient.open(port, version));
  return {
    version,
    broker,
    clock,
    port,
    open,
    connect: async (options) => clients.use(await RawClient.connect(port, { version, ...options })),
    ends: (client, reasonCode) => version === 5 ? client.expectDisconnect(reasonCode) : client.expectClosed(),
    async refused(options, reasonCode, before) {
      const client = await open();
      await client.sendConnect({ version, ...options });
      if (version === 5) return client.expectRefused(reasonCode);
      return before === undefined ? client.expectClosed() : client.expectRefused(before);
    },
  };
}

/** What `$SYS` says. The limits are lifted before, as its topics are long, deep and retained. */
async function counterOf(broker: Broker, counter: string, witness: RawClient): Promise<number> {
  broker.update({ sysInterval: 10 });
  await witness.subscribe(`$SYS/broker/${counter}`);
  const { payload } = await witness.take("publish", ({ topic }) => topic === `$SYS/broker/${counter}`);
  return Number(new TextDecoder().decode(payload));
}

for (const row of ROWS) {
  const option = Object.keys({ ...row.options, ...row.listener?.policy }).join(", ") || "the protocol";
  Deno.test(`broker limits table: ${row.counter} (${option}): answer, log line, counter, and nobody else harmed`, () =>
    bounded(() => run(row)));
}

Deno.test("broker limits table: every limit is in it", () => {
  const counters = new Set(ROWS.map(({ counter }) => counter));
  for (const name of Object.values(LIMIT_NAMES)) assert(counters.has(`limits/${name}/count`), name);
});

const DOCUMENT = await Deno.readTextFile(new URL("broker/limits.md", repository));

Deno.test("broker limits table: the documentation has every counter, and the defaults that hold", () => {
  const defaults: Record<string, unknown> = {
    ...resolveOptions({}),
    maxConnectionRate: Infinity,
    maxHandshakes: DEFAULT_MAX_HANDSHAKES,
    handshakeTimeout: DEFAULT_HANDSHAKE_TIMEOUT,
  };
  const units: Record<string, number> = { MiB: 1024 ** 2, GiB: 1024 ** 3, s: 1_000 };
  let compared = 0;
  for (const match of DOCUMENT.matchAll(/^\| `(\w+)`( [●○])? +\| `(\w+)` +\| ([^|]+?) +\|/gm)) {
    const [, option = "", mark = "", name = "", text = ""] = match;
    assert(findOption(name) !== undefined, `${name} must be an option of the configuration file`);
    if (text === "of a second" || (option === "maxConnections" && mark === " ○")) continue;
    const [number = "", unit = ""] = text.split(" ");
    const inSeconds = option === "maxKeepAlive";
    const value = Number(number.replaceAll(",", "")) * (inSeconds ? 1 : units[unit] ?? 1);
    assertEquals(defaults[option], text === "none" ? Infinity : value, option);
    compared++;
  }
  assertEquals(compared, 26);
  for (const { counter } of ROWS) {
    assert(DOCUMENT.includes(`\`${counter}\``), counter);
  }
});

Deno.test("broker limits table: the example in the documentation runs", async () => {
  for (const { language, code } of examplesIn(DOCUMENT)) {
    assertEquals(language, "ts");
    await checkExample(code);
  }
});

Deno.test("broker limits table: the flags that MQTT 3.1 does not look at hide no topic filters", () =>
  bounded(async () => {
    await using broker = new Broker({ maxFiltersPerPacket: 2 });
    await using listener = listen(broker, { port: 0 });
    for (
      const packet of [
        "800e0001000161000001620000016300",
        "8f0e0001000161000001620000016300",
        "a00b0001000161000162000163",
      ]
    ) {
      await using client = await RawClient.connect(listener.address.port, { version: 3, clientId: "x" });
      await client.sendBytes(packet);
      await client.expectClosed();
    }
    assertEquals(broker.counts().limits.maxFiltersPerPacket, 3);
  }));

Deno.test("broker limits table: lines that the log has dropped are a topic, if the log counts them", () =>
  bounded(async () => {
    const log = { debug: false, dropped: 7, write: () => {} };
    await using broker = new Broker({ clock: new ManualClock(), log });
    await using listener = listen(broker, { port: 0 });
    await using client = await RawClient.connect(listener.address.port);
    await client.subscribe("$SYS/broker/log/dropped");
    assertMatch(new TextDecoder().decode((await client.expect("publish")).payload), /^7$/);
  }));
