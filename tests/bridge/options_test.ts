/** Bridges as options of a broker: when they are ready, how they change, how they end, what is refused. */

import { assert, assertEquals, assertInstanceOf, assertMatch, assertThrows } from "@std/assert";
import { type BridgeOptions, Broker, listen, MemoryStore, MqttError } from "../../broker/mod.ts";
import { quietPort } from "../faults/broker_killer.ts";
import { bounded, startBroker, until } from "../support/broker.ts";
import { repository, runProcess } from "../support/process.ts";
import { Proxy } from "../support/proxy.ts";
import { bridgeOptions, listenTo, statusOf } from "./support.ts";

const TOPICS = [{ pattern: "out/#", qos: 1 }] as const;

Deno.test("bridge options: when the broker is ready, messages wait for all of its bridges", () =>
  bounded(async () => {
    const names = ["one", "two"];
    await using broker = new Broker({
      bridges: names.map((name) => bridgeOptions(quietPort(), { name, remoteClientId: name, topics: TOPICS })),
    });
    assertEquals(broker.bridges.map(({ name, state }) => [name, state]), [["one", "starting"], ["two", "starting"]]);
    await broker.ready;
    broker.publish({ topic: "out/x", payload: "1", qos: 1 });
    assertEquals(broker.bridges.map(({ queuedMessages }) => queuedMessages), [1, 1]);
  }));

Deno.test("bridge options: a broker without bridges is ready, and so is one that is closed", async () => {
  await using broker = new Broker();
  await broker.ready;
  assertEquals(broker.bridges, []);
  await broker.close();
  broker.update({ bridges: [bridgeOptions(quietPort(), { topics: TOPICS })] });
  await broker.ready;
  assertEquals(broker.bridges, []);
});

Deno.test("bridge options: update() starts, ends and remakes bridges, and leaves alone what is the same", () =>
  bounded(async () => {
    await using one = await startBroker();
    await using two = await startBroker();
    const first = bridgeOptions(one.port, { name: "first", remoteClientId: "first", topics: TOPICS });
    const second = bridgeOptions(two.port, { name: "second", remoteClientId: "second", topics: TOPICS });
    await using broker = new Broker({ bridges: [first] });
    const isUp = (name: string) => until(() => statusOf(broker, name).state === "connected", `bridge ${name}`);
    await isUp("first");
    broker.update({ bridges: [second, { ...first }] });
    await broker.ready;
    await isUp("second");
    assertEquals(broker.bridges.map(({ name, connects }) => [name, connects]), [["second", 1], ["first", 1]]);
    broker.update({ sysInterval: 0 });
    assertEquals(broker.bridges.length, 2);
    // The one that differs keeps its session.
    const away = quietPort();
    broker.update({ bridges: [{ ...first, addresses: [`mqtt://127.0.0.1:${away}`] }] });
    await broker.ready;
    assertEquals(broker.inspection.session("local.second"), undefined);
    broker.publish({ topic: "out/x", payload: "kept", qos: 1 });
    assertEquals(statusOf(broker, "first").queuedMessages, 1);
    await using there = await listenTo(one.port, "out/#");
    broker.update({ bridges: [first] });
    await there.count(1);
    assertEquals(there.lines, ["out/x=kept q1"]);
    broker.update({ bridges: [] });
    await broker.ready;
    assertEquals([broker.bridges, broker.counts().sessions], [[], 0]);
    assert([one, two].every((other) => other.broker.inspection.connected <= 1));
  }, 30_000));

Deno.test("bridge options: changes that follow each other closely end with the last one", () =>
  bounded(async () => {
    await using other = await startBroker();
    const bridge = bridgeOptions(other.port, { topics: TOPICS });
    const renamed = { ...bridge, name: "later" };
    await using broker = new Broker({ bridges: [bridge] });
    for (const bridges of [[], [bridge], [renamed], [], [renamed]]) broker.update({ bridges });
    await broker.ready;
    await until(() => statusOf(broker, "later").state === "connected", "the last bridge");
    assertEquals([broker.bridges.length, broker.counts().sessions, other.broker.counts().connections], [1, 1, 1]);
  }));

Deno.test("bridge options: a broker that closes sees its bridges off, before the connections end", () =>
  bounded(async () => {
    await using other = await startBroker();
    const state = "$SYS/broker/connection/gateway/state";
    const broker = new Broker({ bridges: [bridgeOptions(other.port, { topics: TOPICS })] });
    const ended: string[] = [];
    other.broker.onPublish((topic, { payload }) => {
      if (topic === state) ended.push(new TextDecoder().decode(payload));
    });
    await until(() => statusOf(broker).state === "connected" && ended.length === 1, "a connection");
    await broker.close();
    await until(() => other.broker.inspection.session("gateway")?.connection === undefined, "an end there");
    // By the bridge itself: its will would say it once more.
    assertEquals(ended, ["1", "0"]);
    assertEquals(broker.bridges.map((bridge) => bridge.state), ["stopped"]);
  }));

