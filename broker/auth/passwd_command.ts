/**
 * The `passwd` command: writes password files as `mosquitto_passwd` does.
 *
 * @module
 */

import { hashAll, removeUser, setUser, userNameProblem } from "./passwd_edit.ts";
import { formatPasswordHash, hashPassword, type PasswordScheme } from "./password_hash.ts";

/** What the command needs of the machine. */
export interface PasswdHost {
  /** Text of a file; undefined if there is none. */
  read(path: string): string | undefined;
  /** Replaces a file in one step, so that nobody ever reads half of it; a new one only its owner may read. */
  write(path: string, text: string): void;
  /** Asks for a password without showing it; undefined at the end of the input. */
  askPassword(prompt: string): string | undefined;
  /** A line for the user. */
  print(line: string): void;
  /** A line about what is wrong. */
  complain(line: string): void;
}

/** How {@linkcode passwd} is used. */
export const PASSWD_HELP = `Writes password files for the broker, in the form of Mosquitto.

Usage: passwd [-H SCHEME] [-I COUNT] [-c] FILE USER             set a password, which is asked for
       passwd [-H SCHEME] [-I COUNT] [-c] -b FILE USER PASSWORD set this password (others may see it in the list of processes)
       passwd -D FILE USER                                      delete a user
       passwd [-H SCHEME] [-I COUNT] -U FILE                    hash all passwords that are in plain text

Options:
  -c         create the file; one that exists is thrown away
  -H SCHEME  sha512-pbkdf2 (default), sha512 (for Mosquitto 1.6 and before), or
             scram-sha-256 (for enhanced authentication; passwords work as well, but not with Mosquitto)
  -I COUNT   iterations, 1 to 10000000 (default 20000; scram-sha-256 needs 4096 at least)
  -h, --help show this text
`;

const USAGE_ERROR = 2;
const FAILURE = 1;
const ITERATIONS = 20_000;
const LEAST_SCRAM_ITERATIONS = 4_096;

type Action =
  | { readonly kind: "help" }
  | { readonly kind: "set"; readonly create: boolean; readonly user: string; readonly password: string | undefined }
  | { readonly kind: "delete"; readonly user: string }
  | { readonly kind: "upgrade" };

interface Command {
  readonly action: Action;
  readonly file: string;
  readonly scheme: PasswordScheme;
  readonly iterations: number;
}

class UsageProblem extends Error {}

/** Runs the command; returns the status for the process: 0, 1 for a failure, 2 for arguments that make no sense. */
export async function runPasswd(args: readonly string[], host: PasswdHost): Promise<number> {
  try {
    const command = parseCommand(args);
    if (command.action.kind === "help") host.print(PASSWD_HELP);
    else await execute(command, command.action, host);
    return 0;
  } catch (error) {
    if (error instanceof UsageProblem) {
      host.complain(`${error.message}\nTry passwd --help.`);
      return USAGE_ERROR;
    }
    if (!(error instanceof Error)) throw error;
    host.complain(error.message);
    return FAILURE;
  }
}

async function execute(command: Command, action: Exclude<Action, { kind: "help" }>, host: PasswdHost): Promise<void> {
  const { file } = command;
  const hash = async (password: string) =>
    formatPasswordHash(await hashPassword(password, command.scheme, command.iterations));
  switch (action.kind) {
    case "set": {
      const before = action.create ? "" : existing(file, host);
      const password = action.password ?? ask(action.user, host);
      return host.write(file, setUser(before, action.user, await hash(password)));
    }
    case "delete": {
      const text = removeUser(existing(file, host), action.user);
      if (text === undefined) throw new Error(`Cannot delete user ${action.user}: it must be in ${file}`);
      return host.write(file, text);
    }
    case "upgrade":
      return host.write(file, await hashAll(existing(file, host), file, hash));
  }
}

