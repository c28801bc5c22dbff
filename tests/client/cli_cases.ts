/**
 * Command lines that Mosquitto's tools and ours must treat alike.
 *
 * @module
 */

/** What is compared. Standard output, standard error and exit codes, unless said otherwise. */
export interface Case {
  readonly name: string;
  /** One after the other. The first argument is the command; `P/` begins topics and client identifiers of this case. */
  readonly lines: readonly (readonly string[])[];
  /** Standard input of the lines that read it. */
  readonly stdin?: string;
  /** Standard output is not compared where Mosquitto's tools print their own help. */
  readonly ignoreStdout?: boolean;
  /** The server: one that lets everybody in (default), a port that nobody listens at, or one that lets nobody in. */
  readonly server?: "open" | "absent" | "refusing";
}

const $ = (line: string): string[] =>
  [...line.matchAll(/'([^']*)'|(\S+)/g)].map(([, quoted, plain]) => quoted ?? plain ?? "");

/** A message that is kept, and then printed in a format. */
const format = (text: string, more = ""): Case => ({
  name: `-F ${text} ${more}`,
  lines: [
    $(
      `pub -t P/1 -r -q 1 -V 5 -m 'h\u00e9llo "w"\tx' -D publish content-type text/x -D publish user-property a b ` +
        "-D publish user-property a c -D publish response-topic re/s -D publish correlation-data cd " +
        "-D publish payload-format-indicator 1",
    ),
    [...$(`sub -t P/1 -C 1 -q 1 ${more}`), "-F", text],
  ],
});

/** The same with a JSON payload, and without properties. */
const json = (payload: string, ...more: string[]): Case => ({
  name: `JSON ${payload} ${more.join(" ")}`,
  lines: [["pub", "-t", "P/1", "-r", "-m", payload], ["sub", "-t", "P/1", "-C", "1", ...more]],
});

/** Command lines that do not get as far as a connection. */
const misuse = (line: string, ignoreStdout = false): Case => ({ name: line, lines: [$(line)], ignoreStdout });

/** A session that gathers what is published, and is then looked at. */
const gathered = (name: string, count: number, lines: string[], stdin?: string): Case => ({
  name,
  stdin,
  lines: [
    $("sub -c -i P/probe -q 2 -t P/# -E"),
    ...lines.map($),
    $(`sub -c -i P/probe -q 2 -t P/# -C ${count} -F '%t|%q|%r|%p'`),
  ],
});

