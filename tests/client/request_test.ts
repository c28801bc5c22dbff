/** Requests and responses, against Mosquitto and our broker. @module */

import { assert, assertEquals, assertInstanceOf, assertRejects, assertStringIncludes, assertThrows } from "@std/assert";
import {
  type Client,
  connect,
  type ConnectInit,
  json,
  MqttError,
  publish,
  RequestError,
  SchemaError,
  type StandardSchema,
  subscribe,
} from "../../client/mod.ts";
import { bounded, startBroker, until } from "../support/broker.ts";
import { hasMosquitto, startMosquitto } from "../support/mosquitto.ts";

/** A server that tests connect to. */
interface Server extends AsyncDisposable {
  readonly port: number;
}

/** The same test at both brokers. */
function atBoth(name: string, body: (url: string) => Promise<void>): void {
  const test = (start: () => Promise<Server>) => () =>
    bounded(async () => {
      await using server = await start();
      await body(`mqtt://127.0.0.1:${server.port}`);
    });
  Deno.test(`mqtt 5.0 client: ${name}, at our broker`, test(() => startBroker()));
  Deno.test({
    name: `mqtt 5.0 client: ${name}, at Mosquitto`,
    ignore: !hasMosquitto,
    fn: test(() => startMosquitto()),
  });
}

/** A client, and a responder that answers with the request's text in capitals. */
async function withResponder(url: string, body: (client: Client) => Promise<void>): Promise<void> {
  await using server = await connect(url);
  await using responder = server.respond("upper/+", (request) => request.text().toUpperCase());
  await responder.ready;
  await using client = await connect(url);
  await body(client);
}

atBoth("a request gets its response", (url) =>
  withResponder(url, async (client) => {
    const response = await client.request("upper/1", "hello");
    assertEquals(response.text(), "HELLO");
    assert(response.topic.startsWith(`response/${client.clientId}/`));
  }));

atBoth(
  "requests at once share one response topic and get their own responses",
  (url) =>
    withResponder(url, async (client) => {
      const texts = Array.from({ length: 200 }, (_, index) => `text ${index}`);
      const responses = await Promise.all(texts.map((text) => client.request("upper/1", text)));
      assertEquals(responses.map((response) => response.text()), texts.map((text) => text.toUpperCase()));
      assertEquals(new Set(responses.map(({ topic }) => topic)).size, 1);
    }),
);

atBoth("every QoS carries requests", (url) =>
  withResponder(url, async (client) => {
    for (const qos of [0, 1, 2] as const) {
      assertEquals((await client.request("upper/1", `qos ${qos}`, { qos })).text(), `QOS ${qos}`);
    }
  }));

atBoth("a reply may have properties, and answers to any requester", async (url) => {
  await using client = await connect(url);
  await using responder = client.respond("echo", (request) => ({
    payload: request.payload,
    properties: { contentType: "text/plain", userProperties: [["by", "us"]] },
  }));
  await responder.ready;
  const inbox = client.subscribe("my/inbox");
  await inbox.ready;
  const correlationData = new Uint8Array([1, 2, 3]);
  await client.publish("echo", "hello", { properties: { responseTopic: "my/inbox", correlationData } });
  const { value: response } = await inbox.next();
  assertEquals(response?.text(), "hello");
  assertEquals(response?.properties.correlationData, correlationData);
  assertEquals(response?.properties.contentType, "text/plain");
  assertEquals(response?.properties.userProperties, [["by", "us"]]);
});

atBoth("a responder's error reaches the requester, and no more of it than was meant to", async (url) => {
  await using server = await connect(url);
  const errors: string[] = [];
  server.addEventListener("error", ({ error }) => errors.push(error.message));
  await using responder = server.respond("fail/+", ({ topic }) => {
    throw topic === "fail/meant" ? new RequestError("no such thing") : new Error("the password is 1234");
  });
  await responder.ready;
  await using client = await connect(url);
  const meant = await assertRejects(() => client.request("fail/meant", ""), RequestError);
  assertEquals(meant.message, "no such thing");
  const other = await assertRejects(() => client.request("fail/other", ""), RequestError);
  assertEquals(other.message, "The responder has failed");
  assertEquals(errors, ["the password is 1234"]);
});

atBoth("a request that nobody has subscribed to rejects at once", async (url) => {
  await using client = await connect(url);
  const error = await assertRejects(() => client.request("nobody", "hello"), MqttError);
  assertEquals(error.reasonCode, 0x10);
});

atBoth("a request that is not answered rejects in time", async (url) => {
  await using client = await connect(url);
  const silent = client.subscribe("silent");
  await silent.ready;
  const error = await assertRejects(() => client.request("silent", "hello", { timeout: 50 }), DOMException);
  assertEquals(error.name, "TimeoutError");
  const { value: request } = await silent.next();
  assertEquals(request?.properties.messageExpiryInterval, 1);
});

