/**
 * What a program has asked of its files and connections, in order, as `strace` has seen it.
 *
 * @module
 */

/** A system call that has succeeded. */
export type Call =
  | { readonly kind: "open"; readonly fd: number; readonly path: string; readonly creates: boolean }
  | { readonly kind: "write"; readonly fd: number; readonly offset: number; readonly bytes: Uint8Array }
  | { readonly kind: "truncate"; readonly fd: number; readonly size: number }
  | { readonly kind: "sync"; readonly fd: number }
  | { readonly kind: "unlink"; readonly path: string }
  | { readonly kind: "close"; readonly fd: number }
  /** A connection begins, unless it is a socket that listens. */
  | { readonly kind: "connection"; readonly fd: number }
  | { readonly kind: "receive"; readonly fd: number; readonly bytes: Uint8Array }
  | { readonly kind: "send"; readonly fd: number; readonly bytes: Uint8Array }
  /** Nothing that a store or a connection is known to do; with all texts that it was given. */
  | { readonly kind: "other"; readonly name: string; readonly fd: number; readonly texts: readonly string[] };

/** One system call as `strace` writes it. */
interface Line {
  readonly name: string;
  readonly args: readonly string[];
  readonly result: number;
}

const KNOWN = [
  "openat",
  "close",
  "accept4",
  "socket",
  "recvfrom",
  "sendto",
  "pwrite64",
  "ftruncate",
  "fsync",
  "fdatasync",
];
const REMOVING = ["unlink", "unlinkat"];
/** These would change what a disk holds as well, or send as well: where they are met, the model has to learn them. */
const UNKNOWN = ["write", "writev", "pwritev", "pwritev2", "truncate", "fallocate", "copy_file_range", "sendfile"];
const UNKNOWN_TOO = ["rename", "renameat", "renameat2", "link", "linkat", "symlink", "symlinkat", "sendmsg", "recvmsg"];

/** A fault in place of a system call, in the words of `strace`: the name of the call, and what becomes of which. */
export type Fault = string;

/** The program is killed in place of a thread's so manieth sync: between a write and the moment when the disk has it. */
export function deathAtSync(count: number): Fault {
  return `fsync:error=EIO:signal=KILL:when=${count}`;
}

/** Looks at a trace until its end is there, 20 ms apart. */
const ATTEMPTS = 250;

/** Arguments of `strace` by which it writes to `file` what {@linkcode readTrace} reads. */
export function traceArguments(file: string, fault?: Fault): string[] {
  // Calls that a machine does not have are left out; `-D`: the program stays our child.
  const names = [...KNOWN, ...REMOVING, ...UNKNOWN, ...UNKNOWN_TOO].map((name) => `?${name}`).join();
  const output = ["-xx", "-s", "10000000", "-o", file, "-e", "signal=KILL"];
  // The quick way of tracing forgets to kill.
  const way = fault === undefined ? ["--seccomp-bpf"] : ["-e", `inject=${fault}`];
  return ["-D", "-f", "-q", ...output, "-e", `trace=${names}`, ...way];
}

/** Whether `strace` is there, and may trace. */
export async function canTrace(): Promise<boolean> {
  if (Deno.build.os !== "linux") return false;
  try {
    const command = new Deno.Command("strace", { args: ["-qq", "-o", "/dev/null", "true"], stderr: "null" });
    return (await command.output()).success;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return false;
    throw error;
  }
}

/**
 * All calls of an ended program that have succeeded. A call counts when it has ended: its caller knows of it no sooner.
 */
export async function readTrace(file: string): Promise<Call[]> {
  const calls: Call[] = [];
  const begun = new Map<string, string>();
  for (const text of (await readWhole(file)).split("\n")) {
    const line = parseLine(text, begun);
    if (line === undefined || line.result < 0) continue;
    calls.push(callOf(line));
  }
  return calls;
}

/** The trace with its end, which may come a little later than that of the program: its first thread ends last. */
async function readWhole(file: string): Promise<string> {
  for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
    const text = await Deno.readTextFile(file);
    const thread = text.slice(0, text.indexOf(" "));
    if (new RegExp(`^${thread} +\\+\\+\\+ .*\n$`, "m").test(text.slice(-500))) return text;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  throw new Error(`Cannot read ${file}: it must end with the end of the program`);
}

/** `begun` has the first halves of the calls during which other threads have made some. */
function parseLine(text: string, begun: Map<string, string>): Line | undefined {
  const [, thread = "", rest = ""] = text.match(/^(\d+) +(.*)$/) ?? [];
  if (rest.endsWith(" <unfinished ...>")) {
    begun.set(thread, rest.slice(0, -" <unfinished ...>".length));
    return undefined;
  }
  const resumed = rest.match(/^<\.\.\. \w+ resumed>(.*)$/);
  const whole = resumed === null ? rest : (begun.get(thread) ?? "") + resumed[1];
  const [, name, args = "", result] = whole.match(/^(\w+)\((.*)\)\s+= (-?\d+)/) ?? [];
  return name === undefined ? undefined : { name, args: args.split(", "), result: Number(result) };
}

function callOf({ name, args, result }: Line): Call {
  const [first = "", second = ""] = args;
  const fd = Number(first);
  switch (name) {
    case "openat":
      return { kind: "open", fd: result, path: textOf(second), creates: args[2]?.includes("O_CREAT") ?? false };
    case "close":
      return { kind: "close", fd };
    case "accept4":
      return { kind: "connection", fd: result };
    case "socket":
      // Those for names of hosts are none.
      return { kind: second.includes("SOCK_STREAM") ? "connection" : "close", fd: result };
    case "recvfrom":
      return { kind: "receive", fd, bytes: bytesOf(second).subarray(0, result) };
    case "sendto":
      return { kind: "send", fd, bytes: bytesOf(second).subarray(0, result) };
    case "pwrite64":
      return { kind: "write", fd, offset: Number(args[3]), bytes: bytesOf(second).subarray(0, result) };
    case "ftruncate":
      return { kind: "truncate", fd, size: Number(second) };
    case "fsync":
    case "fdatasync":
      return { kind: "sync", fd };
    case "unlink":
      return { kind: "unlink", path: textOf(first) };
    case "unlinkat":
      return { kind: "unlink", path: textOf(second) };
    default:
      return { kind: "other", name, fd, texts: args.filter((arg) => arg.startsWith('"')).map(textOf) };
  }
}

/** The bytes of `"\x61\x62"`. */
function bytesOf(text: string): Uint8Array {
  return Uint8Array.fromHex(text.slice(1, -1).replaceAll("\\x", ""));
}

function textOf(text: string): string {
  return new TextDecoder().decode(bytesOf(text));
}
