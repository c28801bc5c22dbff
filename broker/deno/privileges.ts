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

/**
 * If root started the broker, goes on as `user`, or as Mosquitto does as `mosquitto` or `nobody`. Returns the user's
 * name, undefined if nothing has changed. Throws if there is no such user.
 */
export function dropPrivileges(user: string | undefined): string | undefined {
  if (Deno.build.os === "windows" || Deno.uid() !== 0 || user === "root") return undefined;
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
  process.setgid(group);
  process.setuid(found);
  return found;
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