Deno.test("bridge options: a broker closes in time whatever its bridges are doing, and keeps what waits", () =>
  bounded(async () => {
    await using other = await startBroker();
    const bridge = bridgeOptions(other.port, { topics: TOPICS });
    await new Broker({ bridges: [bridge] }).close();
    for (let turns = 0; turns < 20; turns++) {
      const fresh = new Broker({ bridges: [bridge] });
      await fresh.ready;
      // Somewhere here it connects.
      for (let turn = 0; turn < turns; turn++) await new Promise((resolve) => setTimeout(resolve, 0));
      await fresh.close();
    }
    const changing = new Broker({ bridges: [bridge] });
    await changing.ready;
    changing.update({ bridges: [{ ...bridge, name: "other" }] });
    await changing.close();
    assertEquals(changing.counts().connections, 0);
    await using proxy = new Proxy(other.port);
    const store = new MemoryStore();
    const stalled = new Broker({ store, bridges: [bridgeOptions(proxy.port, { topics: TOPICS })] });
    await until(() => statusOf(stalled).state === "connected", "a connection");
    proxy.stall();
    stalled.publish({ topic: "out/x", payload: "waits", qos: 1 });
    await stalled.close();
    proxy.resume();
    await using there = await listenTo(other.port, "out/#");
    await using _later = new Broker({ store, bridges: [bridge] });
    await until(() => there.lines.includes("out/x=waits q1"), "what waited in the store");
  }, 30_000));

Deno.test("bridge options: with a store, what waits survives the broker, and a bridge that is gone takes it along", () =>
  bounded(async () => {
    const store = new MemoryStore();
    const bridge = bridgeOptions(quietPort(), { topics: TOPICS });
    {
      await using broker = new Broker({ store, bridges: [bridge] });
      await broker.ready;
      broker.publish({ topic: "out/x", payload: "1", qos: 1 });
    }
    await using broker = new Broker({ store, bridges: [bridge] });
    await broker.ready;
    assertEquals(statusOf(broker).queuedMessages, 1);
    broker.update({ bridges: [] });
    await broker.ready;
    assertEquals(broker.counts().sessions, 0);
  }));

Deno.test("bridge options: where there is no room for its session, the log says so, and nobody waits for ever", () =>
  bounded(async () => {
    await using broker = new Broker({ maxSessions: 1 });
    await using listener = listen(broker, { hostname: "127.0.0.1", port: 0 });
    const lines: string[] = [];
    const log = { debug: false, write: (_level: string, line: string) => void lines.push(line) };
    await using _there = await listenTo(listener.address.port, "x");
    broker.update({ maxSessions: 1, log, bridges: [bridgeOptions(quietPort(), { topics: TOPICS })] });
    await broker.ready;
    assert(lines.some((line) => line.startsWith("Bridge up: ")), lines.join("\n"));
    assertEquals(broker.bridges.length, 1);
  }));

Deno.test("bridge options: what cannot be is refused at once, and nothing is changed", async () => {
  const base: BridgeOptions = { name: "x", addresses: ["mqtt://h"], topics: [], remoteClientId: "x" };
  const cases: [bridges: BridgeOptions[], type: new (...args: never[]) => Error, message: RegExp][] = [
    [[{ ...base, addresses: [] }], TypeError, /^Cannot make bridge x: addresses must hold an address, received none$/],
    [
      [{ ...base, addresses: ["host"] }],
      TypeError,
      /addresses must be URLs such as mqtt:\/\/host:1883, received host$/,
    ],
    [[{ ...base, name: "" }], TypeError, /^Cannot make a bridge: name must have a character/],
    [[{ ...base, keepAlive: 4 }], RangeError, /keepAlive must be a whole number from 5 to 65535, received 4$/],
    [[{ ...base, restartTimeout: { base: 5, cap: 4 } }], RangeError, /restartTimeout must be/],
    [[{ ...base, maxQueuedMessages: 0 }], RangeError, /maxQueuedMessages must be/],
    [[{ ...base, topics: [{ pattern: "a/#/b" }] }], TypeError, /must be a topic filter/],
    [[{ ...base, topics: [{ pattern: "a", localPrefix: "#" }] }], MqttError, /Cannot/],
    [[base, { ...base, remoteClientId: "y" }], TypeError, /^Cannot make bridge x: name must be that of no other/],
    [
      [base, { ...base, name: "y" }],
      TypeError,
      /^Cannot make bridge y: localClientId must be that of no other bridge, received local.x$/,
    ],
  ];
  await using broker = new Broker({ sysInterval: 0, bridges: [bridgeOptions(quietPort(), { topics: TOPICS })] });
  await broker.ready;
  const { since } = statusOf(broker);
  for (const [bridges, type, message] of cases) {
    for (const attempt of [() => new Broker({ bridges }), () => broker.update({ maxSessions: 1, bridges })]) {
      const error = assertThrows(attempt);
      assertInstanceOf(error, type);
      assertMatch(error.message, message);
    }
  }
  assertEquals([broker.bridges.length, statusOf(broker).since, broker.counts().sessions], [1, since, 1]);
});

