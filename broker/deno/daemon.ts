/**
 * The broker in the background.
 *
 * @module
 */

/** Starts this program anew without `--daemon`, detached from the terminal, and returns. */
export function runAsDaemon(args: readonly string[]): void {
  const own = Deno.build.standalone ? [] : ["run", "--allow-all", Deno.mainModule];
  const child = new Deno.Command(Deno.execPath(), {
    args: [...own, ...args.map(withoutDaemon).filter((arg) => arg !== "")],
    stdin: "null",
    stdout: "null",
    stderr: "null",
    detached: true,
  }).spawn();
  child.unref();
}

/** `-d` may stand in a group of letters. */
function withoutDaemon(arg: string): string {
  if (arg === "--daemon" || arg === "-d") return "";
  return /^-[vd]+$/.test(arg) ? arg.replaceAll("d", "") : arg;
}
