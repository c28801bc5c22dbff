/** Parts of the command line that are looked at alone. @module */

import { assert, assertEquals, assertStringIncludes, assertThrows } from "@std/assert";
import { parseCommandLine, parseDefaults } from "../../client/cli/command_line.ts";
import { type Command, type Config, defaultConfig } from "../../client/cli/config.ts";
import { UsageError } from "../../client/cli/exit.ts";
import { FLAG_GROUPS } from "../../client/cli/flags.ts";
import { commandHelp, generalHelp } from "../../client/cli/help.ts";
import { Histogram } from "../../client/cli/histogram.ts";
import { readLines } from "../../client/cli/input.ts";
import { compactJson, parseJson, prettyJson } from "../../client/cli/json_text.ts";
import { urlOf } from "../../client/cli/open.ts";
import { drawn } from "../../client/cli/progress.ts";
import { field } from "../../engine/strftime.ts";
import { hasProgram } from "../support/mosquitto.ts";
import { runProcess } from "../support/process.ts";
import { random } from "../support/random.ts";

/** What arguments ask for. */
function configOf(command: Command, args: string[], defaults?: string): Config {
  const request = parseCommandLine(command, args, parseDefaults(defaults ?? ""));
  return request.kind === "run" ? request.config : defaultConfig(command);
}

Deno.test("cli: each command's help tells of all its flags, and each flag is there once", () => {
  for (const command of ["pub", "sub", "request", "bench"] as const) {
    const help = commandHelp(command);
    const names = FLAG_GROUPS.flatMap(({ flags }) => flags).filter(({ commands }) => commands.includes(command));
    for (const flag of names.filter(({ help }) => help !== "")) {
      for (const name of flag.names) assertStringIncludes(help, name);
    }
    const all = names.flatMap(({ names }) => names);
    assertEquals(all.length, new Set(all).size);
    assertStringIncludes(generalHelp(), command);
    assert(help.split("\n").every((line) => line.length <= 120));
  }
});

Deno.test("cli: a file of defaults is read before the arguments", () => {
  const config = configOf("sub", ["-t", "b", "-q", "1"], "# defaults\n-t a\r\n-q 2\n--id my client\n-v\n\n-c\n");
  assertEquals(config.filters, ["a", "b"]);
  assertEquals([config.qos, config.id, config.verbose, config.cleanSession], [1, "my client", true, false]);
  assertThrows(() => configOf("sub", ["-t", "b"], "--nonsense\n"), UsageError, "--nonsense");
});

Deno.test("cli: where the server is", () => {
  const urls: readonly (readonly [string, string])[] = [
    ["-t a", "mqtt://localhost"],
    ["-t a -h ::1 -p 1884", "mqtt://[::1]:1884"],
    ["-t a -p 8883", "mqtts://localhost:8883"],
    ["-t a --cafile x", "mqtts://localhost"],
    ["-t a --tls-use-os-certs -h h", "mqtts://h"],
    ["-L mqtt://h/a/b", "mqtt://h"],
    ["-L mqtts://u:p@h:99/a", "mqtts://h:99"],
    ["-L mqtt://[::1]:99/a", "mqtt://[::1]:99"],
    ["-L ws://h:80/path?x=1 -t a", "ws://h/path?x=1"],
    ["-L wss://h -t a", "wss://h/"],
    ["-L ws://h -t a --cafile x", "wss://h/"],
    ["-t a --unix /run/a.sock", "mqtt+unix:///run/a.sock"],
  ];
  for (const [args, url] of urls) assertEquals(urlOf(configOf("sub", args.split(" "))).href, url, args);
  const config = configOf("sub", ["-L", "mqtt://user:se%20cret@h/a/+/#"]);
  assertEquals([config.username, config.password, config.filters], ["user", "se%20cret", ["a/+/#"]]);
});

