/** The language of mosquitto.conf: lines, sections, included files, and what is said about mistakes. */

import { assert, assertEquals, assertMatch } from "@std/assert";
import { parse, problems, warnings } from "./sources.ts";

Deno.test("broker config: comments, empty lines, blanks and Windows line ends mean nothing", () => {
  const { options, listeners } = parse(
    "\uFEFF# a comment\r\n\r\n   \r\n  sys_interval   7  \r\nlistener 1884\r\n#listener 1885\r\nauto_id_prefix # not a comment\r\n",
  );
  assertEquals(options.sysInterval, 7);
  assertEquals(listeners.length, 1);
  assertEquals(listeners[0]?.policy.autoIdPrefix, "# not a comment");
});

Deno.test("broker config: a comment may stand behind a value of one word, as Mosquitto looks no further", () => {
  const { options, listeners, log, bridges } = parse(
    "sys_interval 7 # seconds\nlog_type error # only\nlog_dest stderr # here\nlistener 1884 # all\nallow_anonymous true\t#yes\n" +
      "max_connections 5 #few\nprotocol websockets # browsers\nauto_id_prefix a #b\n" +
      "connection c\naddress 127.0.0.1\ntopic x\ncleansession true # yes\nkeepalive_interval 5 # s\nremote_password p #x\n",
  );
  const [bridge] = bridges;
  assertEquals([bridge?.options.cleanSession, bridge?.options.keepAlive, bridge?.options.remotePassword], [
    true,
    5,
    "p #x",
  ]);
  assertEquals(options.sysInterval, 7);
  assertEquals([log.types, log.destinations], [["error"], [{ kind: "stderr" }]]);
  assertEquals(listeners[0]?.protocol, "websockets");
  assertEquals(listeners[0]?.policy.allowAnonymous, true);
  assertEquals([listeners[0]?.policy.maxConnections, listeners[0]?.policy.autoIdPrefix], [5, "a #b"]);
  assertEquals(problems("sys_interval 7 seconds\nallow_anonymous true#\nlog_dest file # none\n").length, 2);
});

Deno.test("broker config: an empty file listens on loopback alone and lets anyone in", () => {
  const { listeners, isLocalOnly, options } = parse("");
  assert(isLocalOnly);
  assertEquals(
    listeners.map(({ address, security }) => [address.kind === "tcp" && address.hostname, security.allowAnonymous]),
    [["127.0.0.1", true], ["::1", true]],
  );
  assertEquals([options.maxInflightMessages, options.receiveMaximum], [20, 20]);
});

Deno.test("broker config: with a listener nobody is anonymous unless the file says so", () => {
  assertEquals(parse("listener 1884").listeners[0]?.policy.allowAnonymous, false);
  assertEquals(parse("listener 1884\nallow_anonymous true").listeners[0]?.policy.allowAnonymous, true);
  assertEquals(parse("allow_anonymous false").listeners[0]?.policy.allowAnonymous, false);
});

Deno.test("broker config: what opens the default listener, and what does not", () => {
  for (
    const line of [
      "port 1884",
      "bind_address 127.0.0.1",
      "bind_interface lo",
      "socket_domain ipv4",
      "protocol websockets",
      "max_connections 5",
      "max_qos 1",
      "use_username_as_clientid true",
      "ciphers x",
    ]
  ) {
    assertEquals([line, parse(line).isLocalOnly], [line, false]);
  }
  for (
    const line of [
      "protocol mqtt",
      "max_connections -1",
      "max_qos 2",
      "max_topic_alias 5",
      "http_dir /tmp",
      "tls_version tlsv1.2",
      "allow_zero_length_clientid false",
      "password_file /x",
      "max_inflight_messages 5",
    ]
  ) {
    assertEquals([line, parse(line).isLocalOnly], [line, true]);
  }
});

