/** Bridges as configuration files describe them. */

import { assert, assertEquals, assertMatch } from "@std/assert";
import type { BridgeOptions, Broker } from "../../broker/mod.ts";
import { parse, problems, warnings } from "../config/sources.ts";
import { OPEN, startConfigured } from "../config/program.ts";
import { bounded, startBroker, until } from "../support/broker.ts";
import { CertificateAuthority, hasOpenssl } from "../support/certificates.ts";
import { freePort } from "../support/ports.ts";
import { hasMosquitto, startMosquitto } from "../support/mosquitto.ts";
import { examplesIn } from "../support/examples.ts";
import { repository } from "../support/process.ts";
import { listenTo, publishTo } from "./support.ts";

const SECTION = "connection up\naddress h\n";

/** Whether a client has a session and is away. */
function isAway({ inspection }: Broker, clientId: string): boolean {
  const session = inspection.session(clientId);
  return session !== undefined && session.connection === undefined;
}

/** The options of the only bridge, without those that nobody has set. */
function bridgeOf(text: string): BridgeOptions {
  const [bridge] = parse(text).bridges;
  assert(bridge !== undefined);
  return JSON.parse(JSON.stringify(bridge.options));
}

Deno.test("bridge config: every option has its meaning", () => {
  const text = `connection up
address one:1884 [::1]:1885
addresses three
topic # both 2 L/ R/
topic "" in 1 here there
topic plain
remote_clientid rc
remote_username ru
remote_password rp
local_clientid lc
local_username lu
local_password lp
cleansession true
local_cleansession false
keepalive_interval 30
restart_timeout 10 20
round_robin true
start_type lazy
idle_timeout 7
threshold 8
notifications false
notifications_local_only true
notification_topic n/t
try_private false
bridge_protocol_version mqttv50
bridge_attempt_unsubscribe false
bridge_outgoing_retain false
bridge_max_packet_size 1000
bridge_max_topic_alias 5
bridge_max_queued_messages 100
bridge_max_queued_bytes 2000
bridge_max_queued_age 7d
bridge_queue_policy drop-newest
bridge_rate 50
`;
  assertEquals<unknown>(bridgeOf(text), {
    name: "up",
    addresses: ["mqtt://one:1884", "mqtt://[::1]:1885", "mqtt://three:1883"],
    topics: [
      { pattern: "#", direction: "both", qos: 2, localPrefix: "L/", remotePrefix: "R/" },
      { pattern: "", direction: "in", qos: 1, localPrefix: "here", remotePrefix: "there" },
      { pattern: "plain", direction: "out", qos: 0, localPrefix: "", remotePrefix: "" },
    ],
    remoteClientId: "rc",
    remoteUsername: "ru",
    remotePassword: "rp",
    localClientId: "lc",
    localUsername: "lu",
    cleanSession: true,
    localCleanSession: false,
    keepAlive: 30,
    restartTimeout: { base: 10, cap: 20 },
    roundRobin: true,
    startType: "lazy",
    idleTimeout: 7,
    threshold: 8,
    notifications: false,
    notificationsLocalOnly: true,
    notificationTopic: "n/t",
    tryPrivate: false,
    protocolVersion: 5,
    attemptUnsubscribe: false,
    outgoingRetain: false,
    maxPacketSize: 1000,
    maxTopicAlias: 5,
    maxQueuedMessages: 100,
    maxQueuedBytes: 2000,
    maxQueuedAge: 604_800,
    queueOverflow: "drop-newest",
    rate: 50,
  });
});

Deno.test("bridge config: old names, words for versions, ages in seconds", () => {
  const old = bridgeOf(`${SECTION}clientid a\nusername b\npassword c\nbridge_protocol_version mqttv31\n`);
  assertEquals([old.remoteClientId, old.remoteUsername, old.remotePassword, old.protocolVersion], ["a", "b", "c", 3]);
  assertEquals(bridgeOf(`${SECTION}bridge_protocol_version mqttv311\nrestart_timeout 20\n`).restartTimeout, 20);
  assertEquals(bridgeOf(`${SECTION}bridge_max_queued_age 90\n`).maxQueuedAge, 90);
});

