/**
 * The protocol state that a broker and a client share, without input and output: who subscribed to what, which messages
 * are on their way, which aliases hold, which time has come. Whoever owns it feeds it packets and moves the bytes.
 *
 * @module
 */

export * from "./channel.ts";
export * from "./clock.ts";
export * from "./inbound_flow.ts";
export * from "./manual_clock.ts";
export * from "./memory_transport.ts";
export * from "./outbound_flow.ts";
export * from "./text_map.ts";
export * from "./timers.ts";
export * from "./topic_aliases.ts";
export * from "./topic_trie.ts";
export * from "./transport.ts";
