/**
 * What a service does when root starts it: a file with its process id, and another user.
 *
 * @module
 */

import process from "node:process";

/** Writes the process id into a file; the function that it returns removes it. Throws if it cannot be written. */
export function writePidFile(path: string): () => void {
  try {
    Deno.writeTextFileSync(path, `${Deno.pid}\n`);
  } catch (error) {
    throw new Error(`Cannot write pid_file ${path}: ${error instanceof Error ? error.message : error}`);
  }
  return () => {
    try {
      Deno.removeSync(path);
    } catch {
      // The user that the broker runs as now may not remove it, or somebody else has.
    }
  };
}

/** Who the broker runs as now. */
export interface Runner {
  readonly user: string;
  /** Numbers of groups that the starting user had and this one should not have, but has. */
  readonly foreignGroups: readonly number[];
}

/**
 * If root started the broker, goes on as `user`, or as Mosquitto does as `mosquitto` or `nobody`, with the groups of
 * that user. Undefined: nothing has changed. Throws if there is no such user.
 */
export function dropPrivileges(user: string | undefined): Runner | undefined {
  try {
    if (Deno.build.os === "windows" || Deno.uid() !== 0 || user === "root") return undefined;
    return become(user);
  } catch (error) {
    if (!(error instanceof Deno.errors.NotCapable)) throw error;
    throw new Error(
      `Cannot give up the rights of root: ${error.message}, or start the broker as the user that it is to run as`,
    );
  }
}

function become(user: string | undefined): Runner {
  const wanted = user === undefined || user === "mosquitto" ? ["mosquitto", "nobody"] : [user];
  const found = wanted.find(isUser);
  if (found === undefined) {
    throw new Error(`Cannot run as ${wanted.join(" or ")}: user must be one that exists`);
  }
  const group = groupOf(found);
  if (process.setgid === undefined || process.setuid === undefined) {
    throw new Error(
      `Cannot run as ${found}: the runtime must be able to change the user; start the broker as ${found}`,
    );
  }
  const foreignGroups = takeGroupsOf(found, group) ? [] : (process.getgroups?.() ?? []).filter((id) => id !== group);
  process.setgid(group);
  process.setuid(found);
  return { user: found, foreignGroups };
}

/** The C library under the names that it has on our platforms. */
const C_LIBRARIES = ["libc.so.6", `libc.musl-${Deno.build.arch}.so.1`, "/usr/lib/libSystem.B.dylib"];

/** `setgid` leaves the other groups of root in place, and Deno has nothing for these; the C library has. */
function takeGroupsOf(user: string, group: number): boolean {
  // Nobody is there to answer a question.
  if (Deno.permissions.querySync({ name: "ffi" }).state !== "granted") return false;
  for (const name of C_LIBRARIES) {
    try {
      const library = Deno.dlopen(name, { initgroups: { parameters: ["buffer", "u32"], result: "i32" } });
      try {
        return library.symbols.initgroups(new TextEncoder().encode(`${user}\0`), group) === 0;
      } finally {
        library.close();
      }
    } catch {
      // It has another name here.
    }
  }
  return false;
}

function isUser(name: string): boolean {
  return groupOf(name) >= 0;
}

/** The number of a user's primary group; -1 if there is no such user. */
function groupOf(name: string): number {
  for (const line of Deno.readTextFileSync("/etc/passwd").split("\n")) {
    const [user, , , group] = line.split(":");
    if (user === name) return Number(group);
  }
  return -1;
}
