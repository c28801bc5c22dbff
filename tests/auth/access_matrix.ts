/**
 * What clients may do under an access control file: the same clients, topics and ways of publishing against any broker,
 * with an observation for each, so that two brokers can be compared.
 *
 * @module
 */

import type { Packet } from "../../codec/packets.ts";
import { RawClient } from "../support/raw_client.ts";
import { publishPacket } from "../support/raw_packets.ts";

/** A client of the matrix. */
export interface Who {
  readonly clientId: string;
  readonly username: string | undefined;
}

/** The file that the matrix is about. */
export const ACCESS_FILE = `# before the first user: clients without a user name
topic read anon/r
topic write anon/w
topic both/#

user ann
topic read a/#
topic deny a/secret
topic readwrite rw/+
topic write w
topic client/open/private
topic read $SYS/broker/version

user bob smith
topic a/+/deep
topic   readwrite   spaced  name

user ann
topic   read   later

pattern readwrite client/%c/#
pattern read user/%u/in
pattern write %u/%c
pattern deny client/%c/private
pattern read everybody
`;

/** Who takes part. */
export const CLIENTS: readonly Who[] = [
  { clientId: "c1", username: "ann" },
  { clientId: "c2", username: "bob smith" },
  { clientId: "c3", username: undefined },
  { clientId: "c4", username: "unlisted" },
  { clientId: "open", username: "ann" },
  { clientId: "c+", username: "ann" },
  { clientId: "c#", username: undefined },
  { clientId: "c5", username: "u+" },
];

const TOPICS = [
  "anon/r",
  "anon/w",
  "both",
  "both/x",
  "a",
  "a/b",
  "a/secret",
  "a/secret/more",
  "a/b/deep",
  "rw/1",
  "rw/1/2",
  "w",
  "later",
  "spaced  name",
  "client/c1/x",
  "client/c1/private",
  "client/c2/x",
  "client/open/private",
  "user/ann/in",
  "user/bob smith/in",
  "user//in",
  "ann/c1",
  "everybody",
  "nothing",
];

const SOURCE = { clientId: "source", username: "root" };
/** Lets the source publish everywhere. */
const HARNESS_FILE = "user root\ntopic #\n";

/** Observations by what was done, e.g. `publish c1 a/b qos 1: 0x87`. */
export async function observe(port: number): Promise<string[]> {
  return [
    ...await observeConnected(port, 5),
    ...await observeConnected(port, 4),
    ...await observeWills(port),
    ...await observeRetained(port),
  ];
}

/** The file for {@linkcode observe}. */
export const WHOLE_FILE: string = ACCESS_FILE + HARNESS_FILE;

async function observeConnected(port: number, version: 4 | 5): Promise<string[]> {
  const lines: string[] = [];
  await using source = await connect(port, SOURCE, 5);
  for (const who of CLIENTS) {
    await using client = await connect(port, who, version);
    const name = `v${version} ${who.clientId}/${who.username}`;
    const filters = [...TOPICS, "#", "a/#", "+/secret", "client/+/#", "$share/g/a/#"];
    for (const filter of filters) {
      const { reasonCodes } = await client.trySubscribe([{ filter, qos: 1 }]);
      lines.push(`${name} subscribes to ${filter}: ${reasonCodes}`);
    }
    for (const topic of TOPICS) {
      await source.publish(topic, "from the source", { qos: 1 });
    }
    lines.push(`${name} receives ${await received(client)}`);
    for (const topic of TOPICS) {
      await client.send(publishPacket(topic, "own", { qos: 1, packetId: 1 }));
      lines.push(`${name} publishes to ${topic}: ${await answer(client)}`);
      if (version === 4) continue;
      await client.send(publishPacket(topic, "own", { qos: 2, packetId: 2 }));
      const code = await answer(client);
      lines.push(`${name} publishes to ${topic} with QoS 2: ${code}`);
      if (code >= 0x80) continue;
      await client.send({ type: "pubrel", packetId: 2, reasonCode: 0 });
      await client.take("pubcomp");
    }
    await client.disconnect();
  }
  return lines;
}

async function observeWills(port: number): Promise<string[]> {
  const lines: string[] = [];
  await using watcher = await connect(port, SOURCE, 5);
  await watcher.subscribe("#", { qos: 1 });
  for (const who of CLIENTS) {
    for (const topic of ["w", "rw/1", "a/secret", "client/c1/private", "both/x", `${who.username}/${who.clientId}`]) {
      if (/[+#]/.test(topic)) continue;
      const client = await connect(port, who, 5, { topic, payload: `will of ${who.clientId}` });
      // Taken over, it has published its will before it gets CONNACK; a connection that breaks is noticed at any time.
      await (await connect(port, who, 5)).close();
      await client.close();
    }
    lines.push(`wills of ${who.clientId}/${who.username}: ${await received(watcher)}`);
  }
  return lines;
}

async function observeRetained(port: number): Promise<string[]> {
  const lines: string[] = [];
  await using source = await connect(port, SOURCE, 5);
  for (const topic of TOPICS) await source.publish(topic, "retained", { qos: 1, retain: true });
  for (const who of CLIENTS) {
    await using client = await connect(port, who, 5);
    for (const filter of ["#", "a/#", "client/+/+", "user/+/in"]) {
      await client.trySubscribe([{ filter, qos: 1 }]);
    }
    lines.push(`${who.clientId}/${who.username} gets retained ${await received(client)}`);
  }
  for (const topic of TOPICS) await source.publish(topic, "", { qos: 1, retain: true });
  return lines;
}

async function connect(
  port: number,
  who: Who,
  version: 4 | 5,
  will?: { topic: string; payload: string },
): Promise<RawClient> {
  return await RawClient.connect(port, { ...who, version, will, autoAck: true });
}

/**
 * Topics of the messages that are there, sorted, as retained ones may come in any order; each once, as for overlapping
 * subscriptions a server may send one copy or several.
 */
async function received(client: RawClient): Promise<string> {
  const messages = (await client.publications())
    .filter(({ topic }) => !topic.startsWith("$SYS"))
    .map(({ topic, qos, retain }) => `${topic} (${qos}, ${retain ? "retained" : "live"})`);
  return [...new Set(messages)].sort().join(", ");
}

/** The reason code of PUBACK or PUBREC. */
async function answer(client: RawClient): Promise<number> {
  for (;;) {
    const packet: Packet = await client.next();
    if (packet.type === "puback" || packet.type === "pubrec") return packet.reasonCode;
    if (packet.type !== "publish") throw new TypeError(`Cannot go on: received ${packet.type}`);
  }
}
