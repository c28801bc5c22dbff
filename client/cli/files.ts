/**
 * Files that a command line names.
 *
 * @module
 */

import { CommandError } from "./exit.ts";

/** The text of a file with keys or certificates. */
export async function readText(path: string): Promise<string> {
  try {
    return await Deno.readTextFile(path);
  } catch (cause) {
    throw new CommandError("Error: Problem setting TLS options: File not found.", undefined, { cause });
  }
}

/** The texts of all certificates in a folder. */
export async function readCertificates(folder: string): Promise<string[]> {
  const texts: string[] = [];
  try {
    for await (const { name } of Deno.readDir(folder)) {
      const path = `${folder}/${name}`;
      // Links, as such folders hold them, count as what they lead to.
      const text = (await Deno.stat(path)).isFile ? await Deno.readTextFile(path) : "";
      if (text.includes("-----BEGIN CERTIFICATE-----")) texts.push(text);
    }
  } catch (cause) {
    throw new CommandError("Error: Problem setting TLS options: File not found.", undefined, { cause });
  }
  return texts;
}

/**
 * The defaults of a user for a command, from the same file that Mosquitto's tools read; empty if there is none.
 * `tool` is the name of the file.
 */
export async function readDefaults(tool: string): Promise<string> {
  const folder = Deno.env.get("XDG_CONFIG_HOME") ?? `${Deno.env.get("HOME") ?? ""}/.config`;
  try {
    return await Deno.readTextFile(`${folder}/${tool}`);
  } catch {
    // Whatever keeps us from reading it: it is optional.
    return "";
  }
}
