/** Limits for clients do not slow bridges down. */

import { Broker, listen } from "../../broker/mod.ts";
import { bounded, until } from "../support/broker.ts";
import { bridgeOptions, listenTo } from "./support.ts";

Deno.test("bridge: the broker's publish rate is for its clients", () =>
  bounded(async () => {
    await using remote = new Broker({ sysInterval: 0 });
    await using remoteListener = listen(remote, { port: 0 });
    const up = bridgeOptions(remoteListener.address.port, { topics: [{ pattern: "#", direction: "in" }] });
    await using local = new Broker({ sysInterval: 0, maxPublishRate: 1, maxPublishBytesRate: 10, bridges: [up] });
    await using localListener = listen(local, { port: 0 });
    await until(() => remote.counts().subscriptions === 1, "its subscription there");
    await using reader = await listenTo(localListener.address.port, "news/#");
    // At one a second they would take longer than a test may.
    for (let at = 0; at < 100; at++) remote.publish({ topic: `news/${at}`, payload: "x" });
    await reader.count(100);
  }));
