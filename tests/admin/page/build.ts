/**
 * Makes the admin page: its sources in one module, as it is published. `deno task page` writes it.
 *
 * @module
 */

import { createRequire } from "node:module";
import { bundle } from "../../client/bundle.ts";
import { repository } from "../../support/process.ts";

/** Where the sources are. */
const SOURCES = new URL("broker/admin/page/", repository);
/** The parts of its styles, in their order. */
const STYLES = ["colours", "base", "frame", "overview", "lists", "topics", "messages", "dialogs", "phone"];
/** What is made of them. */
const ASSETS = new URL("broker/admin/page_assets.ts", repository);

/** A file of the page. */
interface Asset {
  readonly path: string;
  readonly contentType: string;
  readonly body: string;
}

/** The files of the page as the sources give them. */
export async function buildPage(): Promise<Asset[]> {
  const page = createRequire(SOURCES);
  const chartStyles = await Deno.readTextFile(page.resolve("uplot/dist/uPlot.min.css"));
  const licence = await Deno.readTextFile(page.resolve("uplot/LICENSE"));
  const notice = `/*!\nThe charts are drawn by uPlot, https://github.com/leeoniya/uPlot\n\n${licence.trim()}\n*/\n`;
  const script = await bundle("broker/admin/page/app.ts", { minify: true });
  return [
    { path: "/", contentType: "text/html; charset=utf-8", body: await source("index.html") },
    { path: "/app.js", contentType: "text/javascript; charset=utf-8", body: notice + script },
    {
      path: "/app.css",
      contentType: "text/css; charset=utf-8",
      body: [notice, chartStyles, ...await Promise.all(STYLES.map((name) => source(`styles/${name}.css`)))].join("\n"),
    },
    { path: "/icon.svg", contentType: "image/svg+xml", body: await source("icon.svg") },
  ];
}

/** The text of the module that holds these files. */
export async function moduleText(assets: readonly Asset[]): Promise<string> {
  const entries = await Promise.all(assets.map(entryText));
  return `// Made by \`deno task page\` of the sources in page/. Do not edit it.
// deno-fmt-ignore-file
// deno-lint-ignore-file

/** The files of the admin page by their paths. */
export const PAGE_ASSETS: ReadonlyMap<
  string,
  { readonly contentType: string; readonly body: string; readonly etag: string }
> = new Map([
${entries.join("\n")}
]);
`;
}

/** The same as it is committed. */
export function committedModule(): Promise<string> {
  return Deno.readTextFile(ASSETS);
}

function source(name: string): Promise<string> {
  return Deno.readTextFile(new URL(name, SOURCES));
}

async function entryText({ path, contentType, body }: Asset): Promise<string> {
  const digest = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(body));
  const etag = `"${new Uint8Array(digest).toHex().slice(0, 16)}"`;
  return `  [${JSON.stringify(path)}, ${JSON.stringify({ contentType, etag, body })}],`;
}

async function sizes(text: string): Promise<string> {
  const bytes = new TextEncoder().encode(text);
  const compressed = new Blob([bytes]).stream().pipeThrough(new CompressionStream("gzip"));
  return `${bytes.length} bytes, ${(await new Response(compressed).arrayBuffer()).byteLength} after gzip`;
}

if (import.meta.main) {
  const assets = await buildPage();
  await Deno.writeTextFile(ASSETS, await moduleText(assets));
  for (const { path, body } of assets) console.log(`${path.padEnd(9)} ${await sizes(body)}`);
}