Deno.test("bridge config: TLS", () => {
  const text = `${SECTION}bridge_cafile ca.pem\nbridge_certfile c.pem\nbridge_keyfile k.pem\n` +
    "bridge_insecure true\nbridge_alpn mqtt\nbridge_tls_version tlsv1.1\n";
  const [bridge] = parse(text).bridges;
  assertEquals(bridge?.options.addresses, ["mqtts://h:1883"]);
  assertEquals(bridge?.tls, {
    caFile: "ca.pem",
    caPath: undefined,
    certFile: "c.pem",
    keyFile: "k.pem",
    insecure: true,
    alpn: "mqtt",
  });
  assert(warnings(text).includes("main.conf:8: bridge_tls_version is tlsv1.2 at least: tlsv1.1 is broken"));
  assertEquals(parse(`${SECTION}bridge_tls_use_os_certs true\n`).bridges[0]?.tls?.caFile, undefined);
});

Deno.test("bridge config: what cannot be is said at its line", () => {
  const cases: [lines: string, problem: string][] = [
    ["topic # sideways", 'topic must have the direction in, out or both, received "sideways"'],
    ["topic # out 3", 'topic must have a QoS of 0, 1 or 2, received "3"'],
    ["topic # out 1 a/ b/ c/", 'topic must have two prefixes at most, received "c/"'],
    ['topic "" out 1 a ""', "Cannot bridge a topic: it must have a pattern or both prefixes, received neither"],
    ["topic a/#/b", 'Cannot bridge a topic: "a/#/b" must be a topic filter that is not shared'],
    [
      "restart_timeout 5 4",
      'restart_timeout must be one or two whole numbers of seconds from 1 on, the second one not below the first, received "5 4"',
    ],
    ["address h:x", 'address must be a host or host:port, with an IPv6 address as [::1]:1883, received "h:x"'],
    [
      "bridge_psk 12",
      "bridge_psk must not be ignored, but pre-shared keys are not supported: use bridge_cafile, bridge_certfile and bridge_keyfile",
    ],
    [
      "bridge_insecure true",
      "bridge_insecure must stand with bridge_cafile, bridge_capath or bridge_tls_use_os_certs, received none of them",
    ],
    ["bridge_cafile a\nbridge_keyfile k", "bridge_keyfile must stand with bridge_certfile, received it alone"],
    [
      "bridge_require_ocsp true",
      "bridge_require_ocsp must not be ignored, but OCSP is not supported: use certificates that are valid for days only",
    ],
  ];
  for (const [lines, problem] of cases) {
    const at = 2 + lines.split("\n").length;
    assertEquals(problems(`${SECTION}${lines}\n`), [`main.conf:${at}: ${problem}`]);
  }
  assertEquals(warnings(SECTION), ["main.conf:1: connection up has no topic: nothing goes over it"]);
  assertMatch(warnings(`${SECTION}topic a\nlocal_password x\n`)[0] ?? "", /^main.conf:4: local_password does nothing/);
  for (const address of ["eth0", "256.1.1.1", "01.2.3.4", "1.2.3", "fe80::1%eth0", "1::2::3"]) {
    const [problem = ""] = problems(`${SECTION}topic a\nbridge_bind_address ${address}\n`);
    assert(problem.endsWith(`localAddress must be an IP address, received ${address}`), problem);
  }
});

Deno.test("bridge config: two connections cannot share a session of this broker", () => {
  const other = SECTION.replace("up", "other");
  const problem = "Cannot make bridge other: localClientId must be that of no other bridge, received";
  assertEquals(problems(`${SECTION}remote_clientid a\n${other}remote_clientid a\n`), [
    `main.conf:4: ${problem} local.a`,
  ]);
  assertEquals(parse(`${SECTION}remote_clientid a\n${other}remote_clientid a\nlocal_clientid b\n`).bridges.length, 2);
});

