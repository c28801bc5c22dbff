/** Two brokers of which each has a bridge to the other one: nothing circles, and nothing comes twice. */

import { assertEquals } from "@std/assert";
import {
  type BridgeOptions,
  type BridgeStatus,
  type BridgeTopic,
  Broker,
  type BrokerOptions,
  listen,
  ReasonCode,
} from "../../broker/mod.ts";
import { quietPort } from "../faults/broker_killer.ts";
import { bounded, startBroker, until } from "../support/broker.ts";
import { bridgeOptions, bridgeTo, type Listener, listenTo, publishTo, statusOf } from "./support.ts";

type Options = Omit<BridgeOptions, "name" | "addresses" | "remoteClientId">;

const ALL_BOTH_WAYS: Options = { protocolVersion: 5, topics: [{ pattern: "#", direction: "both", qos: 2 }] };

/** A broker on a port of its own, with a listener to everything and a bridge to another one. */
class Side implements AsyncDisposable {
  readonly broker: Broker;
  readonly #listener: { close(): Promise<void> };
  readonly #name: string;
  readonly #options: BrokerOptions;
  #heard: Listener | undefined;
  #refused: string | undefined;
  /** Subscriptions of the bridge at the other broker, and here. */
  #incoming = 0;
  #outgoing = 0;

