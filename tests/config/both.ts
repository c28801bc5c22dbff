/**
 * Mosquitto and our broker side by side, each with the same configuration file.
 *
 * @module
 */

import { assertEquals } from "@std/assert";
import { freePort } from "../support/ports.ts";
import { RunningProcess } from "../support/process.ts";
import { bounded } from "../support/broker.ts";
import { Conversation } from "./conversation.ts";

/** What clients do. */
export type Script = (conversation: Conversation) => Promise<void>;

/** Where ours is meant to answer differently. */
export interface Difference {
  readonly why: string;
  /** What Mosquitto says: lines as a conversation writes them down; empty for nothing. */
  readonly mosquitto: readonly string[];
  /** What ours says in their place. */
  readonly ours: readonly string[];
}

const FILES = new URL("./files/", import.meta.url);

/** Runs a script against both with one of the files, and compares what they answer, but for the differences. */
export function compare(file: string, script: Script, differences: readonly Difference[] = []): () => Promise<void> {
  return () =>
    bounded(async () => {
      const theirs = await answers("mosquitto", file, script);
      const ours = await answers("ours", file, script);
      assertEquals(ours, expected(theirs, differences));
    }, 40_000);
}

/** What Mosquitto says, with the differences in it. */
function expected(lines: readonly string[], differences: readonly Difference[]): string[] {
  const result: string[] = [];
  let rest = [...lines];
  for (const { why, mosquitto, ours } of differences) {
    const at = rest.findIndex((_, index) => mosquitto.every((line, offset) => rest[index + offset] === line));
    // A difference that is none any more does not belong on the list.
    assertEquals(at >= 0 && mosquitto.length > 0, true, `mosquitto says no longer ${mosquitto} (${why}): ${rest}`);
    result.push(...rest.slice(0, at), ...ours);
    rest = rest.slice(at + mosquitto.length);
  }
  return [...result, ...rest];
}

async function answers(who: "mosquitto" | "ours", file: string, script: Script): Promise<string[]> {
  const folder = await Deno.makeTempDir({ prefix: "config-" });
  try {
    const ports = [freePort(), freePort()];
    const path = `${folder}/mosquitto.conf`;
    await Deno.writeTextFile(path, await configuration(file, folder, ports));
    await using process = start(who, path);
    await process.waitForLine(/version \S+ running$/);
    await using conversation = new Conversation(ports);
    await script(conversation);
    return conversation.lines;
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

/** The text of a file with this run's ports and folders in it. */
async function configuration(file: string, folder: string, ports: readonly number[]): Promise<string> {
  const text = await Deno.readTextFile(new URL(file, FILES));
  const files = decodeURIComponent(FILES.pathname).replace(/\/$/, "");
  return text
    .replaceAll(/\{port(\d)\}/g, (_, index: string) => String(ports[Number(index) - 1]))
    .replaceAll("{folder}", folder)
    .replaceAll("{files}", files);
}

function start(who: "mosquitto" | "ours", path: string): RunningProcess {
  if (who === "mosquitto") return new RunningProcess("/usr/sbin/mosquitto", ["-c", path]);
  return new RunningProcess(Deno.execPath(), ["run", "-A", "broker/mod.ts", "-c", path]);
}
