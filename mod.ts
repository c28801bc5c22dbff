/**
 * An MQTT broker and an MQTT client for MQTT 3.1, 3.1.1 and 5.0.
 *
 * Here is all of both. `@x/mqtt/broker` and `@x/mqtt/client` have them one by one, for programs that need no more;
 * `@x/mqtt/codec` turns packets into bytes and back.
 *
 * @example A broker and a client in one program
 * ```ts
 * import { Broker, connect, listen } from "@x/mqtt";
 *
 * await using broker = new Broker();
 * const { address } = listen(broker, { hostname: "127.0.0.1", port: 0 });
 * await using client = await connect(`mqtt://127.0.0.1:${address.port}`);
 * await client.publish("greeting", "hello", { retain: true });
 * for await (const message of client.subscribe("greeting")) {
 *   console.log(message.text()); // hello
 *   break;
 * }
 * ```
 *
 * @module
 */

export * from "./broker/mod.ts";
export * from "./client/mod.ts";
// Both sides of SCRAM have the same name in their rooms.
export { scram as scramServer } from "./broker/mod.ts";
export { scram } from "./client/mod.ts";