Deno.test("broker config: options stand behind their listener; those before the first one open one more", () => {
  const text =
    "max_connections 3\nlistener 1884\nmax_connections 4\nlistener 1885 ::1\nmax_qos 1\nlistener 0 /run/mqtt.sock\n";
  const { listeners } = parse(text);
  assertEquals(
    listeners.map(({ address, policy }) => [
      address.kind === "tcp" ? address.port : address.path,
      policy.maxConnections,
      policy.maximumQoS,
    ]),
    [[1884, 4, undefined], [1885, undefined, 1], ["/run/mqtt.sock", undefined, undefined], [1883, 3, undefined]],
  );
  assertEquals(warnings(text).length, 1);
  assertMatch(warnings(text)[0] ?? "", /^main\.conf:1: max_connections .* opens one more on port 1883$/);
});

Deno.test("broker config: no two listeners have the same address", () => {
  assertMatch(
    problems("listener 1884 ::1\nallow_anonymous true\nlistener 1884 ::1\n")[0] ?? "",
    /^main\.conf:3: listener must have an address of its own, received that of main\.conf:1$/,
  );
  assertEquals(problems("listener 0 /run/a\nlistener 0 /run/a\nport 1884\nlistener 1884\n").length, 2);
  parse("listener 1884 127.0.0.1\nlistener 1884 ::1\nlistener 1885 ::1\nlistener 0 /run/a\nlistener 0 /run/b\n");
});

Deno.test("broker config: socket_domain must be that of the address", () => {
  assertMatch(
    problems("listener 1884 127.0.0.1\nsocket_domain ipv6\n")[0] ?? "",
    /^main\.conf:2: socket_domain must be that of the address 127\.0\.0\.1, received ipv6$/,
  );
  assertEquals(problems("listener 1884 ::1\nsocket_domain ipv4\n").length, 1);
  for (const address of ["127.0.0.1\nsocket_domain ipv4", "::1\nsocket_domain ipv6", "localhost\nsocket_domain ipv6"]) {
    parse(`listener 1884 ${address}\n`);
  }
});

Deno.test("broker config: per_listener_settings gives each listener its own users", () => {
  const own = parse(
    "per_listener_settings true\nlistener 1884\nallow_anonymous true\nauto_id_prefix a-\nlistener 1885\npassword_file /p\nacl_file /a\n",
  );
  assertEquals(own.listeners.map(({ security }) => security), [
    { allowAnonymous: true, passwordFile: undefined, aclFile: undefined, tokens: undefined },
    { allowAnonymous: false, passwordFile: "/p", aclFile: "/a", tokens: undefined },
  ]);
  assertEquals(own.listeners.map(({ policy }) => policy.autoIdPrefix), ["a-", "auto-"]);
  const shared = parse("listener 1884\nallow_anonymous true\nlistener 1885\npassword_file /p\n");
  for (const { security } of shared.listeners) {
    assertEquals(security, { allowAnonymous: true, passwordFile: "/p", aclFile: undefined, tokens: undefined });
  }
});

Deno.test("broker config: include_dir takes files in the order of Mosquitto, each beginning with the default listener", () => {
  const files = {
    "main.conf": "listener 1884\ninclude_dir one.d\ninclude_dir two.d\nmax_connections 9\n",
    "one.d/b.conf": "listener 12\n",
    "one.d/A.conf": "listener 10\n",
    "one.d/a.conf": "listener 11\n",
    "one.d/00.conf": "# nothing\n",
    "one.d/readme.txt": "not a configuration\n",
    "two.d/B.conf": "listener 13\ninclude_dir one.d\n",
  };
  const { listeners } = parse(files);
  const ports = listeners.map(({ address }) => address.kind === "tcp" ? address.port : 0);
  assertEquals(ports, [1884, 10, 11, 12, 13]);
  assertEquals(listeners[0]?.policy.maxConnections, 9);
  assertEquals(warnings(files), ["two.d/B.conf:2: include_dir does nothing here: it is for the main file only"]);
});

