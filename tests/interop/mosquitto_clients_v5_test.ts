/** What `mosquitto_pub`, `mosquitto_sub` and `mosquitto_rr` do in MQTT 5.0 alone, against our broker. @module */

import { assertEquals, assertObjectMatch } from "@std/assert";
import { RunningProcess } from "../support/process.ts";
import { testClients } from "./mosquitto_clients.ts";

testClients("the properties of a publication arrive", ["5"], async (clients) => {
  await using subscriber = await clients.subscribe(["-t", "doc", "-q", "1"]);
  const properties = [
    ["content-type", "text/plain"],
    ["correlation-data", "42"],
    ["message-expiry-interval", "60"],
    ["payload-format-indicator", "1"],
    ["response-topic", "doc/answers"],
    ["user-property", "colour", "blue"],
    ["user-property", "größe", "L"],
  ];
  await clients.publish([
    "-t",
    "doc",
    "-q",
    "1",
    "-m",
    "text",
    ...properties.flatMap((it) => ["-D", "publish", ...it]),
  ]);
  const [message] = await subscriber.messages(1);
  assertObjectMatch(message?.properties ?? {}, {
    "content-type": "text/plain",
    "correlation-data": "42",
    "payload-format-indicator": 1,
    "response-topic": "doc/answers",
    "user-properties": { colour: "blue", "größe": "L" },
  });
});

testClients("a topic alias stands for its topic", ["5"], async (clients) => {
  await using subscriber = await clients.subscribe(["-t", "alias/#"]);
  await clients.publish(["-t", "alias/long/name", "-D", "publish", "topic-alias", "3", "--repeat", "3", "-m", "x"]);
  const messages = await subscriber.messages(3);
  assertEquals(messages.map(({ topic }) => topic), ["alias/long/name", "alias/long/name", "alias/long/name"]);
});

testClients("a shared subscription gives each message to one of its group", ["5"], async (clients) => {
  const worker = ["-t", "$share/workers/jobs/#", "-t", "end", "-q", "1"];
  await using one = await clients.subscribe(worker);
  await using two = await clients.subscribe(worker);
  const jobs = Array.from({ length: 40 }, (_, index) => String(index));
  await clients.publish(["-t", "jobs/x", "-q", "1", "-l"], jobs.join("\n") + "\n");
  await clients.publish(["-t", "end", "-q", "1", "-m", "x"]);
  const taken = (await Promise.all([one, two].map((it) => it.messagesBefore("end")))).flat();
  const byNumber = taken.map(({ payload }) => Number(payload)).toSorted((a, b) => a - b);
  assertEquals(byNumber, jobs.map(Number));
});

testClients("the options of a subscription", ["5"], async (clients) => {
  await clients.publish(["-t", "kept", "-r", "-m", "old"]);
  await using asPublished = await clients.subscribe(["-t", "kept", "--retain-as-published"]);
  await using identified = await clients.subscribe(["-t", "kept", "-D", "subscribe", "subscription-identifier", "7"]);
  await asPublished.messages(1);
  await identified.messages(1);
  await clients.publish(["-t", "kept", "-r", "-m", "new"]);
  const shown = async (subscriber: typeof asPublished, count: number) =>
    (await subscriber.messages(count)).map(({ retain, payload }) => `${retain} ${payload}`);
  assertEquals(await shown(asPublished, 2), ["1 old", "1 new"]);
  assertEquals(await shown(identified, 2), ["1 old", "0 new"]);
});

testClients("a will carries its properties", ["5"], async (clients) => {
  await using watcher = await clients.subscribe(["-t", "will"]);
  await using killed = await clients.subscribe([
    ...["-t", "x", "--will-topic", "will", "--will-payload", "gone"],
    ...["-D", "will", "content-type", "text/plain", "-D", "will", "user-property", "why", "killed"],
  ]);
  await killed.stop("SIGKILL");
  const [message] = await watcher.messages(1);
  assertObjectMatch(message?.properties ?? {}, { "content-type": "text/plain", "user-properties": { why: "killed" } });
});

testClients("a disconnect may ask for the will", ["5"], async (clients) => {
  await using watcher = await clients.subscribe(["-t", "will"]);
  await using stopped = await clients.subscribe(["-t", "x", "--will-topic", "will", "--will-payload", "stopped"]);
  // On this signal mosquitto_sub sends DISCONNECT with reason code 0x04.
  await stopped.stop("SIGINT");
  const [message] = await watcher.messages(1);
  assertEquals(message?.payload, "stopped");
});

testClients("a session ends with its expiry interval of 0", ["5"], async (clients) => {
  const id = ["-i", "keeper", "-c", "-q", "1", "-t", "mail"];
  await clients.receive([...id, "-x", "0", "-E"]);
  await clients.publish(["-t", "mail", "-q", "1", "-m", "nobody keeps this"]);
  await using subscriber = await clients.subscribe([...id, "-x", "60"]);
  await clients.publish(["-t", "mail", "-q", "1", "-m", "new"]);
  const [first] = await subscriber.messages(1);
  assertEquals(first?.payload, "new");
});

testClients("mosquitto_rr gets its response", ["5"], async (clients) => {
  await using responder = await clients.subscribe(["-t", "sum"]);
  const common = ["-h", "127.0.0.1", "-p", String(clients.port), "-V", "5"];
  await using request = new RunningProcess("mosquitto_rr", [...common, "-t", "sum", "-e", "sum/of/me", "-m", "1+2"]);
  const [message] = await responder.messages(1);
  assertEquals([message?.payload, message?.properties["response-topic"]], ["1+2", "sum/of/me"]);
  await clients.publish(["-t", "sum/of/me", "-m", "3"]);
  const { code, stdout } = await request.ended();
  assertEquals([code, stdout], [0, "3\n"]);
});
