/**
 * One HTTP connection of a WebSocket listener: it becomes a WebSocket, or gets a file, or a refusal.
 *
 * @module
 */

import type { Transport } from "../../engine/transport.ts";
import { HttpError, readRequest } from "../http_request.ts";
import { PrefixReader } from "../prefix_reader.ts";
import { acceptWebSocket, isUpgrade } from "../websocket_handshake.ts";
import { webSocketTransport } from "../websocket_transport.ts";
import { sendFile } from "./static_files.ts";

const REASONS: Readonly<Record<number, string>> = {
  400: "Bad Request",
  403: "Forbidden",
  404: "Not Found",
  405: "Method Not Allowed",
  426: "Upgrade Required",
  431: "Request Header Fields Too Large",
  505: "HTTP Version Not Supported",
};
const NOT_FOUND = 404;

/** What beside WebSockets is served. */
export interface HttpOptions {
  /** Folder of files. */
  readonly httpDir?: string;
  /** Origins of pages that may connect; absent for all. */
  readonly origins?: readonly string[];
}

/** What became of an HTTP connection. */
export type HttpOutcome =
  | { readonly kind: "websocket"; readonly transport: Transport }
  /** `error`: it was a refusal. `ended` resolves when the other end has closed, too. */
  | { readonly kind: "answered"; readonly error: HttpError | undefined; ended(): Promise<void> };

/** What {@linkcode acceptHttp} tells on its way. */
export interface HttpEvents {
  /** A file is to be sent. */
  onFile?(): void;
  /** The WebSocket is closed because the peer broke the rules. */
  onViolation?(reason: string): void;
}

/** Reads one request and answers it. */
export async function acceptHttp(
  transport: Transport,
  options: HttpOptions,
  events: HttpEvents = {},
): Promise<HttpOutcome> {
  const reader = new PrefixReader(transport);
  const writer = transport.writable.getWriter();
  const ended = () => reader.drain();
  try {
    const request = await readRequest(reader);
    if (isUpgrade(request)) {
      await writer.write(new TextEncoder().encode(await acceptWebSocket(request, options.origins)));
      writer.releaseLock();
      return { kind: "websocket", transport: webSocketTransport(reader.rest(), events.onViolation) };
    }
    if (options.httpDir === undefined) throw new HttpError(NOT_FOUND, "there are no files here");
    events.onFile?.();
    await sendFile(writer, options.httpDir, request);
    await writer.close();
    return { kind: "answered", error: undefined, ended };
  } catch (error) {
    if (!(error instanceof HttpError)) throw error;
    await refuse(writer, error);
    return { kind: "answered", error, ended };
  }
}

/** Tells what is wrong. A broken connection is not worth another error. */
async function refuse(writer: WritableStreamDefaultWriter<Uint8Array>, error: HttpError): Promise<void> {
  const body = `${error.message}\n`;
  const headers = {
    ...error.headers,
    "Content-Type": "text/plain; charset=utf-8",
    "Content-Length": String(new TextEncoder().encode(body).length),
    "X-Content-Type-Options": "nosniff",
    "Connection": "close",
  };
  const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`);
  const status = `${error.status} ${REASONS[error.status] ?? "Error"}`;
  const bytes = new TextEncoder().encode(`HTTP/1.1 ${status}\r\n${lines.join("")}\r\n${body}`);
  try {
    await Promise.all([writer.write(bytes), writer.close()]);
  } catch {
    // The other end has gone; the first error says more.
  }
}