Deno.test("broker config: every mistake is named with file, line and what was expected", () => {
  const mistakes = [
    ["foo 1", "the option must be one of mosquitto.conf(5), received foo"],
    [
      "max_inflight_mesages 3",
      "the option must be one of mosquitto.conf(5), received max_inflight_mesages, did you mean max_inflight_messages?",
    ],
    [
      "max_inflight_messages many",
      'max_inflight_messages must be a whole number from 0 to 65535 (0 for no limit), received "many"',
    ],
    [
      "max_inflight_messages 65536",
      'max_inflight_messages must be a whole number from 0 to 65535 (0 for no limit), received "65536"',
    ],
    [
      "max_inflight_messages",
      "max_inflight_messages must be a whole number from 0 to 65535 (0 for no limit), received nothing",
    ],
    [
      "max_queued_messages 10 000",
      'max_queued_messages must be a whole number of 0 or more (0 for no limit), received "10 000"',
    ],
    ["allow_anonymous yes", 'allow_anonymous must be true or false, received "yes"'],
    ["listener 70000", 'listener must be a whole number from 0 to 65535, received "70000"'],
    ["listener 0", "listener 0 must be followed by the path of a Unix socket, received nothing"],
    ["protocol http", 'protocol must be mqtt or websockets, received "http"'],
    ["max_qos 3", 'max_qos must be 0, 1 or 2, received "3"'],
    ["max_keepalive 5", 'max_keepalive must be 0 or a whole number from 10 to 65535, received "5"'],
    ["max_packet_size 19", 'max_packet_size must be a whole number from 20 to 268435460, received "19"'],
    ["max_topic_alias 65536", 'max_topic_alias must be a whole number from 0 to 65535, received "65536"'],
    [
      "persistent_client_expiration 3",
      'persistent_client_expiration must be a whole number of 1 or more and one of h, d, w, m, y, e.g. 14d, received "3"',
    ],
    ["mount_point a/", "mount_point must stand behind a listener, received it before the first one"],
    [
      "log_type loud",
      'log_type must be error, warning, notice, information, debug, subscribe, unsubscribe, websockets, none or all, received "loud"',
    ],
    ["log_dest dlt", 'log_dest must be none, stdout, stderr, syslog, topic or file with a path, received "dlt"'],
    ["log_dest file", "log_dest file must be followed by a path, received nothing"],
    ["log_facility 8", 'log_facility must be a whole number from 0 to 7, received "8"'],
    ["include_dir missing.d", 'include_dir must be a readable folder, received "missing.d" (missing.d is missing)'],
    ["address 127.0.0.1", "address must stand behind a connection, received it before the first one"],
    ["connection", "connection must be followed by a name, received nothing"],
    ["connection up", "connection up must have an address, received none"],
    ["certfile a.pem", "certfile must stand with keyfile, received it alone"],
    ["keyfile a.pem", "keyfile must stand with certfile, received it alone"],
    ["require_certificate true", "require_certificate must stand with certfile and keyfile, received neither"],
    [
      "psk_file keys",
      "psk_file must not be ignored, but pre-shared keys are not supported: use certfile, keyfile and require_certificate",
    ],
    [
      "psk_hint x",
      "psk_hint must not be ignored, but pre-shared keys are not supported: use certfile, keyfile and require_certificate",
    ],
    [
      "tls_keyform engine",
      'tls_keyform must be pem (OpenSSL engines are not supported: put the key into a file for keyfile), received "engine"',
    ],
  ] as const;
  for (const [line, message] of mistakes) {
    assertEquals(problems(`# first line\n${line}\n`), [`main.conf:2: ${message}`]);
  }
});

Deno.test("broker config: mistakes of several lines", () => {
  const mistakes = [
    [
      "allow_anonymous true\nper_listener_settings true",
      "main.conf:2: per_listener_settings must stand before all options about users, received the first of them at main.conf:1",
    ],
    ["pid_file a\npid_file b", "main.conf:2: pid_file must be given once, received it before at main.conf:1"],
    [
      "listener 1\nmount_point a/\nmount_point b/",
      "main.conf:3: mount_point must be given once, received it before at main.conf:2",
    ],
    [
      "listener 1\nmount_point a/+/",
      'main.conf:2: mount_point must be the beginning of a topic, without + and #, received "a/+/"',
    ],
    ["log_dest file a\nlog_dest file b", "main.conf:2: log_dest file must be given once, received a second one"],
    [
      "connection a\naddress x\nconnection a",
      "main.conf:3: connection must have a name of its own, received a second a",
    ],
    [
      "listener 1\ncertfile c\nkeyfile k\nrequire_certificate true",
      "main.conf:4: require_certificate must stand with cafile or capath, received neither",
    ],
  ] as const;
  for (const [text, message] of mistakes) assertEquals(problems(text), [message]);
});