/** All of them. */
export const CASES: readonly Case[] = [
  gathered("pub -m", 1, ["pub -t P/a -m hello -q 1"]),
  gathered("pub -m at QoS 2", 1, ["pub -t P/a -m hello -q 2"]),
  gathered("pub -A", 1, ["pub -A 127.0.0.1 -t P/a -m hello -q 1"]),
  gathered("pub with MQTT 3.1", 1, ["pub -V 31 -t P/a -m hello -q 2"]),
  gathered("pub with MQTT 5", 1, ["pub -V mqttv5 -t P/a -m hello -q 2"]),
  gathered("pub --topic --message --qos", 1, ["pub --topic P/a --message hello --qos 1"]),
  gathered("pub -r", 1, ["pub -t P/a -m hello -q 1 -r"]),
  gathered("pub -n", 1, ["pub -t P/a -n -q 1"]),
  gathered("pub -m ''", 1, ["pub -t P/a -m '' -q 1"]),
  gathered("pub -f", 1, ["pub -t P/a -f LICENSE -q 1"]),
  gathered("pub -s", 1, ["pub -t P/a -s -q 1"], "all\nof\nit\n"),
  gathered("pub -l", 4, ["pub -t P/a -l -q 1"], "one\n\ntwo\r\nthree"),
  gathered("pub -l at QoS 2", 3, ["pub -t P/a -l -q 2"], "one\ntwo\nthree\n"),
  gathered("pub -l -M 1", 3, ["pub -t P/a -l -q 1 -M 1"], "one\ntwo\nthree\n"),
  gathered("pub --repeat", 3, ["pub -t P/a -m hello -q 1 --repeat 3"]),
  gathered("pub --repeat --repeat-delay", 2, ["pub -t P/a -m hello -q 1 --repeat 2 --repeat-delay 0.01"]),
  gathered("pub -l of nothing", 1, ["pub -t P/a -l -q 1", "pub -t P/b -m end -q 1"], ""),
  { name: "pub -s of nothing", lines: [$("pub -t P/a -s")], stdin: "" },
  { name: "pub -f of no file", lines: [$("pub -t P/a -f /nosuch")] },
  { name: "pub -d", lines: [$("pub -t P/a -m hello -d")] },
  { name: "pub -d at QoS 1", lines: [$("pub -t P/a -m hello -d -q 1")] },
  { name: "pub -d at QoS 2 with MQTT 5", lines: [$("pub -t P/a -m hello -d -q 2 -V 5 -i P/me")] },
  { name: "pub -d at QoS 2 with MQTT 3.1", lines: [$("pub -t P/a -m hello -d -q 2 -V 31 -i me")] },
  { name: "pub -d without subscribers with MQTT 5", lines: [$("pub -t P/a -m hello -d -q 1 -V 5")] },
  { name: "pub -I", lines: [$("pub -t P/a -m hello -d -I prefix-")] },
  { name: "sub -E -d", lines: [$("sub -t P/a -E -d")] },
  { name: "sub -E -d of several", lines: [$("sub -t P/a -t P/b/# -E -d -q 1 -V 5")] },
  { name: "sub -E -d with options", lines: [$("sub -t P/a -E -d -q 2 -V 5 -R --retain-as-published")] },
  { name: "sub -v", lines: [$("pub -t P/a -m x -r"), $("pub -t P/b -m y -r"), $("sub -t P/a -t P/b -C 2 -v")] },
  { name: "sub -N", lines: [$("pub -t P/a -m x -r"), $("pub -t P/b -m y -r"), $("sub -t P/# -C 2 -N")] },
  { name: "sub -T", lines: [$("pub -t P/a -m x -r"), $("pub -t P/b -m y -r"), $("sub -t P/# -C 1 -v -T P/a")] },
  { name: "sub -R", lines: [$("pub -t P/a -m x -r"), $("sub -t P/# -W 1 -R")] },
  { name: "sub -R with MQTT 5", lines: [$("pub -t P/a -m x -r"), $("sub -t P/# -W 1 -R -V 5")] },
  { name: "sub -W", lines: [$("sub -t P/a -W 1")] },
  { name: "sub -W --quiet", lines: [$("sub -t P/a -W 1 --quiet")] },
  {
    name: "sub --retained-only",
    lines: [
      $("sub -c -i P/s -q 1 -t P/+ -E"),
      $("pub -t P/b -q 1 -m fresh"),
      $("sub -c -i P/s -q 1 -t P/+ --retained-only"),
    ],
  },
  {
    name: "sub --remove-retained",
    lines: [
      $("pub -t P/a -m x -r"),
      $("sub -t P/# -W 1 --remove-retained"),
      $("sub -t P/# -W 1"),
    ],
  },
  {
    name: "sub --remove-retained -T",
    lines: [
      $("pub -t P/a -m x -r"),
      $("pub -t P/b -m y -r"),
      $("sub -t P/# -W 1 --remove-retained -T P/a"),
      $("sub -t P/# -C 1"),
    ],
  },
  {
    name: "sub -c -x with MQTT 5",
    lines: [
      $("sub -c -i P/s -q 1 -t P/+ -E -V 5 -x 100"),
      $("pub -t P/1 -q 1 -m one"),
      $("sub -c -i P/s -q 1 -t P/+ -C 1 -V 5 -x 0"),
    ],
  },
  {
    name: "sub -U",
    lines: [
      $("sub -c -i P/s -q 1 -t P/a -t P/b -E"),
      $("sub -c -i P/s -q 1 -t P/c -U P/b -E"),
      $("pub -t P/b -q 1 -m no"),
      $("pub -t P/a -q 1 -m yes"),
      $("sub -c -i P/s -q 1 -t P/a -C 1"),
    ],
  },
  {
    name: "sub -U with user properties",
    lines: [
      $("sub -c -i P/s -q 1 -t P/a -t P/b -E -V 5 -x 100"),
      $("sub -c -i P/s -q 1 -t P/c -U P/b -E -V 5 -x 100 -D unsubscribe user-property a b"),
      $("pub -t P/b -q 1 -m no"),
      $("pub -t P/a -q 1 -m yes"),
      $("sub -c -i P/s -q 1 -t P/a -C 1 -V 5 -x 0"),
    ],
  },
  {
    name: "sub prints empty messages with -v only",
    lines: [
      $("sub -c -i P/s -q 1 -t P/+ -E"),
      $("pub -t P/1 -q 1 -n"),
      $("pub -t P/1 -q 1 -m x"),
      $("pub -t P/1 -q 1 -n"),
      $("sub -c -i P/s -q 1 -t P/+ -C 3"),
    ],
  },
  { name: "sub to a shared subscription", lines: [$("sub -t $share/g/P/# -E -d")] },
  {
    name: "-L",
    lines: [["pub", "-L", "mqtt://HOST:PORT/P/a", "-m", "x", "-r"], ["sub", "-L", "mqtt://HOST:PORT/P/a", "-C", "1"]],
  },
  { name: "-L with credentials", lines: [["pub", "-L", "mqtt://u:p@HOST:PORT/P/a", "-m", "x", "-d"]] },
  {
    name: "-L and -t",
    lines: [["pub", "-t", "P/b", "-m", "y", "-r"], ["sub", "-L", "mqtt://HOST:PORT/P/a", "-t", "P/b", "-C", "1", "-v"]],
  },
  format("%t"),
  format("%p"),
  format("[%10t][%-10t][%3.2t][%.2t][%.0t]", "-V 5"),
  format("[%10p][%-10p][%010p][%3p][%20p][%-20p]"),
  format("[%x][%X][%6x][%06x][%-8x]"),
  format("[%l][%05l][%5l][%-5l][%-05l]"),
  format("[%m][%q][%r][%3m]"),
  format("[%C][%10C][%-10C][%.2C][%D][%F][%03F][%P][%R][%12R][%-12R]", "-V 5"),
  format("[%C][%10C][%D][%F][%03F][%P][%R][%12R][%E][%4E]"),
  format("[%S][%5S][%A][%5A][%05A]", "-V 5"),
  format("[%S][%5S][%05S]", "-D subscribe subscription-identifier 42"),
  format("x\\n\\t\\\\y\\e\\a\\v\\r\\0z"),
  format("%%@@ 100%% \u00e9\u20ac"),
  format("%.3p|%.1x|%05t|%0t"),
  format("@a @A @b @B @C @d @D @e @F @g @G @h @j @m @u @U @V @w @W @x @y @Y @z @n@t@E@f@q@i@+"),
  format("%t", "-N"),
  format("%t", "-v"),
  format("%j", "-V 5"),
  format("%j"),
  format("%J"),
  format("%j", "-V 5 --pretty"),
  format("%j", "-D subscribe subscription-identifier 42"),
  json('{"a": 1.50, "b":[1,2e3,null,true, {"c":{}}, []], "s":"\\u00e9\\n/"}', "-F", "%J"),
  json('{"b":1, "1":2, "b":3}', "-F", "%J"),
  json('{"a": {"b": [1, {"c": 2}]}, "d": []}', "-F", "%J", "--pretty"),
  json("42", "-F", "%J"),
  json('"text"', "-F", "%j"),
  json("not json", "-F", "%J"),
  json("not json", "-F", "%J", "--quiet"),
  ...["-F %j", "-F %J", "-F '[%p][%x][%l][%5p]'", "-v"].map((style) => ({
    name: `empty message ${style}`,
    lines: [
      $("sub -c -i P/s -q 1 -t P/+ -E"),
      $("pub -t P/1 -q 1 -n"),
      $(`sub -c -i P/s -q 1 -t P/+ -C 1 ${style}`),
    ],
  })),
  { name: "rr -W", lines: [$("request -t P/a -e P/b -m x -W 1")] },
  {
    name: "rr gets what is on the response topic",
    lines: [$("pub -t P/b -r -m answer"), $("request -t P/a -e P/b -m x -v")],
  },
  {
    name: "rr -F",
    lines: [$("pub -t P/b -r -m answer"), $("request -t P/a -e P/b -m x -F '%t %p %r'")],
  },
  {
    name: "rr -V 311 -s",
    lines: [$("pub -t P/b -r -m answer"), $("request -t P/a -e P/b -s -V 311")],
    stdin: "question",
  },
  {
    name: "rr publishes",
    lines: [
      $("sub -c -i P/s -q 1 -t P/a -E -V 5"),
      $("pub -t P/b -r -m answer"),
      $("request -t P/a -e P/b -m question -q 1 -D publish user-property a b"),
      $("sub -c -i P/s -q 1 -t P/a -C 1 -V 5 -F '%p %R %P'"),
    ],
  },
  { name: "pub to nobody", lines: [$("pub -t a -m x")], server: "absent" },
  { name: "pub -l to nobody", lines: [$("pub -t a -l")], server: "absent", stdin: "x\n" },
  { name: "sub to nobody", lines: [$("sub -t a")], server: "absent" },
  { name: "sub to nobody --quiet", lines: [$("sub -t a --quiet")], server: "absent" },
  { name: "rr to nobody", lines: [$("request -t a -e b -m x")], server: "absent" },
  ...["31", "311", "5"].flatMap((version) => [
    { name: `pub refused with ${version}`, lines: [$(`pub -t a -m x -V ${version}`)], server: "refusing" as const },
    { name: `sub refused with ${version}`, lines: [$(`sub -t a -V ${version}`)], server: "refusing" as const },
  ]),
  { name: "pub refused --quiet", lines: [$("pub -t a -m x --quiet")], server: "refusing" },
  { name: "pub -d refused", lines: [$("pub -t a -m x -d")], server: "refusing" },
  { name: "rr refused", lines: [$("request -t a -e b -m x")], server: "refusing" },
  misuse("pub -t a", true),
  misuse("pub -m a", true),
  misuse("pub -t a/# -m a"),
  misuse("pub -t a/+/b -m a"),
  misuse("pub --foo"),
  misuse("pub foo"),
  ...["-t", "-m", "-f", "-q", "-i", "-I", "-h", "-p", "-u", "-P", "-k", "-L", "-V", "-M", "-x", "-D", "--repeat"]
    .map((flag) => misuse(`pub ${flag}`)),
  ...["--repeat-delay", "--cafile", "--capath", "--cert", "--key", "--tls-version", "--tls-alpn", "--unix"]
    .map((flag) => misuse(`pub ${flag}`)),
  ...["--will-topic", "--will-payload", "--will-qos", "--topic", "--message", "--qos", "--host", "--port"]
    .map((flag) => misuse(`pub ${flag}`)),
  ...["-C", "-W", "-F", "-T", "-U", "--random-filter", "-t"].map((flag) => misuse(`sub ${flag}`)),
  misuse("request -e"),
  misuse("pub -t a -m y -q 3"),
  misuse("pub -t a -m y -q -1"),
  misuse("pub -t a -m y -n"),
  misuse("pub -t a -l -s"),
  misuse("pub -t a -m y -p 70000"),
  misuse("pub -t a -m y -k 4"),
  misuse("pub -t a -m y -V 4"),
  misuse("pub -t a -m y -M 0"),
  misuse("pub -t a -m y -x foo"),
  misuse("pub -t a -m y -x -2"),
  misuse("pub -t a -m y --repeat 0"),
  misuse("pub -t a -m y --repeat-delay -1"),
  misuse("pub -t a -m y -i a -I b"),
  misuse("pub -t a -m y -I a -i b"),
  misuse("pub -t a -m y -c"),
  misuse("pub -t a -m y -x -1 -V 5"),
  misuse("pub -t a -m y -c -V 5"),
  misuse("pub -t a -m y -P secret"),
  misuse("pub -t a -m y --will-payload x"),
  misuse("pub -t a -m y --will-retain"),
  misuse("pub -t a -m y --will-topic a/# "),
  misuse("pub -t a -m y --will-topic a --will-qos 3"),
  misuse("pub -t a -m y --cert LICENSE"),
  misuse("pub -t a -m y --key LICENSE"),
  misuse("pub -t a -m y --cafile /nosuch"),
  misuse("pub -L http://h/t -m x"),
  misuse("pub -L mqtt://h -m x"),
  misuse("pub -L mqtt://h/# -m x"),
  ...["-C 1", "-E", "-F %p", "-N", "-R", "-T a", "-U a", "-v", "-W 1", "-e a", "--pretty", "--retained-only"]
    .map((flag) => misuse(`pub -t a -m x ${flag}`)),
  ...["-m x", "-f x", "-l", "-n", "-s", "-r", "-e a", "--repeat 2"].map((flag) => misuse(`sub -t a ${flag}`)),
  ...["-C 1", "-l", "-r", "-T a", "-E", "--retained-only"].map((flag) => misuse(`request -t a -e b -m x ${flag}`)),
  misuse("sub"),
  misuse("sub -t a#"),
  misuse("sub -t a -T b#"),
  misuse("sub -t a -U b#"),
  misuse("sub -t a -R --retained-only"),
  misuse("sub -t a -C 0"),
  misuse("sub -t a -W 0"),
  misuse("sub -t a --random-filter 0"),
  ...["%z", "%", "%5", "%-", "%5.", "%5.2", "%0-5l", "%c", "@", "\\", "\\z", "a%"]
    .map((text) => ({ name: `sub -F ${text}`, lines: [["sub", "-t", "a", "-F", text]] })),
  misuse("request -t a -e b", true),
  misuse("request -t a -e b/# -m x"),
  misuse("pub -t a -m x -D publish"),
  misuse("pub -t a -m x -D publish foo 1"),
  misuse("pub -t a -m x -D publish user-property a"),
  misuse("pub -t a -m x -D foo user-property a b"),
  misuse("pub -t a -m x -D puback user-property a b"),
  misuse("pub -t a -m x -D publish will-delay-interval 3"),
  misuse("pub -t a -m x -D connect content-type 3"),
  misuse("pub -t a -m x -D publish payload-format-indicator 300"),
  misuse("pub -t a -m x -D publish message-expiry-interval -5"),
  misuse("pub -t a -m x -D publish message-expiry-interval 4294967296"),
  misuse("pub -t a -m x -D publish topic-alias 70000"),
  misuse("pub -t a -m x -D publish content-type a -D publish content-type b"),
  misuse("pub -t a -m x -D will content-type a -D will content-type b"),
  misuse("pub -t a -m x -D connect receive-maximum 0"),
  misuse("pub -t a -m x -D connect maximum-packet-size 0"),
];

