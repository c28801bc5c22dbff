/** The same files and the same clients for Mosquitto and for ours: the answers are the same, byte for byte. */

import { hasMosquitto } from "../support/mosquitto.ts";
import { hasOpenssl } from "../support/certificates.ts";
import { compare, compareLogs, type Difference, needsCertificates, type Script, type Setting } from "./both.ts";
import * as scripts from "./scripts.ts";
import * as settings from "./setting_scripts.ts";

/** A payload of fifty letters, in hexadecimal. */
const FIFTY = "78".repeat(50);

function same(
  name: string,
  file: string,
  script: Script,
  differences: readonly Difference[] = [],
  setting: Setting = {},
): void {
  Deno.test({
    name: `broker config: beside Mosquitto with ${file}: ${name}`,
    ignore: !hasMosquitto || (needsCertificates(setting) && !hasOpenssl),
    fn: compare(file, script, differences, setting),
  });
}

same("CONNECT in all versions", "plain.conf", scripts.connecting);
same("messages of all QoS", "plain.conf", scripts.messages);
same("retained messages", "plain.conf", scripts.retained);
same("what only 5.0 has", "plain.conf", scripts.modern, [{
  why: "no more than the client's receive maximum is in flight [MQTT-3.3.4-9]",
  mosquitto: ["reader 321000066d2f6d616e790005030bac023132"],
  ours: [],
}]);
same("sessions that go on", "plain.conf", scripts.sessions);
same("wills and take-over", "plain.conf", scripts.wills, [{
  why: "who is taken over is told so with 0x8E [MQTT-3.1.4-3]",
  mosquitto: ["dying 200900000622000a210014", "dying 200900000622000a210014", "dying closed"],
  ours: ["dying 200900000622000a210014", "dying 200900000622000a210014", "dying e0018e", "dying closed"],
}]);
same("mistakes", "plain.conf", scripts.mistakes, [
  {
    why: "a topic name with a wildcard has a code of its own",
    mosquitto: ["wildcard5 e00182"],
    ours: ["wildcard5 e00190"],
  },
  { why: "a packet type that is none is malformed", mosquitto: ["reserved5 e00182"], ours: ["reserved5 e00181"] },
]);
same("limits", "limits.conf", scripts.limits, [
  {
    why: "PUBACK has no 0x95; mosquitto.conf(5) says 0x83",
    mosquitto: ["sender 4003001495"],
    ours: ["sender 4003001483"],
  },
  {
    why: "a message that is dropped takes no packet identifier",
    mosquitto: [`reader 323c0006712f666974730009${FIFTY}`],
    ours: [`reader 323c0006712f666974730006${FIFTY}`],
  },
]);
same("who passes a limit", "limits.conf", scripts.overLimits);
same("mount points", "mount_points.conf", scripts.mountPoints, [
  ...[
    "inside 321600076f6e652f742f61000166726f6d20696e73696465",
    "inside 321700076f6e652f742f62000266726f6d206f757473696465",
    "modern 321700076f6e652f742f6100010066726f6d20696e73696465",
    "modern 321800076f6e652f742f6200020066726f6d206f757473696465",
    "late 331600076f6e652f742f61000166726f6d20696e73696465",
  ].map(withoutMountPoint),
  { why: "UNSUBSCRIBE counts behind a mount point, too", mosquitto: ["late 300900076f6e652f742f61"], ours: [] },
  withoutMountPoint("modern 300a00076f6e652f742f6100"),
]);
same("settings of each listener", "per_listener.conf", scripts.perListener, [
  {
    why: "a missing client identifier has a code of its own",
    mosquitto: ["5at0empty 2003008000"],
    ours: ["5at0empty 2003008500"],
  },
]);
same("names", "names.conf", scripts.names);
same("user names in place of empty client identifiers", "usernames.conf", scripts.usernames);