  constructor(name: string, readonly port: number) {
    this.#name = name;
    this.#options = {
      // Bridges have to wait for the listener.
      authenticate: ({ clientId }) =>
        !clientId.startsWith("bridge") || (this.#heard !== undefined && clientId !== this.#refused) ||
        { reasonCode: ReasonCode.ServerBusy },
    };
    this.broker = new Broker(this.#options);
    this.#listener = listen(this.broker, { hostname: "127.0.0.1", port });
  }

  async start(): Promise<this> {
    this.#heard = await listenTo(this.port, "#");
    return this;
  }

  bridgeTo(other: { readonly port: number }, options: Options): void {
    this.#incoming = options.topics.filter(({ direction = "out" }) => direction !== "out").length;
    this.#outgoing = options.topics.filter(({ direction }) => direction !== "in").length;
    const bridge = bridgeOptions(other.port, { remoteClientId: `bridge of ${this.#name}`, ...options });
    this.broker.update({ ...this.#options, bridges: [bridge] });
  }

  /** Ends the connection of a client, and lets it in no more, until it is another one. */
  refuse(clientId: string | undefined): void {
    this.#refused = clientId;
    this.broker.disconnect((client) => client.clientId === clientId);
  }

  get bridge(): BridgeStatus {
    return statusOf(this.broker);
  }

  get heard(): Listener {
    if (this.#heard === undefined) throw new Error("Cannot show the listener: there must be one");
    return this.#heard;
  }

  /** Whether both ways to this broker are open, and known to lead to it. */
  isKnownTo(other: Side): boolean {
    const { broker, bridge } = other;
    const isOpen = (clientId: string, subscriptions: number) => {
      const session = broker.inspection.session(clientId);
      const isReady = session?.connection !== undefined && session.subscriptions === subscriptions;
      return isReady && session.broker?.identity === this.broker.identity;
    };
    return bridge.state === "connected" && isOpen(`bridge of ${this.#name}`, this.#incoming) &&
      isOpen(`local.bridge of ${other.#name}`, other.#outgoing);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#heard?.[Symbol.asyncDispose]();
    await this.#listener.close();
    await this.broker.close();
  }
}

async function startPair(stack: AsyncDisposableStack, options: Options, ofTwo = options): Promise<[Side, Side]> {
  const one = stack.use(await new Side("one", quietPort()).start());
  const two = stack.use(await new Side("two", quietPort()).start());
  one.bridgeTo(two, options);
  two.bridgeTo(one, ofTwo);
  await linked(one, two);
  return [one, two];
}

/** Waits until both bridges are connected and subscribed, and each broker knows what is at their ends. */
async function linked(one: Side, two: Side): Promise<void> {
  await until(() => one.isKnownTo(two) && two.isKnownTo(one), "each to know the other one");
}

/** Publishes at both, each message with a topic of its own below `below`, and then something that is behind all of it. */
async function exchange(one: Side, two: Side, below = ["", ""]): Promise<void> {
  for (const [index, side] of [one, two].entries()) {
    const [other, from] = side === one ? [two, "one"] : [one, "two"];
    for (const qos of [0, 1, 2] as const) {
      await publishTo(side.port, `${below[index]}m/${from}/${qos}`, `${qos}`, { qos });
      await publishTo(side.port, `${below[index]}r/${from}/${qos}`, `${qos}`, { qos, retain: true });
    }
    await publishTo(side.port, `${below[index]}end/${from}`, "", { qos: 2 });
    await until(() => other.heard.lines.some((line) => line.includes(`end/${from}=`)), `the end from ${from}`);
  }
  // An echo of what came from the second to the first would be on its way back: something goes behind it.
  await publishTo(one.port, `${below[0]}end/again`, "", { qos: 2 });
  await until(() => two.heard.lines.some((line) => line.includes("end/again=")), "the end of all");
}

/** What {@linkcode exchange} lets a listener hear, in any order, as its topics are below `below`. */
function heardOnce(below = ""): string[] {
  const each = ["one", "two"].flatMap((from) => [
    ...[0, 1, 2].flatMap((qos) => [`m/${from}/${qos}=${qos} q${qos}`, `r/${from}/${qos}=${qos} q${qos} r`]),
    `end/${from}= q2`,
  ]);
  return [...each, "end/again= q2"].map((line) => below + line).sort();
}

function heard({ heard: { lines } }: Side): string[] {
  return [...lines].sort();
}

const PREFIXED: readonly [name: string, one: readonly BridgeTopic[], two: readonly BridgeTopic[]][] = [
  ["", ALL_BOTH_WAYS.topics, ALL_BOTH_WAYS.topics],
  [
    " under other names",
    [{ pattern: "#", direction: "both", qos: 2, localPrefix: "a/", remotePrefix: "b/" }],
    [{ pattern: "#", direction: "both", qos: 2, localPrefix: "b/", remotePrefix: "a/" }],
  ],
];
const BELOW = [["", ""], ["a/", "b/"]] as const;

for (const [index, [name, ofOne, ofTwo]] of PREFIXED.entries()) {
  Deno.test(`mqtt 5.0 bridge: between two brokers with a bridge each, everything arrives once${name} [MQTT-3.8.3-3]`, () =>
    bounded(async () => {
      await using stack = new AsyncDisposableStack();
      const below = BELOW[index] ?? ["", ""];
      const [one, two] = await startPair(
        stack,
        { protocolVersion: 5, topics: ofOne },
        { protocolVersion: 5, topics: ofTwo },
      );
      await exchange(one, two, [...below]);
      assertEquals([heard(one), heard(two)], [heardOnce(below[0]), heardOnce(below[1])]);
      // Each has sent what was published there, and nothing else: 7 messages and the last one.
      await until(() => [one, two].every(({ bridge }) => bridge.queuedMessages === 0), "empty queues");
      const counts = [one, two].map(({ bridge: { forwarded, received, dropped } }) => {
        return { forwarded, received, dropped };
      });
      assertEquals(counts, [{ forwarded: 8, received: 0, dropped: 0 }, { forwarded: 7, received: 0, dropped: 0 }]);
    }));
}

Deno.test("mqtt 5.0 bridge: topics that grow on their way out of either broker do not come back", () =>
  bounded(async () => {
    await using stack = new AsyncDisposableStack();
    const [one, two] = await startPair(
      stack,
      { protocolVersion: 5, topics: [{ pattern: "#", qos: 1, remotePrefix: "one/" }] },
      { protocolVersion: 5, topics: [{ pattern: "#", qos: 1, remotePrefix: "two/" }] },
    );
    await publishTo(one.port, "m", "1", { qos: 1 });
    await two.heard.count(1);
    await publishTo(two.port, "m", "2", { qos: 1 });
    await one.heard.count(2);
    await publishTo(one.port, "end", "", { qos: 1 });
    await two.heard.count(3);
    assertEquals(heard(one), ["end= q1", "m=1 q1", "two/m=2 q1"]);
    assertEquals(heard(two), ["m=2 q1", "one/end= q1", "one/m=1 q1"]);
  }));

Deno.test("mqtt 5.0 bridge: where only one of two ways between two brokers is open, everything takes that one", () =>
  bounded(async () => {
    await using stack = new AsyncDisposableStack();
    const [one, two] = await startPair(stack, ALL_BOTH_WAYS);
    // What the first one has known stays known, but its bridge does not reach the second one any more.
    two.refuse("bridge of one");
    await until(() => one.bridge.state !== "connected", "an end of one way");
    await publishTo(one.port, "m", "1", { qos: 1 });
    await publishTo(two.port, "m", "2", { qos: 1 });
    await one.heard.count(2);
    await two.heard.count(2);
    assertEquals([heard(one), heard(two)], [["m=1 q1", "m=2 q1"], ["m=1 q1", "m=2 q1"]]);
  }));

Deno.test("mqtt 5.0 bridge: two brokers with a bridge each find each other again, after a cut and after a restart", () =>
  bounded(async () => {
    await using stack = new AsyncDisposableStack();
    const [one, two] = await startPair(stack, ALL_BOTH_WAYS);
    for (const { broker } of [one, two]) broker.disconnect(({ clientId }) => clientId.startsWith("bridge"));
    await until(() => [one, two].every(({ bridge }) => bridge.connects === 2), "new connections");
    await linked(one, two);
    await publishTo(one.port, "cut/one", "1", { qos: 1 });
    await publishTo(two.port, "cut/two", "2", { qos: 1 });
    for (const side of [one, two]) await side.heard.count(2);
    await two[Symbol.asyncDispose]();
    await until(() => one.bridge.state !== "connected", "an end of the connection");
    await publishTo(one.port, "kept", "1", { qos: 1 });
    const again = stack.use(await new Side("two", two.port).start());
    again.refuse("bridge of one");
    again.bridgeTo(one, ALL_BOTH_WAYS);
    await again.broker.ready;
    again.refuse(undefined);
    await linked(one, again);
    await again.heard.count(1);
    await exchange(one, again);
    const before = ["cut/one=1 q1", "cut/two=2 q1", "kept=1 q1"];
    assertEquals(heard(one), [...before, ...heardOnce()].sort());
    assertEquals(heard(again), ["kept=1 q1", ...heardOnce()].sort());
  }));

Deno.test("mqtt 5.0 bridge: what waits for a broker until it is known does not come back either", () =>
  bounded(async () => {
    await using stack = new AsyncDisposableStack();
    const [one, two] = await startPair(stack, ALL_BOTH_WAYS);
    await two[Symbol.asyncDispose]();
    await until(() => one.bridge.state !== "connected", "an end of the connection");
    const again = stack.use(await new Side("two", two.port).start());
    again.refuse("bridge of one");
    again.bridgeTo(one, ALL_BOTH_WAYS);
    await until(() => again.bridge.state === "connected", "one of the connections");
    await publishTo(again.port, "m", "1", { qos: 1 });
    await one.heard.count(1);
    again.refuse(undefined);
    await linked(one, again);
    await exchange(one, again);
    for (const side of [one, again]) assertEquals(heard(side), ["m=1 q1", ...heardOnce()].sort());
  }));

Deno.test("mqtt 5.0 bridge: two ways between two brokers that are different are both taken", () =>
  bounded(async () => {
    await using stack = new AsyncDisposableStack();
    const [one, two] = await startPair(
      stack,
      { protocolVersion: 5, maxPacketSize: 100, topics: [{ pattern: "#", qos: 1, remotePrefix: "pushed/" }] },
      { protocolVersion: 5, topics: [{ pattern: "#", direction: "in", qos: 1, localPrefix: "pulled/" }] },
    );
    const large = "x".repeat(100);
    await publishTo(one.port, "m", large, { qos: 1 });
    await publishTo(one.port, "m", "1", { qos: 1 });
    await two.heard.count(3);
    assertEquals(heard(two), ["pulled/m=1 q1", `pulled/m=${large} q1`, "pushed/m=1 q1"]);
    assertEquals(heard(one), ["m=1 q1", `m=${large} q1`]);
  }));

Deno.test("mqtt 5.0 bridge: what one bridge is not to send, the other one may", () =>
  bounded(async () => {
    await using stack = new AsyncDisposableStack();
    const [one, two] = await startPair(stack, { ...ALL_BOTH_WAYS, maxPacketSize: 100 }, ALL_BOTH_WAYS);
    const large = "x".repeat(100);
    await publishTo(one.port, "m", large, { qos: 1 });
    await two.heard.count(1);
    await publishTo(two.port, "m", "2", { qos: 1 });
    await two.heard.count(2);
    assertEquals(heard(two), ["m=2 q1", `m=${large} q1`]);
  }));

Deno.test("mqtt 5.0 bridge: what is retained does not go back to where it came from", () =>
  bounded(async () => {
    await using ours = await startBroker();
    await using other = await startBroker();
    await publishTo(other.port, "r/theirs", "1", { qos: 1, retain: true });
    await publishTo(ours.port, "r/ours", "1", { qos: 1, retain: true });
    await using here = await listenTo(ours.port, "r/#");
    await using there = await listenTo(other.port, "r/#");
    await using bridge = bridgeTo(ours.broker, other.port, {
      protocolVersion: 5,
      topics: [{ pattern: "r/#", direction: "both", qos: 1 }],
    });
    await here.count(2);
    await there.count(2);
    other.broker.disconnect(({ clientId }) => clientId === "gateway");
    await until(() => bridge.status.connects === 2 && bridge.status.state === "connected", "a new connection");
    await there.count(3);
    await publishTo(ours.port, "r/end", "", { qos: 1 });
    await there.count(4);
    // Here, all that is retained here; there, what came from here, and that again.
    assertEquals(here.lines, ["r/ours=1 q1 r", "r/theirs=1 q1 r", "r/end= q1"]);
    assertEquals(there.lines, ["r/theirs=1 q1 r", "r/ours=1 q1 r", "r/ours=1 q1 r", "r/end= q1"]);
  }));