function existing(file: string, host: PasswdHost): string {
  const text = host.read(file);
  if (text === undefined) throw new Error(`Cannot change ${file}: it must exist; create it with -c`);
  return text;
}

function ask(user: string, host: PasswdHost): string {
  const password = host.askPassword(`Password for ${user}: `);
  const again = password === undefined ? undefined : host.askPassword("The same again: ");
  if (password === undefined || password === "") throw new Error("Cannot set the password: it must not be empty");
  if (password !== again) throw new Error("Cannot set the password: both must be the same");
  return password;
}

function parseCommand(args: readonly string[]): Command {
  const { flags, values, rest } = splitArguments(args);
  const scheme = schemeOf(values.get("H") ?? "sha512-pbkdf2");
  const iterations = iterationsOf(values.get("I"), scheme);
  const action = flags.has("h") ? { kind: "help" as const } : actionOf(flags, rest);
  return { action, file: rest[0] ?? "", scheme, iterations };
}

/** Taken apart by hand: a user name or password that looks like a number must stay what it is. */
function splitArguments(args: readonly string[]): { flags: Set<string>; values: Map<string, string>; rest: string[] } {
  const flags = new Set<string>();
  const values = new Map<string, string>();
  const rest: string[] = [];
  for (let at = 0; at < args.length; at++) {
    const argument = args[at] ?? "";
    if (argument === "--") return { flags, values, rest: [...rest, ...args.slice(at + 1)] };
    // Behind the file, anything may be a name or a password.
    if (rest.length > 0 || !/^-./.test(argument)) rest.push(argument);
    else if (argument === "-H" || argument === "-I") values.set(argument.slice(1), args[++at] ?? "");
    else if (argument === "--help") flags.add("h");
    else if (/^-[bcDUh]+$/.test(argument)) { for (const flag of argument.slice(1)) flags.add(flag); }
    else {throw new UsageProblem(
        `Cannot run passwd: options must be among -b -c -D -H -I -U --help, received ${argument}`,
      );}
  }
  return { flags, values, rest };
}

function actionOf(flags: ReadonlySet<string>, rest: readonly string[]): Action {
  const [file, user = "", password] = rest;
  const chosen = ["b", "D", "U"].filter((flag) => flags.has(flag));
  if (chosen.length > 1 || (flags.has("c") && (flags.has("D") || flags.has("U")))) {
    throw new UsageProblem("Cannot run passwd: there must be one of -b, -D and -U at most, and -c without -D and -U");
  }
  const [only] = chosen;
  const expected = only === "U" ? ["FILE"] : only === "b" ? ["FILE", "USER", "PASSWORD"] : ["FILE", "USER"];
  if (file === undefined || rest.length !== expected.length) {
    throw new UsageProblem(
      `Cannot run passwd: arguments must be ${expected.join(" ")}, received ${rest.length}`,
    );
  }
  if (only === "U") return { kind: "upgrade" };
  const problem = userNameProblem(user);
  if (problem !== undefined) throw new UsageProblem(`Cannot use user name: it ${problem}`);
  if (only === "D") return { kind: "delete", user };
  return { kind: "set", create: flags.has("c"), user, password };
}

function schemeOf(text: string): PasswordScheme {
  if (text === "sha512-pbkdf2" || text === "sha512" || text === "scram-sha-256") return text;
  throw new UsageProblem(
    `Cannot hash: -H must be sha512-pbkdf2, sha512 or scram-sha-256, received ${JSON.stringify(text)}`,
  );
}

function iterationsOf(text: string | undefined, scheme: PasswordScheme): number {
  if (text === undefined) return ITERATIONS;
  const least = scheme === "scram-sha-256" ? LEAST_SCRAM_ITERATIONS : 1;
  const value = Number(text);
  if (/^\d{1,8}$/.test(text) && value >= least && value <= 10_000_000) return value;
  throw new UsageProblem(
    `Cannot hash: -I must be a whole number from ${least} to 10000000, received ${JSON.stringify(text)}`,
  );
}
