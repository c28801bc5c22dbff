/**
 * The `passwd` command on Deno: files and the terminal.
 *
 * @module
 */

import { type PasswdHost, runPasswd } from "../auth/passwd_command.ts";
import { readUtf8File } from "./text_file.ts";

/** Runs `passwd` with these arguments; returns the status for the process. */
export function passwd(args: readonly string[]): Promise<number> {
  return runPasswd(args, host);
}

const host: PasswdHost = {
  read(path) {
    try {
      return readUtf8File(path);
    } catch (error) {
      if (error instanceof Deno.errors.NotFound) return undefined;
      throw error;
    }
  },
  write: replaceFile,
  askPassword(prompt) {
    Deno.stderr.writeSync(new TextEncoder().encode(prompt));
    const isTerminal = Deno.stdin.isTerminal();
    if (isTerminal) Deno.stdin.setRaw(true);
    try {
      return readLine();
    } finally {
      if (isTerminal) {
        Deno.stdin.setRaw(false);
        Deno.stderr.writeSync(new TextEncoder().encode("\n"));
      }
    }
  },
  print: (line) => console.log(line),
  complain: (line) => console.error(line),
};

/** Writes beside the file and puts it in its place; a file that exists keeps its mode and owner. */
function replaceFile(path: string, text: string): void {
  const before = statOf(path);
  const target = before === undefined ? path : Deno.realPathSync(path);
  const temporary = `${target}.${crypto.randomUUID()}.tmp`;
  const mode = before?.mode === undefined || before.mode === null ? 0o600 : before.mode & 0o777;
  const file = Deno.openSync(temporary, { write: true, createNew: true, mode: 0o600 });
  try {
    const bytes = new TextEncoder().encode(text);
    for (let written = 0; written < bytes.length;) written += file.writeSync(bytes.subarray(written));
    file.syncSync();
    file.close();
    keepOwner(temporary, before);
    if (Deno.build.os !== "windows") Deno.chmodSync(temporary, mode);
    Deno.renameSync(temporary, target);
  } catch (error) {
    Deno.removeSync(temporary);
    throw error;
  }
}

function statOf(path: string): Deno.FileInfo | undefined {
  try {
    return Deno.statSync(path);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return undefined;
    throw error;
  }
}

/** Only root can give a file to another one; for all others, it is theirs already. */
function keepOwner(path: string, before: Deno.FileInfo | undefined): void {
  if (before === undefined || before.uid === null || Deno.build.os === "windows") return;
  const now = Deno.statSync(path);
  if (before.uid !== now.uid || before.gid !== now.gid) Deno.chownSync(path, before.uid, before.gid);
}

const BACKSPACE = 0x08;
const DELETE = 0x7f;
const INTERRUPT = 0x03;
const END = 0x04;

/** Reads up to the end of a line, byte by byte so that nothing is taken of the next one. Undefined: the input ends. */
function readLine(): string | undefined {
  const bytes: number[] = [];
  const one = new Uint8Array(1);
  for (;;) {
    const count = Deno.stdin.readSync(one);
    const byte = one[0];
    if (count === null || byte === undefined || (byte === END && bytes.length === 0)) {
      return bytes.length > 0 ? decode(bytes) : undefined;
    }
    if (byte === 0x0a || byte === 0x0d) return decode(bytes);
    if (byte === INTERRUPT) return undefined;
    if (byte === BACKSPACE || byte === DELETE) removeLast(bytes);
    else bytes.push(byte);
  }
}

/** One character in UTF-8 may have several bytes. */
function removeLast(bytes: number[]): void {
  while (((bytes.pop() ?? 0) & 0xc0) === 0x80);
}

function decode(bytes: readonly number[]): string {
  return new TextDecoder().decode(Uint8Array.from(bytes));
}