Deno.test("cli: properties in all their forms", () => {
  const { properties, version } = configOf(
    "pub",
    [
      ...["-t", "a", "-m", "x", "-D", "publish", "user-property", "a", "b", "-D", "PUBLISH", "user-property", "a", "c"],
      ...["-D", "publish", "correlation-data", "cd", "-D", "connect", "receive-maximum", "7"],
      ...["-D", "will", "will-delay-interval", "5", "--property", "disconnect", "session-expiry-interval", "9"],
      ...["-D", "connect", "authentication-method", "m", "-D", "connect", "authentication-data", "d"],
      ...["-D", "subscribe", "subscription-identifier", "3"],
    ],
  );
  assertEquals(version, 5);
  assertEquals(properties, {
    connect: { receiveMaximum: 7, authenticationMethod: "m", authenticationData: new Uint8Array([100]) },
    publish: { userProperties: [["a", "b"], ["a", "c"]], correlationData: new Uint8Array([99, 100]) },
    subscribe: { subscriptionIdentifiers: [3] },
    unsubscribe: {},
    disconnect: { sessionExpiryInterval: 9 },
    will: { willDelayInterval: 5 },
  });
});

Deno.test({
  name: "cli: dates as the system prints them",
  ignore: !hasProgram("date"),
  async fn() {
    const next = random(7);
    const letters = [..."aAbBcCdDeFgGhHIjklmMnpPrRsStTuUVwWxXyYz"];
    const edges = ["2024-12-30", "2021-01-03", "2023-01-01", "2020-12-31", "2000-02-29", "1999-12-31"];
    const dates = [
      ...edges.map((text) => new Date(`${text}T12:34:56`)),
      ...Array.from({ length: 10 }, () => new Date(next() * 4e12)),
    ];
    for (const date of dates) {
      const format = letters.map((letter) => `%${letter}`).join("|");
      const args = ["-d", `@${Math.floor(date.getTime() / 1_000)}`, `+${format}`];
      const { stdout } = await runProcess("date", args, { env: { LC_ALL: "C" } });
      assertEquals(letters.map((letter) => field(date, letter)).join("|"), stdout.replace(/\n$/, ""));
    }
  },
});

Deno.test("cli: JSON keeps the order of keys, and those that stand there twice", () => {
  const text =
    '{"b": 1, "1": [2, {"x": {}}, []], "b": "\\u00e9", "n": -1.50e2, "big": 12345678901234567890, "t": true}';
  const json = parseJson(text);
  assertEquals(
    compactJson(json),
    '{"b":1,"1":[2,{"x":{}},[]],"b":"\u00e9","n":-150,"big":12345678901234567890,"t":true}',
  );
  assertEquals(prettyJson(parseJson('{"a": [1, {"b": null}]}')), '{\n\t"a":\t[1, {\n\t\t\t"b":\tnull\n\t\t}]\n}');
  for (const wrong of ["", "{", "[1,]", "{} {}", "tru"]) assertThrows(() => parseJson(wrong), SyntaxError);
});

Deno.test("cli: lines come whole, however they are cut", async () => {
  const text = "one\n\ntwo\r\n\u00e9nd\nlast";
  const bytes = new TextEncoder().encode(text);
  for (const size of [1, 2, 3, 5, 100]) {
    const chunks = Array.from(
      { length: Math.ceil(bytes.length / size) },
      (_, i) => bytes.slice(i * size, (i + 1) * size),
    );
    const lines = await Array.fromAsync(readLines(ReadableStream.from(chunks)));
    assertEquals(lines.map((line) => new TextDecoder().decode(line)), text.split("\n"));
  }
  assertEquals(await Array.fromAsync(readLines(ReadableStream.from([]))), []);
});

Deno.test("cli: percentiles are right within one percent", () => {
  const histogram = new Histogram();
  assertEquals([histogram.percentile(50), histogram.maximum, histogram.count], [0, 0, 0]);
  for (let i = 1; i <= 10_000; i++) histogram.add(i / 10);
  for (const percent of [1, 50, 90, 99, 99.9]) {
    const error = Math.abs(histogram.percentile(percent) / (percent * 10) - 1);
    assert(error < 0.011, `${percent}: ${histogram.percentile(percent)}`);
  }
  assertEquals([histogram.percentile(100), histogram.maximum, histogram.count], [1_000, 1_000, 10_000]);
});

Deno.test("cli: a progress bar stays within its bounds", () => {
  assertEquals(drawn({ share: 0.5, text: "x" }), `[${"#".repeat(15)}${" ".repeat(15)}]  50 %  x`);
  assertEquals(drawn({ share: -1, text: "" }), `[${" ".repeat(30)}]   0 %  `);
  assertEquals(drawn({ share: 7, text: "" }), `[${"#".repeat(30)}] 100 %  `);
});
