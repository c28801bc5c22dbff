/** Access control files: their language, and what changes while clients are connected. */

import { assert, assertEquals, assertThrows } from "@std/assert";
import { accessControl, AuthFileError, type ClientInfo } from "../../broker/mod.ts";
import { type BrokerTest, withBroker } from "../support/broker.ts";
import { publishPacket } from "../support/raw_packets.ts";

function client(clientId: string, username?: string): ClientInfo {
  return { clientId, username, protocolVersion: 5, peer: { protocol: "memory", address: "test" } };
}

Deno.test("access control: a line that cannot be used is named with file, number and what was expected", () => {
  const cases: [text: string, line: number, reason: string][] = [
    ["topic\n", 1, "a topic filter must follow"],
    ["topic read\n# fine\ntopic all x\n", 3, 'the access must be read, write, readwrite or deny, received "all"'],
    ["user\r\n", 1, "user must be followed by a user name"],
    ["\n\nbogus x", 3, 'it must begin with user, topic or pattern and a blank, received "bogus"'],
    ["topic\tread\tx", 1, 'it must begin with user, topic or pattern and a blank, received "topic\\tread\\tx"'],
    ["pattern write a/#/b", 1, 'the topic filter must be valid, received "a/#/b"'],
    ["topic deny", 1, ""],
  ];
  for (const [text, line, reason] of cases.slice(0, -1)) {
    const error = assertThrows(() => accessControl(text, { name: "acl.conf" }), AuthFileError);
    assertEquals(error.message, `Cannot use acl.conf, line ${line}: ${reason}`);
    assertEquals([error.file, error.line], ["acl.conf", line]);
  }
  // As with Mosquitto, one word is a topic.
  const { access } = accessControl("topic deny");
  assert(access.mayPublish(client("a"), "deny"));
});

Deno.test("access control: CRLF, a byte order mark and comments are no obstacle", () => {
  const { access } = accessControl("\ufeff# comment\r\n  # indented\r\nuser ann\r\ntopic read a/#  \r\n");
  assert(access.mayReceive(client("c", "ann"), "a/b"));
  assert(!access.mayPublish(client("c", "ann"), "a/b"));
  assert(!access.mayReceive(client("c"), "a/b"));
});

Deno.test("access control: names with wildcards or slashes get nothing by a pattern", () => {
  const { access } = accessControl("user ann\ntopic fixed\npattern dev/%c/#\npattern %u/x\npattern all");
  for (const clientId of ["+", "#", "a/b", "/"]) {
    assert(!access.mayPublish(client(clientId, "ann"), `dev/${clientId}/x`));
    assert(!access.mayReceive(client(clientId, "ann"), "dev/other/x"));
    assert(!access.mayReceive(client(clientId, "ann"), "all"));
    assert(access.mayReceive(client(clientId, "ann"), "fixed"));
    assert(!access.mayReceive(client("c", clientId), "all"));
  }
  assert(access.mayPublish(client("$&", "$1"), "dev/$&/x"), "no meaning in a replacement");
  assert(access.mayPublish(client("c", "%c"), "%c/x"), "placeholders are filled in once");
});

Deno.test("access control: no name leads a pattern to topics that begin with $", () => {
  const { access } = accessControl(
    "pattern %c/#\npattern read %u\npattern $own/%c\npattern deny %c/secret\npattern $x/#",
  );
  assert(!access.mayReceive(client("$SYS", "ann"), "$SYS/broker/version"));
  assert(!access.mayReceive(client("c", "$SYS"), "$SYS"));
  assert(access.mayPublish(client("c", "ann"), "$own/c"));
  assert(access.mayReceive(client("$x", "ann"), "$x/open"));
  assert(!access.mayReceive(client("$x", "ann"), "$x/secret"), "a denial holds in any case");
});

Deno.test(
  "broker access: commands for Mosquitto's control topics, which may hold passwords, reach nobody",
  withBroker(async ({ connect }) => {
    const [curious, admin] = [await connect(), await connect()];
    await curious.subscribe("$CONTROL/#");
    await admin.send(publishPacket("$CONTROL/dynamic-security/v1", "secret", { qos: 1, packetId: 1 }));
    await admin.expect("puback", { packetId: 1, reasonCode: 0x87 });
    assertEquals(await curious.publications(), []);
  }),
);

Deno.test("access control: an empty file denies everything", () => {
  const { access } = accessControl("");
  assert(!access.mayPublish(client("c"), "a"));
  assert(!access.mayReceive(client("c"), "a"));
});