atBoth("a signal ends the wait for a response, and a late response is dropped", async (url) => {
  await using client = await connect(url);
  const late = client.subscribe("late");
  await late.ready;
  const controller = new AbortController();
  const rejected = assertRejects(() => client.request("late", "hello", { signal: controller.signal }), Error, "enough");
  const { value: request } = await late.next();
  controller.abort(new Error("enough"));
  await rejected;
  const { responseTopic = "", correlationData } = request?.properties ?? {};
  await client.publish(responseTopic, "too late", { qos: 1, properties: { correlationData } });
  await using responder = client.respond("prompt", () => "in time");
  await responder.ready;
  assertEquals((await client.request("prompt", "")).text(), "in time");
  await assertRejects(
    () => client.request("late", "", { signal: AbortSignal.abort(new Error("before")) }),
    Error,
    "before",
  );
});

atBoth("closing the client ends its requests", async (url) => {
  const client = await connect(url);
  const subscription = client.subscribe("silent");
  await subscription.ready;
  const rejected = assertRejects(() => client.request("silent", "hello"), DOMException, "closed");
  await subscription.next();
  await client.close();
  await rejected;
  await assertRejects(() => client.request("silent", "hello"), DOMException);
});

atBoth("a requester learns of an answer that cannot be sent", async (url) => {
  await using server = await connect(url);
  await using client = await connect(url);
  const errors: string[] = [];
  server.addEventListener("error", ({ error }) => errors.push(error.message));
  const broken = () => new ReadableStream({ start: (controller) => controller.error(new Error("broken")) });
  const answers = [broken, () => ({ payload: "", properties: { contentType: "\0" } }), () => undefined as never];
  for (const [i, answer] of answers.entries()) {
    await using responder = server.respond(`answer/${i}`, answer);
    await responder.ready;
    const error = await assertRejects(() => client.request(`answer/${i}`, ""), RequestError);
    assertEquals(error.message, "The responder has failed");
    assertEquals(errors.length, i + 1);
  }
  assertEquals(errors[0], "broken");
});

atBoth("a responder that is closed answers what it has taken, and nothing else", async (url) => {
  await using server = await connect(url);
  const release = Promise.withResolvers<void>();
  const taken = Promise.withResolvers<void>();
  const responder = server.respond("slow", async () => {
    taken.resolve();
    await release.promise;
    return "done";
  });
  await responder.ready;
  await using client = await connect(url);
  const response = client.request("slow", "");
  await taken.promise;
  const closed = responder.close();
  release.resolve();
  await closed;
  assertEquals((await response).text(), "done");
  const error = await assertRejects(() => client.request("slow", ""), MqttError);
  assertEquals(error.reasonCode, 0x10);
});

atBoth("no more requests are with a handler than it allows", async (url) => {
  await using server = await connect(url);
  let running = 0;
  let most = 0;
  await using responder = server.respond("work", async () => {
    most = Math.max(most, ++running);
    await new Promise((resolve) => setTimeout(resolve, 1));
    running--;
    return "";
  }, { concurrency: 3 });
  await responder.ready;
  await using client = await connect(url);
  await Promise.all(Array.from({ length: 30 }, () => client.request("work", "")));
  assertEquals(most, 3);
});

atBoth("response topics that are not allowed get no response", async (url) => {
  await using server = await connect(url);
  let calls = 0;
  await using responder = server.respond("guarded", () => String(++calls), { responseFilter: "response/#" });
  await responder.ready;
  await using client = await connect(url);
  await client.publish("guarded", "", { qos: 1, properties: { responseTopic: "lights/on" } });
  await client.publish("guarded", "", { qos: 1 });
  assertEquals((await client.request("guarded", "")).text(), "1");
});

Deno.test("mqtt 5.0 client: response information of the server is the base of the response topic", () =>
  bounded(async () => {
    await using running = await startBroker();
    await using client = await connect(`mqtt://127.0.0.1:${running.port}`, {
      clientId: "a+b/c#d",
      properties: { requestResponseInformation: 1 },
    });
    await using responder = client.respond("where", ({ properties }) => properties.responseTopic ?? "");
    await responder.ready;
    const { state } = client;
    const base = state.kind === "connected" ? state.properties.responseInformation ?? "response" : "";
    const response = await client.request("where", "");
    assertEquals(response.text(), response.topic);
    assert(response.topic.startsWith(`${base.replace(/\/$/, "")}/a-b-c-d/`));
  }));

Deno.test("mqtt 5.0 client: requests outlive the loss of the connection", () =>
  bounded(async () => {
    await using running = await startBroker();
    const url = `mqtt://127.0.0.1:${running.port}`;
    await using server = await connect(url);
    const asked = Promise.withResolvers<void>();
    const release = Promise.withResolvers<void>();
    await using responder = server.respond("slow", async () => {
      asked.resolve();
      await release.promise;
      return "after all";
    });
    await responder.ready;
    const init: ConnectInit = { clientId: "asker", reconnect: { minimumDelay: 1, maximumDelay: 1 } };
    await using client = await connect(url, init);
    let connections = 0;
    client.addEventListener("connect", () => connections++);
    const response = client.request("slow", "");
    await asked.promise;
    running.broker.disconnect(({ clientId }) => clientId === "asker");
    await until(() => connections === 1 && client.state.kind === "connected", "a new connection");
    release.resolve();
    assertEquals((await response).text(), "after all");
  }));

