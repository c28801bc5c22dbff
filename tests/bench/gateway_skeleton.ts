/**
 * What the platform allows a gateway: one that is none. It knows a PUBLISH of QoS 1 in a piece of its own, hands it to the
 * uplink with a packet identifier that is free there, and the PUBACK back to the device. No store, no sessions, no topics,
 * no checks: for `deno task bench gateway` only.
 *
 *     deno run -A tests/bench/gateway_skeleton.ts PORT UPLINK_PORT CA_FILE
 *
 * @module
 */

import { connect } from "./load/wire.ts";

const CONNACK = new Uint8Array([0x20, 3, 0, 0, 0]);
const PUBLISH = 3;
const PUBACK = 0x40;

/** Who waits for a PUBACK, by the packet identifier at the uplink. */
const waiting = new Map<number, { readonly device: Deno.Conn; readonly packetId: number }>();
let last = 0;

async function forward(device: Deno.Conn, uplink: Deno.Conn): Promise<void> {
  const buffer = new Uint8Array(512);
  if (await device.read(buffer) === null) return; // CONNECT
  await device.write(CONNACK);
  for (let length = await device.read(buffer); length !== null; length = await device.read(buffer)) {
    if ((buffer[0] ?? 0) >> 4 !== PUBLISH) continue;
    const at = 4 + uint16(buffer, 2);
    last = last % 0xffff + 1;
    waiting.set(last, { device, packetId: uint16(buffer, at) });
    const packet = buffer.slice(0, length);
    packet[at] = last >> 8;
    packet[at + 1] = last & 0xff;
    await uplink.write(packet);
  }
}

async function acknowledge(uplink: Deno.Conn): Promise<void> {
  const buffer = new Uint8Array(65_536);
  for (let length = await uplink.read(buffer); length !== null; length = await uplink.read(buffer)) {
    for (let at = 0; at < length; at += 2 + (buffer[at + 1] ?? 0)) {
      const found = waiting.get(uint16(buffer, at + 2));
      if (found === undefined) continue;
      waiting.delete(uint16(buffer, at + 2));
      await found.device.write(new Uint8Array([PUBACK, 2, found.packetId >> 8, found.packetId & 0xff]));
    }
  }
}

function uint16(bytes: Uint8Array, at: number): number {
  return ((bytes[at] ?? 0) << 8) | (bytes[at + 1] ?? 0);
}

if (import.meta.main) {
  const [port, uplinkPort, caFile = ""] = Deno.args;
  const caCerts = [await Deno.readTextFile(caFile)];
  const uplink = await Deno.connectTls({ hostname: "localhost", port: Number(uplinkPort), caCerts });
  await uplink.write(connect("gateway", 5));
  await uplink.read(new Uint8Array(512)); // CONNACK
  void acknowledge(uplink);
  for await (const device of Deno.listen({ hostname: "127.0.0.1", port: Number(port) })) void forward(device, uplink);
}
