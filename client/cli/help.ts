/**
 * What `--help` prints.
 *
 * @module
 */

import type { Command } from "./config.ts";
import type { Flag } from "./flag.ts";
import { FLAG_GROUPS } from "./flags.ts";

const SUMMARIES: Readonly<Record<Command, readonly [usage: string, summary: string]>> = {
  pub: ["-t TOPIC {-m TEXT | -f FILE | -l | -s | -n}", "publish messages"],
  sub: ["-t FILTER [-t FILTER ...]", "subscribe, and print the messages that come"],
  request: ["-t TOPIC {-m TEXT | -f FILE | -s | -n} [-e TOPIC]", "publish a request, and print the response"],
  bench: ["[-t TOPIC]", "measure messages per second and their latency"],
};

const TEMPLATE_HELP = `
Format (-F), in which width and precision may stand after the %, as in %-10.5t:
  %t topic   %p payload   %x %X payload in hexadecimal   %l its length   %q QoS   %r retain flag   %m packet identifier
  %j JSON   %J JSON with a payload that is JSON itself   %I date and time   %U seconds since 1970   %% a percent sign
  MQTT 5: %A topic alias   %C content type   %D correlation data   %E message expiry interval
          %F payload format indicator   %P user properties   %R response topic   %S subscription identifier
  @x what strftime makes of %x, e.g. @Y-@m-@d @H:@M:@S   @N nanoseconds   @@ an at sign
  \\n \\r \\t \\v \\a \\e \\0 \\\\ control characters, and a backslash
`;

const COLUMN = 30;
const WIDTH = 100;

/** All commands. */
export function generalHelp(): string {
  const lines = Object.entries(SUMMARIES).map(([command, [, summary]]) => `  ${command.padEnd(10)}${summary}`);
  return [
    "An MQTT 3.1, 3.1.1 and 5.0 client.",
    "",
    "Usage: deno run -A jsr:@x/mqtt/client COMMAND [options]",
    "",
    ...lines,
    "",
    "COMMAND --help tells of the options. They are those of mosquitto_pub, mosquitto_sub and mosquitto_rr. Files of",
    "these names in $XDG_CONFIG_HOME, or ~/.config, give defaults: on each line an option and its value.",
    "",
  ].join("\n");
}

/** One command. */
export function commandHelp(command: Command): string {
  const [usage, summary] = SUMMARIES[command];
  const groups = FLAG_GROUPS.flatMap(({ title, flags }) => {
    const known = flags.filter(({ commands, help }) => commands.includes(command) && help !== "");
    return ["", `${title}:`, ...known.map(flagHelp)];
  });
  return [
    `${summary[0]?.toUpperCase()}${summary.slice(1)}.`,
    "",
    `Usage: deno run -A jsr:@x/mqtt/client ${command} ${usage} [options]`,
    ...groups,
    `${"      --help".padEnd(COLUMN)}show this text`,
    `${"      --version".padEnd(COLUMN)}show the version`,
    command === "sub" || command === "request" ? TEMPLATE_HELP : "",
  ].join("\n");
}

function flagHelp({ names, help, action }: Flag): string {
  const sorted = [...names].sort((a, b) => a.length - b.length);
  const first = sorted[0]?.startsWith("--") ? "    " : "";
  const placeholder = action.kind === "switch" ? "" : ` ${action.placeholder}`;
  const left = `  ${first}${sorted.join(", ")}${placeholder}`;
  const lines = wrapped(help, WIDTH - COLUMN);
  if (left.length >= COLUMN) lines.unshift("");
  return lines.map((line, index) => (index === 0 ? left : "").padEnd(COLUMN) + line).join("\n").trimEnd();
}

function wrapped(text: string, width: number): string[] {
  const lines: string[] = [];
  let line = "";
  for (const word of text.split(" ")) {
    if (line !== "" && line.length + 1 + word.length > width) {
      lines.push(line);
      line = word;
    } else line = line === "" ? word : `${line} ${word}`;
  }
  return [...lines, line];
}
