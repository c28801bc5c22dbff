/** The same files and the same clients for Mosquitto and for ours: the answers are the same, byte for byte. */

import { hasMosquitto } from "../support/mosquitto.ts";
import { hasOpenssl } from "../support/certificates.ts";
import { compare, type Difference, type Script, type Setting } from "./both.ts";
import * as scripts from "./scripts.ts";

function same(
  name: string,
  file: string,
  script: Script,
  differences: readonly Difference[] = [],
  setting: Setting = {},
): void {
  Deno.test({
    name: `broker config: beside Mosquitto with ${file}: ${name}`,
    ignore: !hasMosquitto || (setting.protocols?.includes("tls") === true && !hasOpenssl),
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
    mosquitto: [`reader 323c0006712f666974730009${"78".repeat(50)}`],
    ours: [`reader 323c0006712f666974730006${"78".repeat(50)}`],
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
