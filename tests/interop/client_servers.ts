/** The servers that our client is tested against: Mosquitto, aedes and our own broker, over TCP and in memory. @module */

import { createServer } from "node:net";
import { Aedes } from "aedes";
import { connect, openTcp } from "../../client/mod.ts";
import type { Client, ConnectInit, Transport, TransportOpener } from "../../client/mod.ts";
import { Broker } from "../../broker/mod.ts";
import { memoryTransportPair } from "../../engine/memory_transport.ts";
import { type VersionName, VERSIONS } from "../client/scripted.ts";
import { bounded } from "../support/bounded.ts";
import { startBroker } from "../support/broker.ts";
import { hasMosquitto, startMosquitto } from "../support/mosquitto.ts";

/** A server that runs until it is disposed of. */
interface Server extends AsyncDisposable {
  readonly open: TransportOpener;
}

/** What there is to test against, and the versions that it speaks. */
interface ServerKind {
  readonly name: string;
  readonly versions: readonly VersionName[];
  readonly isInstalled: boolean;
  start(): Promise<Server>;
}

const ALL: readonly VersionName[] = ["3.1", "3.1.1", "5.0"];

/** Opens TCP connections to a port of 127.0.0.1, whatever the URL. */
function tcpTo(port: number): TransportOpener {
  return (_url, options) => openTcp(new URL(`mqtt://127.0.0.1:${port}`), options);
}

const SERVERS: readonly ServerKind[] = [
  {
    name: "Mosquitto",
    versions: ALL,
    isInstalled: hasMosquitto,
    async start() {
      const server = await startMosquitto(["max_queued_messages 0", "persistent_client_expiration 1d"]);
      return { open: tcpTo(server.port), [Symbol.asyncDispose]: () => server.stop() };
    },
  },
  { name: "aedes", versions: ["3.1", "3.1.1"], isInstalled: true, start: startAedes },
  {
    name: "our broker",
    versions: ALL,
    isInstalled: true,
    async start() {
      const server = await startBroker({ maxQueuedMessages: 100_000 });
      return { open: tcpTo(server.port), [Symbol.asyncDispose]: () => server[Symbol.asyncDispose]() };
    },
  },
  { name: "our broker in memory", versions: ALL, isInstalled: true, start: startInMemory },
];

async function startAedes(): Promise<Server> {
  const aedes = await Aedes.createBroker();
  const listener = createServer(aedes.handle);
  await new Promise<void>((resolve) => listener.listen(0, "127.0.0.1", resolve));
  const address = listener.address();
  if (address === null || typeof address === "string") throw new Error("Cannot listen: there must be a port");
  return {
    open: tcpTo(address.port),
    async [Symbol.asyncDispose]() {
      await new Promise<void>((resolve) => aedes.close(resolve));
      await new Promise<void>((resolve) => listener.close(() => resolve()));
    },
  };
}

function startInMemory(): Promise<Server> {
  const broker = new Broker({ maxQueuedMessages: 100_000 });
  const serving = new Set<Promise<void>>();
  const open: TransportOpener = () => {
    const [ours, theirs] = memoryTransportPair({ reuseChunks: true, maximumChunkSize: 1_000 });
    const served = broker.serve(theirs).finally(() => serving.delete(served));
    serving.add(served);
    return Promise.resolve(ours);
  };
  return Promise.resolve({
    open,
    async [Symbol.asyncDispose]() {
      await broker.close();
      await Promise.all(serving);
    },
  });
}

/** What a test body gets. */
export class Scene {
  readonly #server: Server;
  readonly #cleanup: AsyncDisposableStack;
  readonly #version: 3 | 4 | 5;
  readonly #links = new Map<Client, BreakableLink>();

  constructor(server: Server, version: 3 | 4 | 5, cleanup: AsyncDisposableStack) {
    this.#server = server;
    this.#version = version;
    this.#cleanup = cleanup;
  }

  /** Whether this is MQTT 5.0. */
  get isVersion5(): boolean {
    return this.#version === 5;
  }

  /** Connects a client, which is closed when the test ends. */
  readonly connect = async (init: ConnectInit = {}): Promise<Client> => {
    const link = new BreakableLink(this.#server.open);
    const client = await connect("mqtt://server.test", {
      protocolVersion: this.#version,
      transport: link.open,
      reconnect: { minimumDelay: 20, maximumDelay: 50 },
      ...init,
    });
    this.#links.set(client, link);
    this.#cleanup.defer(() => client.close({ force: true }));
    return client;
  };

  /** Breaks the connection of a client, as a failure of the network does. */
  readonly breakConnection = (client: Client): void => this.#links.get(client)?.break();
}

/** Opens transports that can be broken from outside. */
class BreakableLink {
  readonly open: TransportOpener;
  #break: (() => void) | undefined;

  constructor(open: TransportOpener) {
    this.open = async (url, options) => this.#breakable(await open(url, options));
  }

  break(): void {
    this.#break?.();
  }

  #breakable(transport: Transport): Transport {
    const reader = transport.readable.getReader();
    const writer = transport.writable.getWriter();
    const ignore = () => {};
    reader.closed.catch(ignore);
    writer.closed.catch(ignore);
    this.#break = () => {
      reader.cancel().catch(ignore);
      writer.abort().catch(ignore);
    };
    const readable = new ReadableStream<Uint8Array>({
      async pull(controller) {
        const { done, value } = await reader.read();
        if (done) controller.close();
        else controller.enqueue(value);
      },
      cancel: (reason) => reader.cancel(reason),
    }, { highWaterMark: 0 });
    const writable = new WritableStream<Uint8Array>({
      write: (chunk) => writer.write(chunk),
      close: () => writer.close(),
      abort: (reason) => writer.abort(reason),
    });
    return { readable, writable, peer: transport.peer };
  }
}

/**
 * A test of the client against each server that speaks one of the versions; `statements`, by version, are the ids that
 * it covers there, and `except` the servers that go their own way.
 */
export function serverTest(
  what: string,
  statements: { readonly [Name in VersionName]?: string },
  body: (scene: Scene) => Promise<void>,
  except: readonly string[] = [],
): void {
  for (const kind of SERVERS) {
    if (except.includes(kind.name)) continue;
    for (const version of kind.versions) {
      const ids = statements[version];
      if (ids === undefined) continue;
      const tags = ids === "" ? "" : ` ${ids.split(" ").map((id) => `[MQTT-${id}]`).join(" ")}`;
      const name = `mqtt ${version} client: ${what}, against ${kind.name}${tags}`;
      Deno.test({
        name,
        ignore: !kind.isInstalled,
        fn: () => bounded(() => run(kind, VERSIONS[version], body), 30_000),
      });
    }
  }
}

async function run(kind: ServerKind, version: 3 | 4 | 5, body: (scene: Scene) => Promise<void>): Promise<void> {
  await using server = await kind.start();
  await using cleanup = new AsyncDisposableStack();
  await body(new Scene(server, version, cleanup));
}