Deno.test("broker access: new rules are in force before the next packet, for those who are connected, too", async () => {
  const rules = accessControl("topic #");
  await withBroker({ ...rules }, async ({ connect, broker }) => {
    const session = { clientId: "away", cleanStart: false, properties: { sessionExpiryInterval: 100 } };
    const reader = await connect({ autoAck: true });
    await reader.subscribe(["a", "b"], { qos: 1 });
    const sharing = await connect({ autoAck: true });
    await sharing.subscribe("$share/g/a", { qos: 1 });
    const away = await connect(session);
    await away.subscribe(["a", "b"], { qos: 1 });
    await away.disconnect();
    const writer = await connect();
    await writer.publish("a", "1", { qos: 1 });
    assertEquals((await reader.publications()).length, 1);
    assertEquals((await sharing.publications()).length, 1);

    rules.reload("topic read b\ntopic write a\ntopic write b");
    await writer.publish("a", "2", { qos: 1 });
    await writer.publish("b", "3", { qos: 1 });
    assertEquals((await reader.publications()).map(({ topic }) => topic), ["b"]);
    assertEquals(await sharing.publications(), []);

    rules.reload("topic read #");
    await writer.send(publishPacket("a", "", { qos: 1, packetId: 9 }));
    await writer.expect("puback", { packetId: 9, reasonCode: 0x87 });

    // What waited since it was allowed is not sent now that it is not.
    rules.reload("topic read b");
    const back = await connect({ ...session, autoAck: true });
    assertEquals((await back.publications()).map(({ topic }) => topic), ["b"]);
    assertEquals(broker.counts().dropped.notAuthorized, 2);
    assertThrows(() => rules.reload("nonsense"), AuthFileError);
    await writer.send(publishPacket("a", "", { qos: 1, packetId: 9 }));
    await writer.expect("puback", { packetId: 9, reasonCode: 0x87 });
  })();
});

Deno.test(
  "broker access: a share group passes over members that may not have a message",
  withBroker(accessControl("user ann\ntopic a\nuser bob\ntopic write a"), async ({ connect }) => {
    const ann = await connect({ username: "ann" });
    const bob = await connect({ username: "bob" });
    await ann.subscribe("$share/g/a");
    await bob.subscribe("$share/g/a");
    for (let at = 0; at < 4; at++) await bob.publish("a", "", { qos: 1 });
    assertEquals([(await ann.publications()).length, (await bob.publications()).length], [4, 0]);
  }),
);

Deno.test("broker access: rules come and go with the broker's options", async () => {
  await withBroker(async ({ connect, broker }) => {
    const client = await connect();
    await client.subscribe("a", { qos: 0 });
    await client.publish("a", "", { qos: 1 });
    assertEquals((await client.publications()).length, 1);
    broker.update({ ...accessControl("topic write a"), sysInterval: 0 });
    await client.publish("a", "", { qos: 1 });
    assertEquals(await client.publications(), []);
    broker.update({ ...accessControl("topic read a"), sysInterval: 0 });
    await client.send(publishPacket("a", "", { qos: 1, packetId: 9 }));
    await client.expect("puback", { packetId: 9, reasonCode: 0x87 });
  })();
});

Deno.test("broker access: a retained message is sent only while its publisher may still publish it", async () => {
  const rules = accessControl("user ann\ntopic #\nuser bob\ntopic #");
  const body = (expected: string[]) => async (test: BrokerTest) => {
    const ann = await test.connect({ username: "ann", will: { topic: "will", payload: "w", retain: true } });
    const bob = await test.connect({ username: "bob" });
    await ann.publish("a", "1", { qos: 1, retain: true });
    await bob.publish("b", "2", { qos: 1, retain: true });
    await ann.disconnect(4);
    await ann.expectClosed();
    test.broker.publish({ topic: "own", payload: "3", retain: true });
    rules.reload("user bob\ntopic #");
    const reader = await test.connect({ username: "bob" });
    await reader.subscribe("#", { qos: 0 });
    assertEquals((await reader.publications()).map(({ topic }) => topic).sort(), expected);
    rules.reload("user ann\ntopic #\nuser bob\ntopic #");
    const again = await test.connect({ username: "bob" });
    await again.subscribe("#", { qos: 0 });
    assertEquals((await again.publications()).length, 4);
  };
  await withBroker({ ...rules }, body(["b", "own"]))();
  await withBroker({ ...rules, checkRetainSource: false }, body(["a", "b", "own", "will"]))();
});
