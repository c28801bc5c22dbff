/**
 * The opening handshake of a WebSocket (RFC 6455 section 4.2).
 *
 * @module
 */

import { HttpError, type HttpRequest } from "./http_request.ts";

/** What a server appends to the key. */
const GUID = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
/** In the order of our liking: that of the standard, and that of MQTT 3.1's time. */
const SUBPROTOCOLS = ["mqtt", "mqttv3.1"] as const;

/** Whether a request asks for another protocol than HTTP. */
export function isUpgrade({ headers }: HttpRequest): boolean {
  return headers.has("upgrade");
}

/** The subprotocol for a client that offers these; undefined if none is MQTT. */
export function selectSubprotocol(offered: string | null | undefined): string | undefined {
  const names = tokens(offered ?? "");
  return SUBPROTOCOLS.find((name) => names.includes(name));
}

/**
 * The head of the response that accepts. Throws {@linkcode HttpError} if the request is no handshake for MQTT, or comes
 * from a page of an origin that is not among `origins`.
 */
export async function acceptWebSocket(request: HttpRequest, origins: readonly string[] | undefined): Promise<string> {
  const { method, headers } = request;
  const key = headers.get("sec-websocket-key") ?? "";
  const isHandshake = method === "GET" && tokens(headers.get("upgrade")).some(isWebSocket) &&
    tokens(headers.get("connection")).some((token) => token.toLowerCase() === "upgrade");
  if (!isHandshake || !/^[A-Za-z0-9+/]{22}==$/.test(key)) throw new HttpError(400, "it must be a WebSocket handshake");
  if (headers.get("sec-websocket-version") !== "13") {
    throw new HttpError(426, "the version of WebSocket must be 13", { "Sec-WebSocket-Version": "13" });
  }
  const origin = headers.get("origin");
  if (origins !== undefined && origin !== undefined && !origins.includes(origin)) {
    throw new HttpError(403, `the origin must be one that is allowed, received ${origin}`);
  }
  const protocol = selectSubprotocol(headers.get("sec-websocket-protocol"));
  if (protocol === undefined) throw new HttpError(400, "the subprotocol must be mqtt");
  const digest = await crypto.subtle.digest("SHA-1", new TextEncoder().encode(key + GUID));
  const lines = [
    "HTTP/1.1 101 Switching Protocols",
    "Upgrade: websocket",
    "Connection: Upgrade",
    `Sec-WebSocket-Accept: ${btoa(String.fromCharCode(...new Uint8Array(digest)))}`,
    `Sec-WebSocket-Protocol: ${protocol}`,
  ];
  return lines.join("\r\n") + "\r\n\r\n";
}

function isWebSocket(token: string): boolean {
  return token.toLowerCase() === "websocket";
}

function tokens(list: string | undefined): string[] {
  return (list ?? "").split(",").map((token) => token.trim());
}