/** Where ours differ on purpose, and what ours print. */
export const DIFFERENCES: readonly {
  readonly case: Case;
  readonly last: { code: number; stdout: string; stderr: string[] };
}[] = [
  {
    // Theirs end without acknowledging the last message, and print it again the next time.
    case: {
      name: "what was printed is acknowledged",
      lines: [
        $("sub -c -i P/s -q 2 -t P/+ -E"),
        $("pub -t P/1 -q 1 -m one"),
        $("pub -t P/2 -q 2 -m two"),
        $("pub -t P/3 -q 1 -m three"),
        $("sub -c -i P/s -q 2 -t P/+ -C 1"),
        $("sub -c -i P/s -q 2 -t P/+ -C 2"),
      ],
    },
    last: { code: 0, stdout: "two\nthree\n", stderr: [] },
  },
  {
    // Theirs print half of the payload.
    case: { name: "width of %x", lines: [$("pub -t P/1 -r -m abcd"), $("sub -t P/1 -C 1 -F '[%10x][%-10X][%010x]'")] },
    last: { code: 0, stdout: "[  61626364][61626364  ][0061626364]\n", stderr: [] },
  },
  {
    // Theirs stop at the first null character.
    case: { name: "null character in %j", lines: [$("pub -t P/1 -r -s"), $("sub -t P/1 -C 1 -F %j")], stdin: "a\0b" },
    last: {
      code: 0,
      stdout: '{"tst":"TIME","topic":"P/1","qos":0,"retain":1,"payloadlen":3,"payload":"a\\u0000b"}\n',
      stderr: [],
    },
  },
  {
    // Theirs do not know it.
    case: {
      name: "--properties",
      lines: [
        $("pub -t P/1 -r -m x -D publish content-type text/x -D publish user-property a b"),
        $("sub -t P/1 -C 1 --properties -v"),
      ],
    },
    last: { code: 0, stdout: 'content-type: "text/x"\nuser-properties: {"a":"b"}\nP/1 x\n', stderr: [] },
  },
  {
    // Theirs take what is no number for 0.
    case: misuse("pub -t P/1 -m x -q one"),
    last: { code: 1, stdout: "", stderr: ["Error: Invalid QoS given: one"] },
  },
  {
    // Theirs take up to 1000.
    case: misuse("sub -t P/1 --random-filter 101"),
    last: { code: 1, stdout: "", stderr: ["Error: --random-filter chance must be between 0.1-100.0"] },
  },
  {
    // Deno cannot.
    case: misuse("pub -t P/1 -m x --proxy socks5h://host"),
    last: { code: 1, stdout: "", stderr: ["Error: --proxy is not supported."] },
  },
];
