// Run by Node with the bundled client and a URL; says in lines what it has seen.
import { pathToFileURL } from "node:url";

const [bundle, url, version, tls] = process.argv.slice(2);
const { connect, publish, subscribe } = await import(pathToFileURL(bundle).href);
const say = (...words) => console.log(words.join(" "));

process.on("unhandledRejection", (error) => say("unhandled", error));

const client = await connect(url, {
  protocolVersion: Number(version),
  tls: tls === undefined ? undefined : JSON.parse(tls),
  reconnect: { minimumDelay: 10, maximumDelay: 100 },
});
const subscription = client.subscribe("node/#", { qos: 2 });
say("granted", await subscription.ready);

async function exchange() {
  for (const qos of [0, 1, 2]) await client.publish(`node/${qos}`, `QoS ${qos}`, { qos });
  await client.publish("node/large", new Blob([new Uint8Array(1_000_000)]), { qos: 2 });
  const lines = [];
  while (lines.length < 4) {
    const { value: message } = await subscription.next();
    lines.push(`${message.topic} ${message.qos} ${message.size > 100 ? message.size : message.text()}`);
  }
  for (const line of lines.sort()) say("received", line);
}

await exchange();
if (url.startsWith("mqtt:")) {
  const connected = new Promise((resolve) => client.addEventListener("connect", resolve, { once: true }));
  say("restart");
  await connected;
  await exchange();
}
await client.close();

const connecting = { protocolVersion: Number(version), tls: tls === undefined ? undefined : JSON.parse(tls) };
const isPath = /^(mqtts?):/.test(url);
await publish(isPath ? `${url}/once/7` : url, "once", {
  topic: isPath ? undefined : "once/7",
  qos: 1,
  retain: true,
  connect: connecting,
});
const messages = subscribe(isPath ? `${url}/once/#` : url, {
  topic: isPath ? undefined : "once/#",
  connect: connecting,
});
for await (const message of messages) {
  say("received", message.topic, message.text());
  break;
}
say(client.state.kind);
