/**
 * Entries of the package as one JavaScript file each, as its users' tools make them.
 *
 * @module
 */

import { AssertionError } from "@std/assert";
import { repository, runProcess } from "../support/process.ts";

/** How to bundle. */
export interface BundleOptions {
  /** What it is for. Default `browser`; `deno` leaves imports of `node:*` as they are. */
  readonly platform?: "browser" | "deno";
  /** Default false. */
  readonly minify?: boolean;
}

/** Longest that bundling may take, in milliseconds: Deno may have to load its bundler first. */
const WATCHDOG = 60_000;

/** Bundles an entry, given by its path in the repository. */
export async function bundle(entry: string, options: BundleOptions = {}): Promise<string> {
  const { platform = "browser", minify = false } = options;
  const folder = await Deno.makeTempDir({ prefix: "bundle-" });
  try {
    const output = `${folder}/bundle.js`;
    const args = ["bundle", "--quiet", "--platform", platform, ...(minify ? ["--minify"] : []), "-o", output, entry];
    const { code, stderr } = await runProcess(Deno.execPath(), args, { cwd: repository, milliseconds: WATCHDOG });
    if (code !== 0) throw new AssertionError(`Expected deno bundle ${entry} to succeed\n${stderr}`);
    return await Deno.readTextFile(output);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}