same("passwords", "users.conf", scripts.passwords);
same("nobody without a password", "closed.conf", scripts.passwords);
same("access rules", "users.conf", scripts.accessRules);
same("sessions over TLS", "tls.conf", scripts.sessions, [], { protocols: ["tls"] });
same("messages over TLS", "tls.conf", scripts.messages, [], { protocols: ["tls"] });
same("certificates of clients", "mutual_tls.conf", scripts.certificates, [], {
  protocols: ["tls"],
  devices: ["ann", "bob", "lost"],
});
same("CONNECT over WebSockets", "websockets.conf", scripts.connecting, [], { protocols: ["tcp", "ws"], first: 1 });
same("messages over WebSockets", "websockets.conf", scripts.messages, [], { protocols: ["tcp", "ws"], first: 1 });
same("retained messages over WebSockets with TLS", "wss.conf", scripts.retained, [], {
  protocols: ["tcp", "wss"],
  first: 1,
});
same("subjects of certificates as user names", "subjects.conf", settings.subjects, [], {
  protocols: ["tls"],
  devices: ["ann", "lost"],
});
same(
  "files in a folder",
  "include.conf",
  settings.included,
  ["3at0", "4at0", "3at1", "4at1"].map((name) => ({
    why: "as from 2.0.12 on: whoever cannot be told of max_keepalive and asks for more is refused",
    mosquitto: [`${name} 20020000`],
    ours: [`${name} 20020002`],
  })),
);
same("several listeners", "listeners.conf", settings.listeners, [], { protocols: ["tcp", "tcp", "tcp6", "unix"] });
same("sessions over a Unix socket", "listeners.conf", scripts.sessions, [], {
  protocols: ["tcp", "tcp", "tcp6", "unix"],
  first: 3,
});
same("client identifiers of the broker", "prefixes.conf", settings.prefixes);
same("users of each listener", "per_listener_users.conf", settings.usersOfListeners);
same(
  "queues",
  "queues.conf",
  settings.queues,
  ["away4 320a00056f6e652f36000836", "away5 320b00056f6e652f3600080036"].map((line) => ({
    why: "what waits with QoS 0 counts, too: with Mosquitto it is not bounded",
    mosquitto: [line],
    ours: [],
  })),
);
same("queues bounded by bytes", "bytes.conf", settings.bytes, [{
  why: "mosquitto.conf(5): max_queued_bytes is about what waits above what is in flight",
  mosquitto: [`reader 32390003622f360006${FIFTY}`],
  ours: [6, 7, 8].map((id) => `reader 32390003622f3${id}000${id}${FIFTY}`),
}]);
same("topic aliases", "limits.conf", settings.aliases, [
  {
    why: "a client that takes aliases gets them",
    mosquitto: [
      "reader 320d0003612f310001006e616d6564",
      "reader 32140003612f3100020062792069747320616c696173",
      "reader 300d0003612f320072656e616d6564",
      "reader 30120003612f320062792069747320616c696173",
    ],
    ours: [
      "reader 32100003612f310001032300016e616d6564",
      "reader 3214000000020323000162792069747320616c696173",
      "reader 30100003612f320323000272656e616d6564",
      "reader 301200000323000262792069747320616c696173",
    ],
  },
  { why: "an alias of 0 is 0x94 [MQTT-3.3.2-8]", mosquitto: ["zero e00181"], ours: ["zero e00194"] },
]);

Deno.test({
  name: "broker config: beside Mosquitto with logs.conf: the same lines in the log",
  ignore: !hasMosquitto,
  fn: compareLogs("logs.conf", settings.logged, [
    {
      why: "who is refused is told of with address, names and reason",
      mosquitto: ["Sending CONNACK to 127.0.0.1 (0, 5)", "Client <unknown> disconnected, not authorised."],
      ours: [
        'Client ADDRESS refused: MqttError: Cannot connect: bad user name or password (client "wrong", user "ann")',
        "Sending CONNACK to wrong (0, 5)",
      ],
    },
    {
      why: "ours knows at once that nobody gets a message",
      mosquitto: ["Sending PUBREC to ann5 (m8, rc0)"],
      ours: ["Sending PUBREC to ann5 (m8, rc16)"],
    },
  ]),
});

/** 2.0.11 does not remove the mount point on the way out, as mosquitto.conf(5) says, and later versions do. */
function withoutMountPoint(line: string): Difference {
  const [, name, type, length = "", rest] = /^(\w+) (..)(..)00076f6e652f(.*)$/.exec(line) ?? [];
  const shorter = (parseInt(length, 16) - 4).toString(16).padStart(2, "0");
  return {
    why: "mosquitto.conf(5): the mount point is removed when messages are sent to the client",
    mosquitto: [line],
    ours: [`${name} ${type}${shorter}0003${rest}`],
  };
}
