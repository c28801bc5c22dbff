/**
 * The flags that say what to publish, what to subscribe to and how to print it, and those of `bench`.
 *
 * @module
 */

import type { Config, MessageSource } from "./config.ts";
import { UsageError } from "./exit.ts";
import { ALL, type Flag, qosOf, toggle, valued, wholeNumber } from "./flag.ts";
import { compileTemplate } from "./template.ts";
import { applyTopic, checkedFilter, checkedName } from "./topic_argument.ts";

/** In the order of `--help`. */
export const PUBLISH_FLAGS: readonly Flag[] = [
  valued("-t --topic", "TOPIC", ALL, "topic, for sub a topic filter; sub takes several", (config, value) => {
    applyTopic(config, value, "-t");
  }),
  valued("-q --qos", "QOS|QoS", ALL, "quality of service 0, 1 or 2; default 0", (config, value) => {
    config.qos = qosOf(value, "Error: Invalid QoS given: %");
  }),
  valued("-m --message", "TEXT|message", ["pub", "request"], "message to publish", (config, text) => {
    setMessage(config, { kind: "text", text });
  }),
  valued("-f --file", "FILE|file", ["pub", "request"], "publish what a file holds", (config, path) => {
    setMessage(config, { kind: "file", path });
  }),
  toggle("-n --null-message", ["pub", "request"], "publish an empty message", (config) => {
    setMessage(config, { kind: "empty" });
  }),
  toggle("-s --stdin-file", ["pub", "request"], "publish all of standard input as one message", (config) => {
    setMessage(config, { kind: "stdin" });
  }),
  toggle("-l --stdin-line", ["pub"], "publish each line of standard input", (config) => {
    setMessage(config, { kind: "lines" });
  }),
  toggle("-r --retain", ["pub", "bench"], "the server keeps the message for later subscribers", (config) => {
    config.retain = true;
  }),
  valued("--repeat", "COUNT", ["pub"], "publish so many times", (config, value) => {
    config.repeat = wholeNumber(value, 1, 2_147_483_647, "Error: --repeat argument must be >0.\n");
  }),
  valued("--repeat-delay", "SECONDS|time", ["pub"], "wait so long between", (config, value) => {
    const seconds = value.trim() === "" ? NaN : Number(value);
    if (!(seconds >= 0 && seconds < 1e6)) {
      throw new UsageError("Error: --repeat-delay argument must be >=0.0.\n");
    }
    config.repeatDelay = seconds * 1_000;
  }),
  valued("-M", "COUNT|max_inflight", ALL, "messages of QoS 1 and 2 under way at once; default 20", (config, value) => {
    const message = "Error: Maximum inflight messages must be greater than 0.\n";
    config.maximumInFlight = wholeNumber(value, 1, 2_147_483_647, message);
  }),
  valued("-e", "TOPIC|response topic", ["request"], "topic of the response; default: one made up", (config, value) => {
    config.responseTopic = checkedName(value, "response");
  }),
];

/** In the order of `--help`. */
export const SUBSCRIBE_FLAGS: readonly Flag[] = [
  valued(
    "-T --filter-out",
    "FILTER|topic filter",
    ["sub"],
    "print no messages of these topics; several",
    (config, value) => {
      config.filtersOut.push(checkedFilter(value, "filter"));
    },
  ),
  valued("-U --unsubscribe", "FILTER|unsubscribe topic", ["sub"], "unsubscribe; several", (config, value) => {
    config.unsubscribe.push(checkedFilter(value, "unsubscribe"));
  }),
  valued("-C", "COUNT", ["sub"], "end after so many messages", (config, value) => {
    config.messageCount = wholeNumber(value, 1, 2_147_483_647, 'Error: Invalid message count "%".\n');
  }),
  valued("-W", "SECONDS|timeout", ["sub", "request"], "end after so much time, with exit code 27", (config, value) => {
    config.timeout = wholeNumber(value, 1, 2_147_483, 'Error: Invalid timeout "%".\n');
  }),
  toggle("-E", ["sub"], "end when the server has answered to the subscriptions", (config) => {
    config.exitAfterSubscribe = true;
  }),
  toggle("-R", ["sub", "request"], "print no retained messages", (config) => {
    config.noRetained = true;
    config.retainHandling = 2;
  }),
  toggle("--retained-only", ["sub"], "print retained messages, and end with the first other one", (config) => {
    config.retainedOnly = true;
  }),
  toggle("--remove-retained", ["sub"], "clear the retained messages that come", (config) => {
    config.removeRetained = true;
  }),
  toggle("--retain-as-published", ["sub", "request"], "keep the retain flag as it was published (MQTT 5)", (config) => {
    config.retainAsPublished = true;
  }),
  valued(
    "--retain-handling",
    "MODE",
    ["sub"],
    "retained messages: 0 always, 1 if new, 2 never (MQTT 5)",
    (config, value) => {
      config.retainHandling = qosOf(value, "Error: Invalid retain handling given: %");
    },
  ),
  valued("--random-filter", "PERCENT|chance", ["sub"], "print so many of the messages, 0.1 to 100", (config, value) => {
    const percent = value.trim() === "" ? NaN : Number(value);
    if (!(percent >= 0.1 && percent <= 100)) {
      throw new UsageError("Error: --random-filter chance must be between 0.1-100.0\n");
    }
    config.randomShare = percent / 100;
  }),
  toggle("-v --verbose", ["sub", "request"], "print the topic, too", (config) => {
    config.verbose = true;
  }),
  toggle(
    "--properties",
    ["sub", "request"],
    "print the properties of MQTT 5, a line each, before the message",
    (config) => {
      config.showProperties = true;
      config.version = 5;
    },
  ),
  valued("-F", "FORMAT", ["sub", "request"], "how to print a message, see below", (config, value) => {
    config.template = compileTemplate(value);
  }),
  toggle("-N", ["sub", "request"], "print no end of line after a message", (config) => {
    config.endOfLine = false;
  }),
  toggle("--pretty", ["sub", "request"], "%j and %J over several lines", (config) => {
    config.pretty = true;
  }),
];

/** In the order of `--help`. */
export const BENCH_FLAGS: readonly Flag[] = [
  benchNumber("--publishers", "publishing clients; default 1", 1, (bench, value) => bench.publishers = value),
  benchNumber("--subscribers", "subscribing clients; default 1", 0, (bench, value) => bench.subscribers = value),
  benchNumber("--size", "bytes of a payload, 16 or more; default 64", 16, (bench, value) => bench.size = value),
  benchNumber("--count", "messages of each publisher", 1, (bench, value) => bench.count = value),
  benchNumber("--seconds", "how long to publish; default 10 if --count is not given", 1, (bench, value) => {
    bench.seconds = value;
  }),
  benchNumber(
    "--window",
    "messages of each publisher under way; default 100",
    1,
    (bench, value) => bench.window = value,
  ),
  toggle("--json", ["bench"], "print the result as JSON", (config) => {
    config.bench.json = true;
  }),
];

function benchNumber(
  name: string,
  help: string,
  from: number,
  apply: (bench: Config["bench"], value: number) => void,
): Flag {
  return valued(name, "COUNT", ["bench"], help, (config, text) => {
    const value = wholeNumber(text, from, 1_000_000_000, `Error: Invalid ${name} given: %`);
    apply(config.bench, value);
  });
}

function setMessage(config: Config, message: MessageSource): void {
  if (config.message !== undefined) {
    throw new UsageError("Error: Only one type of message can be sent at once.\n");
  }
  config.message = message;
}