Deno.test("broker config: all mistakes are told at once, in included files as well", () => {
  const files = {
    "main.conf": "foo\ninclude_dir more.d\nmax_qos x\n",
    "more.d/a.conf": "\nsys_interval -1\n",
  };
  const found = problems(files).map((message) => message.replace(/: .*/, ""));
  assertEquals(found, ["main.conf:1", "more.d/a.conf:2", "main.conf:3"]);
  assertEquals(problems({})[0], "main.conf: main.conf must be readable (main.conf is missing)");
});

Deno.test("broker config: plugins are refused, with what to use instead", () => {
  for (const line of ["auth_plugin /x.so", "plugin /x.so", "auth_opt_db x", "plugin_opt_db x"]) {
    const [message = ""] = problems(line);
    assertMatch(
      message,
      new RegExp(`^main\\.conf:1: ${line.split(" ")[0]} must not be ignored, but .*password_file.*hooks`),
    );
  }
});

Deno.test("broker config: what does nothing here is warned of", () => {
  assertEquals(warnings("autosave_interval 60\n# \nretry_interval 5\nport 1884\n"), [
    "main.conf:1: autosave_interval does nothing here: what must outlive the broker is committed before it is acknowledged",
    "main.conf:3: retry_interval does nothing here: messages are sent again after a reconnection only, as the standard says",
    "main.conf:4: port is deprecated: use listener",
  ]);
});

Deno.test("broker config: TLS settings", () => {
  const { listeners } = parse(
    "listener 8883\ncertfile c.pem\nkeyfile k.pem\ncafile ca.pem\ncrlfile crl.pem\nrequire_certificate true\n" +
      "use_identity_as_username true\nuse_subject_as_username true\ntls_version tlsv1.3\nciphers A:B\nciphers_tls1.3 C\ndhparamfile d.pem\n",
  );
  assertEquals(listeners[0]?.tls, {
    certFile: "c.pem",
    keyFile: "k.pem",
    caFile: "ca.pem",
    caPath: undefined,
    crlFile: "crl.pem",
    minimumVersion: "TLSv1.3",
    requireCertificate: true,
  });
  assertEquals(listeners[0]?.policy.usernameFrom, "identity");
});

Deno.test("broker config: log settings", () => {
  assertEquals(parse("").log, {
    destinations: undefined,
    types: ["error", "warning", "notice", "information"],
    timestamp: true,
    timestampFormat: undefined,
    facility: undefined,
  });
  const { log } = parse(
    "log_dest stdout\nlog_dest file /var/log/my file.log\nlog_type none\nlog_type error\nlog_type debug\nlog_timestamp false\nlog_timestamp_format %H:%M %d\nlog_facility 5\n",
  );
  assertEquals(log, {
    destinations: [{ kind: "stdout" }, { kind: "file", path: "/var/log/my file.log" }],
    types: ["error", "debug"],
    timestamp: false,
    timestampFormat: "%H:%M %d",
    facility: 5,
  });
  assertEquals(parse("log_dest stdout\nlog_dest none\n").log.destinations, []);
});

Deno.test("broker config: 0 and -1 mean no limit where Mosquitto says so", () => {
  for (const value of ["0", "-1"]) {
    const { options } = parse(
      [
        "max_queued_messages",
        "max_queued_bytes",
        "max_inflight_messages",
        "max_inflight_bytes",
        "message_size_limit",
        "memory_limit",
      ]
        .map((name) => `${name} ${value}`).join("\n"),
    );
    assertEquals(options.maxQueuedMessages, Infinity);
    assertEquals(options.maxQueuedBytes, Infinity);
    assertEquals([options.maxInflightMessages, options.receiveMaximum], [65_535, 65_535]);
    assertEquals([options.maxInflightBytes, options.messageSizeLimit, options.memoryLimit], [
      Infinity,
      Infinity,
      Infinity,
    ]);
  }
});