Deno.test("bridge options: without the name of the machine it is said what to do, and other bridges go on", () =>
  bounded(async () => {
    const program = `
      import { Broker } from "${new URL("broker/mod.ts", repository)}";
      const lines = [];
      const log = { debug: false, write: (level, line) => lines.push(level + " " + line) };
      const at = { addresses: ["mqtt://user:secret@127.0.0.1:9"], topics: [{ pattern: "a", qos: 1 }] };
      const broker = new Broker({ log, bridges: [{ ...at, name: "nameless" }, { ...at, name: "b", remoteClientId: "b" }] });
      const rejected = await broker.ready.then(() => "", (error) => error.message);
      broker.publish({ topic: "a", payload: "", qos: 1 });
      const bridges = broker.bridges.map(({ name, state, address, lastError, queuedMessages }) =>
        [name, state, address, lastError, queuedMessages]);
      console.log(JSON.stringify({ rejected, bridges, lines: lines.filter((line) => line.startsWith("error")) }));
      await broker.close();
    `;
    const path = await Deno.makeTempFile({ prefix: "bridge-", suffix: ".js" });
    try {
      await Deno.writeTextFile(path, program);
      const config = new URL("deno.json", repository).pathname;
      const flags = ["--config", config, "--no-check", "--no-prompt", "--allow-net"];
      const { code, stdout, stderr } = await runProcess(Deno.execPath(), ["run", ...flags, path]);
      assertEquals(code, 0, stderr);
      const { rejected, bridges, lines } = JSON.parse(stdout);
      assertMatch(rejected, /set remoteClientId \(remote_clientid\), or run with --allow-sys=hostname$/);
      assertEquals(bridges[0], ["nameless", "stopped", "mqtt://127.0.0.1:9", rejected, 0]);
      assertEquals([bridges[1][0], bridges[1][4]], ["b", 1]);
      assertEquals(lines, [`error Bridge nameless: ${rejected}`]);
    } finally {
      await Deno.remove(path);
    }
  }));

interface ModuleInfo {
  readonly specifier: string;
  readonly dependencies?: readonly {
    readonly isDynamic?: boolean;
    readonly code?: { readonly specifier?: string };
  }[];
}

Deno.test("bridge options: a broker without bridges loads neither them nor the client", () =>
  bounded(async () => {
    const { code, stdout, stderr } = await runProcess(Deno.execPath(), ["info", "--json", "broker/mod.ts"]);
    assertEquals(code, 0, stderr);
    const modules: readonly ModuleInfo[] = JSON.parse(stdout).modules;
    const bySpecifier = new Map(modules.map((module) => [module.specifier, module]));
    const loaded = new Set([new URL("broker/mod.ts", repository).href]);
    for (const specifier of loaded) {
      for (const { isDynamic, code } of bySpecifier.get(specifier)?.dependencies ?? []) {
        if (!isDynamic && code?.specifier !== undefined) loaded.add(code.specifier);
      }
    }
    const paths = [...loaded].map((specifier) => specifier.slice(repository.href.length));
    assert(paths.includes("broker/broker.ts") && paths.length > 50);
    const wanted = ["broker/bridge/bridges.ts", "broker/bridge/options.ts", "broker/bridge/status.ts"];
    const topics = ["broker/bridge/address.ts", "broker/bridge/topics.ts"];
    const ofBridges = paths.filter((path) => /^client\/|bridge/.test(path) && !/^broker\/config\//.test(path));
    assertEquals(ofBridges.sort(), [...wanted, ...topics].sort());
    // It is there for those who have bridges, in a compiled binary, too.
    assert(bySpecifier.has(new URL("broker/bridge/bridge.ts", repository).href));
    assert(bySpecifier.has(new URL("client/client.ts", repository).href));
  }));
