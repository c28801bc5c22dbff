/** The client's store in a page of a real browser. @module */

import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { Broker, listen } from "../../../broker/mod.ts";
import { bounded } from "../../support/broker.ts";
import { startProxy } from "../../support/proxy.ts";
import { RawClient } from "../../support/raw_client.ts";
import { toText } from "../../support/raw_packets.ts";
import { bundle } from "../bundle.ts";
import { hasChromium, showPage } from "./chromium.ts";

/** Longest that the test may take, in milliseconds: a browser is slow to start beside other tests. */
const WATCHDOG = 90_000;

interface Note {
  readonly conformance: unknown;
  readonly refusals: readonly string[];
}

Deno.test("client IndexedDB store: conforms, and a page that went finishes what it had begun when it is back", {
  ignore: !hasChromium,
}, () =>
  bounded(async () => {
    const script = await bundle("tests/client/browser/store_page.ts", { minify: true });
    const page = await Deno.readTextFile(new URL("store_page.html", import.meta.url));
    await using broker = new Broker();
    const sockets = listen(broker, { port: 0, protocol: "websockets" });
    await using proxy = startProxy(sockets.address.port);
    await using subscriber = await RawClient.connect(listen(broker, { port: 0 }).address.port, { autoAck: true });
    await subscriber.subscribe("store/#", { qos: 2 });
    const report = Promise.withResolvers<unknown>();
    let note: Note | undefined;
    const answer = async (request: Request): Promise<Response> => {
      const { pathname } = new URL(request.url);
      if (pathname === "/client.js") return new Response(script, { headers: { "content-type": "text/javascript" } });
      if (pathname === "/") return new Response(page, { headers: { "content-type": "text/html" } });
      if (pathname === "/note") note = await request.json();
      if (pathname === "/stall") proxy.stall();
      if (pathname === "/cut") proxy.cut();
      if (pathname === "/report") report.resolve(await request.json());
      return new Response(null, { status: 204 });
    };
    const server = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen: () => {} }, answer);
    try {
      const result = await showPage(
        `http://127.0.0.1:${server.addr.port}/?port=${proxy.port}`,
        report.promise,
        WATCHDOG,
      );
      assertEquals(result, { found: 150, recovered: 150, left: [0, 0] });
      assertEquals(note?.conformance, { passed: true, failed: [] });
      verifyRefusals(note?.refusals ?? []);
      await verifyArrivals(subscriber);
    } finally {
      proxy.cut();
      await server.shutdown();
    }
  }, WATCHDOG));

function verifyRefusals([foreign = "", newer = "", held = "", closed = ""]: readonly string[]): void {
  assertStringIncludes(foreign, "Cannot open store foreign: it must be a store of this client");
  assertStringIncludes(newer, "Cannot open store newer: its version must be at most 1, received one made by a newer");
  assertEquals(held, "Cannot open store held: no other page or worker may use it");
  assertStringIncludes(closed, "Cannot write to store held: it must be open");
}

/** QoS 2 exactly once, QoS 1 at least once, each in order. */
async function verifyArrivals(subscriber: RawClient): Promise<void> {
  const arrived: Record<string, string[]> = { "store/1": [], "store/2": [] };
  for (;;) {
    const { topic, payload } = await subscriber.take("publish");
    if (topic === "store/end") break;
    arrived[topic]?.push(toText(payload));
  }
  const numbers = Array.from({ length: 200 }, (_, at) => at);
  const of = (parity: number) => numbers.filter((number) => number % 2 === parity).map(String);
  assertEquals(arrived["store/2"], of(1));
  // A Set keeps the order of the first occurrences.
  assertEquals([...new Set(arrived["store/1"])], of(0));
  assert((arrived["store/1"]?.length ?? 0) >= 100);
}