Deno.test({
  name: "bridge config: TLS with certificates of both sides towards Mosquitto, and a certificate of another name",
  ignore: !hasMosquitto || !hasOpenssl,
  fn: () =>
    bounded(async () => {
      await using authority = await CertificateAuthority.create();
      const server = await authority.issue({ subject: "/CN=other", extensions: ["subjectAltName=DNS:other.example"] });
      const client = await authority.issue({ subject: "/CN=gateway" });
      const tlsPort = freePort();
      await using mosquitto = await startMosquitto([
        `listener ${tlsPort} 127.0.0.1`,
        `cafile ${authority.caFile}`,
        `certfile ${server.certFile}`,
        `keyfile ${server.keyFile}`,
        "require_certificate true",
      ]);
      await using there = await listenTo(mosquitto.port, "out/#");
      const linesWith = (more: string[]) => [...connection(tlsPort), `bridge_cafile ${authority.caFile}`, ...more];
      const own = [`bridge_certfile ${client.certFile}`, `bridge_keyfile ${client.keyFile}`];
      await using ours = await startConfigured(linesWith(own));
      await ours.process.waitForLine(/Bridge up is not connected: .*does not match certificate's altnames/);
      await ours.configure(linesWith([...own, "bridge_insecure true"]));
      await ours.reload();
      await ours.process.waitForLine(/Bridge up is connected to mqtts:/);
      await publishTo(ours.port, "out/x", "1", { qos: 1 });
      await there.count(1);
      assertEquals(there.lines, ["out/x=1 q1"]);
      await ours.configure(linesWith(["bridge_insecure true"]));
      await ours.reload();
      await ours.process.waitForLines(/Bridge up is not connected/, 3);
    }, 30_000),
});

Deno.test({
  name: "bridge config: certificates that cannot be read are named, at the start and at SIGHUP",
  fn: () =>
    bounded(async () => {
      await using ours = await startConfigured(OPEN);
      await ours.configure([...connection(1), "bridge_cafile {folder}/none.pem"]);
      await ours.reload();
      await ours.process.waitForLine(
        /Cannot reload: Cannot make bridge up: bridge_cafile must be readable, .*none/,
      );
      const process = ours.restart();
      const { code, stderr } = await process.ended();
      assertEquals(code, 1);
      assertMatch(stderr, /Cannot make bridge up: bridge_cafile must be readable/);
    }, 30_000),
});

Deno.test("bridge config: SIGHUP starts new bridges, ends those that are gone, and leaves the others alone", () =>
  bounded(async () => {
    await using one = await startBroker();
    await using two = await startBroker();
    const second = [
      "connection second",
      `address 127.0.0.1:${two.port}`,
      "remote_clientid second",
      "topic out/# out 1",
    ];
    await using ours = await startConfigured(connection(one.port));
    await until(() => one.broker.counts().sessions === 1, "the first bridge", 10_000);
    await ours.configure([...connection(one.port), ...second]);
    await ours.reload();
    await until(() => two.broker.inspection.session("second")?.connection !== undefined, "the second bridge");
    await using there = await listenTo(two.port, "out/#");
    await publishTo(ours.port, "out/x", "1", { qos: 1 });
    await there.count(1);
    await ours.configure([...OPEN, ...second]);
    await ours.reload();
    await until(() => isAway(one.broker, "gateway"), "an end of the first bridge");
    assert(two.broker.inspection.session("second")?.connection !== undefined);
    assertEquals(ours.process.stderr.match(/Connecting bridge second/g)?.length, 1);
    await ours.process.stop();
    await until(() => isAway(two.broker, "second"), "an end of the second bridge");
  }, 30_000));

/** A file with one bridge. */
function connection(port: number): string[] {
  return [
    ...OPEN,
    "connection up",
    `address 127.0.0.1:${port}`,
    "remote_clientid gateway",
    "restart_timeout 1",
    "topic out/# out 1",
  ];
}

Deno.test("gateways: the configuration is right", async () => {
  const text = await Deno.readTextFile(new URL("broker/gateways.md", repository));
  const example = examplesIn(text).find(({ language, code }) =>
    language === "conf" && code.includes("connection cloud")
  );
  assert(example !== undefined);
  const { bridges, warnings } = parse(example.code);
  assertEquals(warnings, []);
  const [bridge] = bridges;
  assertEquals(bridge?.options.addresses, ["mqtts://mqtt.example.com:8883"]);
  assertEquals(bridge?.options.maxQueuedAge, 14 * 86_400);
});
