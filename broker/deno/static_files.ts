/**
 * Files of one folder over HTTP, and nothing beside it.
 *
 * @module
 */

import { HttpError, type HttpRequest } from "../http_request.ts";

/** How much of a file is read at once. */
const CHUNK = 65_536;
const INDEX = "index.html";

/** By the ending of the file's name; anything else is `application/octet-stream`. */
const CONTENT_TYPES: Readonly<Record<string, string>> = {
  css: "text/css; charset=utf-8",
  csv: "text/csv; charset=utf-8",
  gif: "image/gif",
  htm: "text/html; charset=utf-8",
  html: "text/html; charset=utf-8",
  ico: "image/x-icon",
  jpeg: "image/jpeg",
  jpg: "image/jpeg",
  js: "text/javascript; charset=utf-8",
  json: "application/json",
  map: "application/json",
  md: "text/markdown; charset=utf-8",
  mjs: "text/javascript; charset=utf-8",
  pdf: "application/pdf",
  png: "image/png",
  svg: "image/svg+xml",
  txt: "text/plain; charset=utf-8",
  wasm: "application/wasm",
  webmanifest: "application/manifest+json",
  webp: "image/webp",
  woff: "font/woff",
  woff2: "font/woff2",
  xml: "application/xml",
};

/** Writes the response to a request for a file of `folder`. Rejects with {@linkcode HttpError} if there is none. */
export async function sendFile(
  writer: WritableStreamDefaultWriter<Uint8Array>,
  folder: string,
  { method, target }: HttpRequest,
): Promise<void> {
  if (method !== "GET" && method !== "HEAD") {
    throw new HttpError(405, `the method must be GET or HEAD, received ${method}`, { Allow: "GET, HEAD" });
  }
  const path = await locate(folder, segmentsOf(target));
  using file = await open(path);
  const { size, isFile } = await file.stat();
  if (!isFile) throw notFound();
  await writer.write(headOf(path, size));
  if (method === "GET") await sendContents(writer, file, size);
}

/** The parts of a path, decoded once. Throws for everything that could be more than a name. */
function segmentsOf(target: string): string[] {
  const [path = ""] = target.split(/[?#]/, 1);
  if (!path.startsWith("/")) throw new HttpError(400, "the target must be a path");
  const segments = path.slice(1).split("/").map(decoded);
  if (segments.at(-1) === "") segments[segments.length - 1] = INDEX;
  for (const segment of segments) {
    // Hidden files (among them `.` and `..`) are nobody's business; a separator within a name is an attempt.
    if (segment === "" || segment.startsWith(".") || /[/\\\0:]/.test(segment)) throw notFound();
  }
  return segments;
}

function decoded(segment: string): string {
  try {
    return decodeURIComponent(segment);
  } catch {
    throw new HttpError(400, "the target must be UTF-8 in percent-encoding");
  }
}

/** The real path, which is in the real folder: a link may lead from one place in it to another, and nowhere else. */
async function locate(folder: string, segments: readonly string[]): Promise<string> {
  try {
    const root = await Deno.realPath(folder);
    const path = await Deno.realPath([root, ...segments].join("/"));
    const inside = root.endsWith("/") ? root : `${root}/`;
    if (path.startsWith(inside) || path.startsWith(`${root}\\`)) return path;
  } catch (error) {
    if (!isAbsence(error)) throw error;
  }
  throw notFound();
}

async function open(path: string): Promise<Deno.FsFile> {
  try {
    const { isFile } = await Deno.lstat(path);
    // A pipe would keep us waiting.
    if (isFile) return await Deno.open(path);
  } catch (error) {
    if (!isAbsence(error)) throw error;
  }
  throw notFound();
}

/** Not there, not for us, or no path at all: no difference is shown. */
function isAbsence(error: unknown): boolean {
  const { NotFound, NotADirectory, PermissionDenied, FilesystemLoop, NotCapable } = Deno.errors;
  const kinds = [NotFound, NotADirectory, PermissionDenied, FilesystemLoop, NotCapable, TypeError];
  return kinds.some((kind) => error instanceof kind) ||
    (error instanceof Error && "code" in error && error.code === "ENAMETOOLONG");
}

function headOf(path: string, size: number): Uint8Array {
  const extension = /\.([a-z0-9]+)$/i.exec(path)?.[1]?.toLowerCase() ?? "";
  const lines = [
    "HTTP/1.1 200 OK",
    `Content-Type: ${CONTENT_TYPES[extension] ?? "application/octet-stream"}`,
    `Content-Length: ${size}`,
    "X-Content-Type-Options: nosniff",
    "Connection: close",
  ];
  return new TextEncoder().encode(lines.join("\r\n") + "\r\n\r\n");
}

/** Exactly as many bytes as announced: the file may grow or shrink meanwhile. */
async function sendContents(
  writer: WritableStreamDefaultWriter<Uint8Array>,
  file: Deno.FsFile,
  size: number,
): Promise<void> {
  const chunk = new Uint8Array(CHUNK);
  for (let left = size; left > 0;) {
    const count = await file.read(chunk.subarray(0, Math.min(left, CHUNK)));
    if (count === null) throw new Error("the file has become shorter");
    await writer.write(chunk.subarray(0, count));
    left -= count;
  }
}

function notFound(): HttpError {
  return new HttpError(404, "there is no such file");
}
