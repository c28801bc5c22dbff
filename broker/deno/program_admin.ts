/**
 * The admin listener of a program: what it shows besides the broker itself.
 *
 * @module
 */

import type { ReloadResult } from "../admin/api.ts";
import type { LogBuffer } from "../admin/log_buffer.ts";
import type { AdminConfiguration } from "../config/configuration.ts";
import { listenAdmin } from "./listen_admin.ts";
import type { ProgramLog } from "./log.ts";
import type { RunningProgram } from "./program.ts";
import { loadTlsContext } from "./tls_context.ts";

/** The admin listener of a program. */
export interface ProgramAdmin extends AsyncDisposable {
  /**
   * Reads token and certificate again, if they are to be in the files that it was opened with. Throws an error that says
   * what cannot be used; then all stays as it is.
   */
  reload(now: AdminConfiguration | undefined): void;
}

/** Rejects with an error that says what of its files cannot be used. */
export async function assertAdminUsable({ tokenFile, tls, hosts }: AdminConfiguration): Promise<void> {
  const { Guard } = await import("../admin/guard.ts");
  new Guard({ token: tokenIn(tokenFile), hosts });
  if (tls !== undefined) loadTlsContext(tls);
}

/** Opens the admin listener. Rejects with an error that says what is in the way. */
export async function openAdmin(
  program: RunningProgram,
  configuration: AdminConfiguration,
  log: ProgramLog,
): Promise<ProgramAdmin> {
  const { hostname, port, tokenFile, tls, hosts } = configuration;
  const { LogBuffer } = await import("../admin/log_buffer.ts");
  const lines = new LogBuffer();
  log.observe = (level, line) => lines.write(level, line);
  const { broker, listeners } = program;
  try {
    const admin = await listenAdmin(broker, {
      hostname,
      port,
      token: tokenIn(tokenFile),
      tls,
      hosts,
      // The configuration that is read again may have another first one.
      get policy() {
        return listeners.policies[0];
      },
      log: lines,
      listeners: () => listeners.states,
      reload: program.isFromFile ? () => reloaded(program, lines) : undefined,
      onError: (error) => log.write("error", `Answering an admin request failed: ${error}`),
      memory: () => Deno.memoryUsage().rss,
    });
    const { address } = admin;
    log.write("information", `Opening admin listen socket on ${address.hostname} port ${address.port}.`);
    return {
      reload(now) {
        if (now !== undefined && filesOf(now) === filesOf(configuration)) admin.reload(tokenIn(tokenFile));
      },
      [Symbol.asyncDispose]: () => admin.close(),
    };
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new Error(`Cannot listen on ${hostname} port ${port} for admin: ${reason}`, { cause: error });
  }
}

function filesOf({ tokenFile, tls }: AdminConfiguration): string {
  return JSON.stringify([tokenFile, tls]);
}

function tokenIn(path: string | undefined): string | undefined {
  if (path === undefined) return undefined;
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
