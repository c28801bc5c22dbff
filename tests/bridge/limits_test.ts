/** Limits for clients do not slow bridges down. */

import { Broker, listen } from "../../broker/mod.ts";
import { bounded } from "../support/broker.ts";
import { bridgeTo, listenTo, settled } from "./support.ts";

Deno.test("bridge: the broker's publish rate is for its clients", () =>
  bounded(async () => {
    await using remote = new Broker({ sysInterval: 0 });
    await using remoteListener = listen(remote, { port: 0 });
    await using local = new Broker({ sysInterval: 0, maxPublishRate: 1, maxPublishBytesRate: 10 });
    await using localListener = listen(local, { port: 0 });
    await using bridge = bridgeTo(local, remoteListener.address.port, { topics: [{ pattern: "#", direction: "in" }] });
    await settled(bridge);
    await using reader = await listenTo(localListener.address.port, "news/#");
    // At one a second they would take longer than a test may.
    for (let at = 0; at < 100; at++) remote.publish({ topic: `news/${at}`, payload: "x" });
    await reader.count(100);
  }));
