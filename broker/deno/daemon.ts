/**
 * The broker in the background.
 *
 * @module
 */

/** Starts this program anew with the same arguments, detached from the terminal, and returns. */
export function runAsDaemon(args: readonly string[]): void {
  const own = Deno.build.standalone ? [] : ["run", "--allow-all", Deno.mainModule];
  const child = new Deno.Command(Deno.execPath(), {
    // Another `--daemon` among them does nothing then, in whatever form it stands there.
    args: [...own, ...args, "--daemonized"],
    stdin: "null",
    stdout: "null",
    stderr: "null",
    detached: true,
  }).spawn();
  child.unref();
}
