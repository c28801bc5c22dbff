/**
 * MQTT at a path of an application's own HTTP server.
 *
 * @module
 */

import type { Peer } from "../../engine/transport.ts";
import type { Broker } from "../broker.ts";
import type { ListenerPolicy } from "../listener_policy.ts";
import { selectSubprotocol } from "../websocket_handshake.ts";
import { webSocketObjectTransport } from "../websocket_object.ts";
import { tcpAddress } from "./socket_transport.ts";

const BAD_REQUEST = 400;
const UPGRADE_REQUIRED = 426;

/** What `Deno.serve` tells of a request. */
export interface RequestInfo {
  /** Who sent it. */
  readonly remoteAddr: Deno.Addr;
}

/**
 * Has `broker` serve a WebSocket that the application has accepted, with the subprotocol `mqtt`, in whatever runtime;
 * resolves when it has ended. What the client sends while its packets wait is kept up to 16 MiB; beyond that the
 * WebSocket is closed with 1008. A listener of our own (`listen` with `protocol: "websockets"`) makes the client wait
 * instead, and is faster.
 */
export function upgrade(broker: Broker, socket: WebSocket, peer: Peer, policy?: ListenerPolicy): Promise<void> {
  const transport = webSocketObjectTransport(socket, peer, (reason) => {
    broker.refuse(`Client ${peer.address} broke the rules of WebSockets: ${reason}, closing.`);
  });
  return broker.serve(transport, policy);
}

/**
 * A handler for `Deno.serve`, or for one path of it, that makes WebSockets of requests and has `broker` serve them.
 * Others get 426, and those that do not offer the subprotocol `mqtt` 400.
 *
 * @example MQTT at `/mqtt` of a web server
 * ```ts
 * import { Broker, mqttOverWebSocket } from "@x/mqtt/broker";
 *
 * await using broker = new Broker();
 * const mqtt = mqttOverWebSocket(broker);
 * await using server = Deno.serve({ hostname: "127.0.0.1", port: 0 }, (request, info) => {
 *   const { pathname } = new URL(request.url);
 *   return pathname === "/mqtt" ? mqtt(request, info) : new Response("hello");
 * });
 * console.log(`MQTT at ws://127.0.0.1:${server.addr.port}/mqtt`);
 * ```
 */
export function mqttOverWebSocket(
  broker: Broker,
  policy?: ListenerPolicy,
): (request: Request, info?: RequestInfo) => Response {
  return (request, info) => {
    if (request.headers.get("upgrade")?.toLowerCase() !== "websocket") {
      return refusal(UPGRADE_REQUIRED, "this is MQTT over WebSockets", { Upgrade: "websocket" });
    }
    const protocol = selectSubprotocol(request.headers.get("sec-websocket-protocol"));
    if (protocol === undefined) return refusal(BAD_REQUEST, "the subprotocol must be mqtt");
    try {
      // The request tells nothing any more once it is upgraded.
      const peer = peerOf(request, info);
      const { socket, response } = Deno.upgradeWebSocket(request, { protocol });
      // It never rejects.
      void upgrade(broker, socket, peer, policy);
      return response;
    } catch (error) {
      return refusal(BAD_REQUEST, error instanceof Error ? error.message : String(error));
    }
  };
}

function peerOf(request: Request, info: RequestInfo | undefined): Peer {
  const protocol = new URL(request.url).protocol === "https:" ? "wss" : "ws";
  const remote = info?.remoteAddr;
  const isNetwork = remote !== undefined && (remote.transport === "tcp" || remote.transport === "udp");
  return { protocol, address: isNetwork ? tcpAddress(remote.hostname, remote.port) : remote?.transport ?? "unknown" };
}

function refusal(status: number, message: string, headers: Readonly<Record<string, string>> = {}): Response {
  return new Response(`${message}\n`, { status, headers });
}