Deno.test("mqtt 3.1.1 client: requests need MQTT 5.0", () =>
  bounded(async () => {
    await using running = await startBroker();
    await using client = await connect(`mqtt://127.0.0.1:${running.port}`, { protocolVersion: 4 });
    await assertRejects(() => client.request("a", ""), TypeError, "protocolVersion must be 5");
    assertThrows(() => client.respond("a", () => ""), TypeError, "protocolVersion must be 5");
  }));

Deno.test("mqtt 5.0 client: request and respond refuse what cannot be", () =>
  bounded(async () => {
    await using running = await startBroker();
    await using client = await connect(`mqtt://127.0.0.1:${running.port}`);
    await assertRejects(() => client.request("a", "", { timeout: 0 }), RangeError, "timeout");
    await assertRejects(() => client.request("a/#", ""), MqttError);
    assertThrows(() => client.respond("a#", () => ""), MqttError);
    assertThrows(() => client.respond("a", () => "", { concurrency: 0 }), RangeError, "concurrency");
  }));

atBoth("publish() and subscribe() with a URL", async (url) => {
  assertEquals((await publish(`${url}/one/shot%C3%A9`, "hello", { qos: 1, retain: true })).ok, true);
  for await (const message of subscribe(`${url}/one/#`, { qos: 1 })) {
    assertEquals([message.topic, message.text(), message.retain], ["one/shot\u00e9", "hello", true]);
    break;
  }
  for await (const message of subscribe(new URL(`${url}/+/shot%C3%A9`))) {
    assertEquals(message.text(), "hello");
    break;
  }
  for await (const message of subscribe(url, { topic: ["none", "one/+"], connect: { protocolVersion: 4 } })) {
    assertEquals(message.text(), "hello");
    break;
  }
  assertEquals(
    (await publish(url, "", { topic: "one/shot\u00e9", retain: true, connect: { protocolVersion: 3 } })).ok,
    true,
  );
});

Deno.test("mqtt 5.0 client: throw() ends what subscribe() gives with the error that it is given", () =>
  bounded(async () => {
    await using running = await startBroker();
    const url = `mqtt://127.0.0.1:${running.port}/a`;
    await publish(url, "hello", { retain: true });
    const messages = subscribe(url);
    await messages.next();
    await assertRejects(() => messages.throw(new RangeError("enough")), RangeError, "enough");
    await until(() => running.broker.counts().connections === 0, "the connection to end");
  }));

Deno.test("mqtt 5.0 client: publish() and subscribe() reject what cannot be", () =>
  bounded(async () => {
    await using running = await startBroker({ authorizePublish: () => false });
    const url = `mqtt://127.0.0.1:${running.port}`;
    const error = await assertRejects(() => publish(`${url}/a`, "", { qos: 1 }), MqttError);
    assertEquals(error.reasonCode, 0x87);
    await assertRejects(() => publish(url, ""), TypeError, "topic");
    await assertRejects(() => publish("ws://127.0.0.1:1/a", ""), TypeError, "topic");
    await assertRejects(() => subscribe(url).next(), TypeError, "topic");
    await assertRejects(() => publish("mqtt://127.0.0.1:1/a", ""));
    const signal = AbortSignal.timeout(20);
    await assertRejects(async () => {
      for await (const _message of subscribe(`${url}/silent`, { signal }));
    }, DOMException);
  }));

/** A schema as validators make them. */
function numberSchema(isAsync: boolean): StandardSchema<number> {
  const check = (value: unknown) =>
    typeof value === "number" ? { value } : { issues: [{ message: "must be a number", path: ["a", { key: 0 }] }] };
  return {
    "~standard": {
      version: 1,
      vendor: "test",
      validate: (value) => isAsync ? Promise.resolve(check(value)) : check(value),
    },
  };
}

Deno.test("mqtt 5.0 client: json() of a message validates by any Standard Schema", () =>
  bounded(async () => {
    await using running = await startBroker();
    const url = `mqtt://127.0.0.1:${running.port}`;
    await publish(`${url}/number`, json(42), { retain: true });
    await publish(`${url}/text`, json("42"), { retain: true });
    await publish(`${url}/none`, "{", { retain: true });
    for (const isAsync of [false, true]) {
      for await (const message of subscribe(`${url}/number`)) {
        const value: number = await message.json(numberSchema(isAsync));
        assertEquals(value, 42);
        break;
      }
      for await (const message of subscribe(`${url}/text`)) {
        const error = await assertRejects(() => message.json(numberSchema(isAsync)), SchemaError);
        assertInstanceOf(error, TypeError);
        assertStringIncludes(error.message, "a.0: must be a number");
        assertEquals(error.issues.length, 1);
        break;
      }
      for await (const message of subscribe(`${url}/none`)) {
        await assertRejects(() => message.json(numberSchema(isAsync)), SyntaxError);
        break;
      }
    }
  }));
