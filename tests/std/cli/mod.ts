/**
 * Our own edition of the functions of `@std/cli` 1.0 that are used here, for machines that cannot reach JSR.
 *
 * @module
 */

export { type Args, parseArgs, type ParseOptions } from "./parse_args.ts";
