/** Users, access rules and persistence of one configuration file, over restarts of the program. */

import { assertEquals } from "@std/assert";
import { bounded } from "../support/broker.ts";
import { hasProgram } from "../support/mosquitto.ts";
import { type RunningProcess, runProcess } from "../support/process.ts";
import { RawClient } from "../support/raw_client.ts";
import { startConfigured } from "./program.ts";

const WATCHDOG = 40_000;
const LASTING = { cleanStart: false, properties: { sessionExpiryInterval: 3_600 } } as const;

Deno.test({
  name: "broker config: with persistence, access rules hold after a restart for what was there before",
  ignore: Deno.build.os === "windows" || !hasProgram("mosquitto_passwd"),
  fn: () =>
    bounded(async () => {
      const files = await Deno.makeTempDir();
      const writeRules = (...lines: string[]) => Deno.writeTextFile(`${files}/acl`, lines.join("\n"));
      await Deno.writeTextFile(`${files}/users`, "");
      for (const user of ["ann", "bob"]) {
        await runProcess("mosquitto_passwd", ["-b", `${files}/users`, user, "secret"]);
      }
      await writeRules("user ann", "topic readwrite #", "user bob", "topic readwrite #");
      await using broker = await startConfigured([
        ...["listener {port} 127.0.0.1", `password_file ${files}/users`, `acl_file ${files}/acl`],
        ...["persistence true", "persistence_location {folder}"],
      ]);
      const open = (username: string, options = {}) =>
        RawClient.connect(broker.port, { clientId: `${username}'s`, username, password: "secret", ...options });
      {
        await using bob = await open("bob", LASTING);
        await bob.subscribe("#", { qos: 1 });
      }
      {
        await using ann = await open("ann");
        for (const topic of ["home/a", "office/a"]) {
          await ann.publish(topic, "kept", { qos: 1, retain: true });
          await ann.publish(topic, "waits", { qos: 1 });
        }
      }
      await broker.process.stop("SIGKILL");
      await writeRules("user ann", "topic readwrite office/#", "user bob", "topic read home/#", "topic read office/#");
      await using again = await started(broker.restart());
      // What ann may not publish any more is not retained any more, and what waits for bob he may still read.
      await using bob = await open("bob", { ...LASTING, autoAck: true });
      assertEquals(bob.connack?.sessionPresent, true);
      const waiting = await bob.expectMany("publish", 4);
      assertEquals(waiting.map(({ topic }) => topic), ["home/a", "home/a", "office/a", "office/a"]);
      await bob.subscribe("+/a", { qos: 1 });
      const [retained] = await bob.expectMany("publish", 1);
      assertEquals(retained?.topic, "office/a");
      assertEquals(await bob.barrier(), []);
      // The owner of a session is remembered, too.
      await using thief = await RawClient.open(broker.port, 5);
      await thief.sendConnect({ clientId: "bob's", username: "ann", password: "secret", ...LASTING });
      await thief.expectRefused(0x87);
      await bob.close();
      await again.stop();
      await writeRules("user bob", "topic read home/#");
      await using third = await started(broker.restart());
      await using narrow = await open("bob", LASTING);
      assertEquals(narrow.connack?.sessionPresent, true);
      await narrow.subscribe("#", { qos: 1 });
      assertEquals(await narrow.barrier(), []);
      await third.stop();
      await Deno.remove(files, { recursive: true });
    }, WATCHDOG),
});

async function started(process: RunningProcess): Promise<RunningProcess> {
  await process.waitForLine(/ running$/);
  return process;
}
