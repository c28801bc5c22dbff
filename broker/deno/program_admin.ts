/**
 * The admin listener of a program: what it shows besides the broker itself.
 *
 * @module
 */

import type { ReloadResult } from "../admin/api.ts";
import type { LogBuffer } from "../admin/log_buffer.ts";
import type { AdminConfiguration } from "../config/configuration.ts";
import { type AdminListener, listenAdmin } from "./listen_admin.ts";
import type { ProgramLog } from "./log.ts";
import type { RunningProgram } from "./program.ts";

/** Opens the admin listener. Rejects with an error that says what is in the way. */
export async function openAdmin(
  program: RunningProgram,
  { hostname, port, tokenFile, hosts }: AdminConfiguration,
  log: ProgramLog,
): Promise<AdminListener> {
  const { LogBuffer } = await import("../admin/log_buffer.ts");
  const lines = new LogBuffer();
  log.observe = (level, line) => lines.write(level, line);
  const { broker, listeners } = program;
  try {
    const admin = await listenAdmin(broker, {
      hostname,
      port,
      token: tokenFile === undefined ? undefined : readToken(tokenFile),
      hosts,
      policy: listeners.policies[0],
      log: lines,
      listeners: () => listeners.states,
      reload: program.isFromFile ? () => reloaded(program, lines) : undefined,
      onError: (error) => log.write("error", `Answering an admin request failed: ${error}`),
      memory: () => Deno.memoryUsage().rss,
    });
    const { address } = admin;
    log.write("information", `Opening admin listen socket on ${address.hostname} port ${address.port}.`);
    return admin;
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new Error(`Cannot listen on ${hostname} port ${port} for admin: ${reason}`, { cause: error });
  }
}

function readToken(path: string): string {
  try {
    return Deno.readTextFileSync(path).trim();
  } catch (error) {
    throw new Error(
      `admin_token_file must be readable, received ${path} (${error instanceof Error ? error.message : error})`,
    );
  }
}

/** What the log says of it is what there is to tell. */
async function reloaded(program: RunningProgram, lines: LogBuffer): Promise<ReloadResult> {
  const from = lines.count;
  await program.reload();
  const told = lines.tail(100, from);
  return { ok: !told.some(({ level }) => level === "error"), messages: told.map(({ text }) => text) };
}
