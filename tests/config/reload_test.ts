/** SIGHUP: what is taken up, who stays, who goes. */

import { assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { bounded } from "../support/broker.ts";
import { CertificateAuthority, hasOpenssl, SERVER } from "../support/certificates.ts";
import { hasProgram } from "../support/mosquitto.ts";
import { runProcess } from "../support/process.ts";
import { RawClient } from "../support/raw_client.ts";
import { publishPacket } from "../support/raw_packets.ts";
import { OPEN, startConfigured } from "./program.ts";

const WATCHDOG = 40_000;
const ignore = Deno.build.os === "windows";

Deno.test({
  name: "broker config: SIGHUP takes up limits before the next packet, and clients stay",
  ignore,
  fn: () =>
    bounded(async () => {
      await using broker = await startConfigured([...OPEN, "message_size_limit 10"]);
      await using client = await RawClient.connect(broker.port, { clientId: "stays" });
      await client.publish("a", "more than ten bytes", { qos: 1 }).catch(() => {});
      assertEquals(client.ended, false);
      await broker.configure([...OPEN, "max_packet_size 100", "max_inflight_messages 5", "retain_available false"]);
      await broker.reload();
      await using other = await RawClient.connect(broker.port, { clientId: "new" });
      assertEquals(other.connack?.properties?.receiveMaximum, 5);
      assertEquals(other.connack?.properties?.maximumPacketSize, 100);
      assertEquals(other.connack?.properties?.retainAvailable, 0);
      await client.barrier();
      await client.send(publishPacket("a", new Uint8Array(120)));
      await client.expectDisconnect(0x95);
    }, WATCHDOG),
});

Deno.test({
  name: "broker config: SIGHUP with a mistake in the file changes nothing, and says what is wrong",
  ignore,
  fn: () =>
    bounded(async () => {
      await using broker = await startConfigured([...OPEN, "max_inflight_messages 5"]);
      await broker.configure([...OPEN, "max_inflight_messages lots"]);
      await broker.reload();
      assertMatch(
        broker.process.stderr,
        /Cannot reload: .*mosquitto\.conf:4: max_inflight_messages must be .* received "lots"/,
      );
      await using client = await RawClient.connect(broker.port);
      assertEquals(client.connack?.properties?.receiveMaximum, 5);
    }, WATCHDOG),
});

Deno.test({
  name: "broker config: SIGHUP ends anonymous clients when they are no longer allowed",
  ignore,
  fn: () =>
    bounded(async () => {
      await using broker = await startConfigured(OPEN);
      await using client = await RawClient.connect(broker.port, { clientId: "nameless" });
      await broker.configure(["listener {port} 127.0.0.1", "allow_anonymous false"]);
      await broker.reload();
      await client.expectDisconnect(0x87);
      await using late = await RawClient.open(broker.port, 4);
      await late.sendConnect({});
      await late.expectRefused(0x05);
    }, WATCHDOG),
});

Deno.test({
  name: "broker config: SIGHUP takes up the password file; users that are still there stay",
  ignore: ignore || !hasProgram("mosquitto_passwd"),
  fn: () =>
    bounded(async () => {
      const lines = ["listener {port} 127.0.0.1", "password_file {folder}/users"];
      const users = await Deno.makeTempFile();
      for (const user of ["ann", "bob"]) await runProcess("mosquitto_passwd", ["-b", users, user, "secret"]);
      const both = await Deno.readTextFile(users);
      await using broker = await startConfigured([...OPEN]);
      await Deno.writeTextFile(`${broker.folder}/users`, both);
      await broker.configure(lines);
      await broker.reload();
      await using ann = await RawClient.connect(broker.port, { clientId: "a", username: "ann", password: "secret" });
      await using bob = await RawClient.connect(broker.port, { clientId: "b", username: "bob", password: "secret" });
      await Deno.writeTextFile(
        `${broker.folder}/users`,
        both.split("\n").filter((line) => !line.startsWith("bob")).join("\n"),
      );
      await broker.reload();
      await bob.expectDisconnect(0x87);
      assertEquals(await ann.barrier(), []);
      await using again = await RawClient.open(broker.port, 5);
      await again.sendConnect({ clientId: "b", username: "bob", password: "secret" });
      await again.expectRefused(0x87);
      await Deno.remove(users);
    }, WATCHDOG),
});

Deno.test({
  name:
    "broker config: SIGHUP ends clients that have shown no password, or that of another file, to the one there is now",
  ignore,
  fn: () =>
    bounded(async () => {
      await using broker = await startConfigured(OPEN);
      // The password is `secret`.
      await Deno.writeTextFile(
        `${broker.folder}/users`,
        "ann:$7$101$9cqK3CVQVGf1WK9l$lY233/vB5nBoYH4LIylVAUlbfhqewo0/2pw36IBcPUU+XeDD8bilOr8M4NORzt5O0G4XXDvSeWRANcJ2ME9AQw==\n",
      );
      await Deno.copyFile(`${broker.folder}/users`, `${broker.folder}/others`);
      const lines = (file: string) => [...OPEN, `password_file {folder}/${file}`];
      await using claiming = await RawClient.connect(broker.port, { clientId: "a", username: "ann" });
      await using nobody = await RawClient.connect(broker.port, { clientId: "nobody" });
      await broker.configure(lines("users"));
      await broker.reload();
      await claiming.expectDisconnect(0x87);
      await using ann = await RawClient.connect(broker.port, { clientId: "a", username: "ann", password: "secret" });
      await broker.reload();
      assertEquals(await ann.barrier(), []);
      await broker.configure(lines("others"));
      await broker.reload();
      await ann.expectDisconnect(0x87);
      // Whoever has no name may go on without.
      assertEquals(await nobody.barrier(), []);
    }, WATCHDOG),
});

Deno.test({
  name: "broker config: SIGHUP takes up log settings, and opens the log file anew",
  ignore,
  fn: () =>
    bounded(async () => {
      await using broker = await startConfigured([...OPEN, "log_dest stderr", "log_dest file {folder}/log"]);
      await Deno.rename(`${broker.folder}/log`, `${broker.folder}/log.1`);
      await broker.configure([...OPEN, "log_dest stderr", "log_dest file {folder}/log", "log_type all"]);
      await broker.reload();
      await using client = await RawClient.connect(broker.port, { clientId: "heard" });
      await client.barrier();
      await broker.process.waitForLine(/Received PINGREQ from heard$/);
      await broker.process.stop();
      assertStringIncludes(await Deno.readTextFile(`${broker.folder}/log.1`), " starting\n");
      const log = await Deno.readTextFile(`${broker.folder}/log`);
      assertStringIncludes(log, "Received PINGREQ from heard\n");
      assertMatch(log, / terminating\n/);
    }, WATCHDOG),
});

Deno.test({
  name: "broker config: SIGHUP takes up access rules, for subscriptions that are there as well",
  ignore,
  fn: () =>
    bounded(async () => {
      await using broker = await startConfigured(OPEN);
      const acl = `${broker.folder}/acl`;
      await using client = await RawClient.connect(broker.port, { clientId: "a" });
      await client.subscribe("#", { qos: 0 });
      await client.publish("free", "1");
      await client.expect("publish", { topic: "free" });
      await Deno.writeTextFile(acl, "topic readwrite open\ntopic write closed\n");
      await broker.configure([...OPEN, "acl_file {folder}/acl"]);
      await broker.reload();
      for (const topic of ["free", "closed", "open"]) await client.publish(topic, "2");
      await client.expect("publish", { topic: "open" });
      assertEquals(await client.barrier(), []);
      await Deno.writeTextFile(acl, "topic readwrite closed\n");
      await broker.reload();
      for (const topic of ["open", "closed"]) await client.publish(topic, "3");
      await client.expect("publish", { topic: "closed", payload: "3" });
      assertEquals(await client.barrier(), []);
      await Deno.writeTextFile(acl, "topic sometimes closed\n");
      await broker.reload();
      assertMatch(broker.process.stderr, /Cannot reload: .*acl/);
      await client.publish("closed", "4");
      await client.expect("publish", { topic: "closed", payload: "4" });
    }, WATCHDOG),
});

Deno.test({
  name: "broker config: SIGHUP takes up certificates, and connections go on",
  ignore: ignore || !hasOpenssl,
  fn: () =>
    bounded(async () => {
      await using broker = await startConfigured(OPEN);
      const lines = [...OPEN, "certfile {folder}/server.crt", "keyfile {folder}/server.key"];
      await broker.process.stop();
      const install = async (authority: CertificateAuthority) => {
        const { certFile, keyFile } = await authority.issue({ subject: "/CN=localhost", extensions: SERVER });
        await Deno.copyFile(certFile, `${broker.folder}/server.crt`);
        await Deno.copyFile(keyFile, `${broker.folder}/server.key`);
        return [await Deno.readTextFile(authority.caFile)];
      };
      await using first = await CertificateAuthority.create("First");
      await using second = await CertificateAuthority.create("Second");
      const firstCa = await install(first);
      await broker.configure(lines);
      await using process = broker.restart();
      await process.waitForLine(/ running$/);
      const connect = (caCerts: string[]) => Deno.connectTls({ hostname: "localhost", port: broker.port, caCerts });
      using before = await connect(firstCa);
      await before.handshake();
      const secondCa = await install(second);
      Deno.kill(process.pid, "SIGHUP");
      await process.waitForLine(/Config reloaded\.$/);
      using after = await connect(secondCa);
      await after.handshake();
      await before.write(Uint8Array.fromHex("100f00044d5154540402003c0003616263"));
      const answer = new Uint8Array(4);
      await before.read(answer);
      assertEquals(answer.toHex(), "20020000");
      await process.stop();
    }, WATCHDOG),
});
