/**
 * Stands for systemd: prints what it is told on the socket that the first argument names. Needs `--unstable-net`.
 *
 * @module
 */

const path = (Deno.args[0] ?? "").replace(/^@/, "\0");
const socket = Deno.listenDatagram({ transport: "unixpacket", path });
console.log("listening");
for await (const [message] of socket) console.log(new TextDecoder().decode(message));
