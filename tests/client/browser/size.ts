/**
 * Measures what the client costs a page: bundled, minified and compressed.
 *
 * @module
 */

import { bundle } from "../bundle.ts";

/** The most that it may be, in bytes after gzip. */
export const MAXIMUM_SIZE = 33_600;

/** Bytes of the minified bundle of an entry, before and after gzip. */
export async function sizeOf(entry: string): Promise<{ readonly minified: number; readonly compressed: number }> {
  const bytes = new TextEncoder().encode(await bundle(entry, { minify: true }));
  const compressed = new Blob([bytes]).stream().pipeThrough(new CompressionStream("gzip"));
  return { minified: bytes.length, compressed: (await new Response(compressed).arrayBuffer()).byteLength };
}

if (import.meta.main) {
  const { minified, compressed } = await sizeOf("client/browser.ts");
  console.log(`client/browser.ts: ${minified} bytes minified, ${compressed} after gzip (at most ${MAXIMUM_SIZE})`);
  const connectOnly = await sizeOf("tests/client/browser/connect_only.ts");
  console.log(`connect of it alone: ${connectOnly.minified} bytes minified, ${connectOnly.compressed} after gzip`);
  if (compressed > MAXIMUM_SIZE) Deno.exit(1);
}
