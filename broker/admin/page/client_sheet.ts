/**
 * All about one client: its connection, its session, its subscriptions, what is under way to it.
 *
 * @module
 */

import type {
  ClientDetails,
  ConnectionDetails,
  InflightMessage,
  SessionDetails,
  SubscriptionSummary,
} from "../api_clients.ts";
import { now } from "./clock.ts";
import { confirm, openSheet, type Question, type Sheet } from "./dialogs.ts";
import { fill, h, renew } from "./dom.ts";
import { badge, facts, part } from "./facts.ts";
import { bytes, count, dateTime, duration } from "./format.ts";
import { preview } from "./message_text.ts";
import { failureText, notify, notifyFailure } from "./notice.ts";
import { repeat } from "./repeat.ts";
import { address, type ViewContext } from "./view.ts";
import { visibleString, visibleText } from "./visible_text.ts";

/** Milliseconds between two looks. */
const REFRESH = 2_000;
/** Lines of a part at most; a view of its own has the others. */
const LINES = 50;

/** Opens the sheet; `changed` is called when the client was disconnected or its session ended. */
export function openClient(context: ViewContext, clientId: string, changed: () => void): void {
  const body = h("div", { "aria-busy": true }, h("p", { class: "muted" }, "Reading…"));
  const actions = h("div", { class: "actions" });
  const sheet = openSheet(visibleText(clientId), h("div", { class: "sheet-body" }, body, actions), context.signal);
  let wasConnected: boolean | undefined;
  const read = async () => {
    try {
      const details = await context.api.get("client", { id: clientId }, sheet.signal);
      const isConnected = details.connection !== null;
      if (isConnected !== wasConnected) fill(actions, actionFor(context, details, sheet, changed));
      wasConnected = isConnected;
      renew(body, ...partsOf(details));
    } catch (error) {
      if (sheet.signal.aborted) return;
      renew(body, h("p", { class: "failed" }, failureText(error)));
      fill(actions);
      wasConnected = undefined;
    }
    body.removeAttribute("aria-busy");
  };
  repeat(read, REFRESH, sheet.signal);
}

/** What can be done with a client, after a question. */
interface Action extends Question {
  /** Said when it was done. */
  readonly done: string;
  request(): Promise<unknown>;
}

function actionFor(context: ViewContext, details: ClientDetails, sheet: Sheet, changed: () => void): HTMLElement {
  const { clientId, connection } = details;
  const action = connection === null ? endSession(context, clientId) : disconnect(context, clientId);
  const act = async () => {
    if (!await confirm(action)) return;
    try {
      await action.request();
      sheet.close();
      notify(action.done);
      changed();
    } catch (error) {
      notifyFailure("That did not work", error);
    }
  };
  return h("button", { type: "button", class: "danger", onclick: () => void act() }, action.action);
}

function disconnect({ api }: ViewContext, clientId: string): Action {
  const name = visibleString(clientId, 120);
  return {
    title: "Disconnect this client?",
    text: `${name} may connect again by itself.`,
    action: "Disconnect",
    done: `${name} was disconnected.`,
    request: () => api.post("client/disconnect", { clientId }),
  };
}

function endSession({ api }: ViewContext, clientId: string): Action {
  const name = visibleString(clientId, 120);
  return {
    title: "End this session?",
    text: `The subscriptions of ${name} and the messages that wait for it will be lost.`,
    action: "End session",
    done: `The session of ${name} has ended.`,
    request: () => api.delete("session", { id: clientId }),
  };
}

function partsOf({ clientId, username, connection, session, subscriptions, inflight }: ClientDetails): HTMLElement[] {
  return [
    facts(
      ["State", connection === null ? badge("away") : badge("connected", "good")],
      ["User", username === null ? h("span", { class: "muted" }, "none") : visibleText(username)],
      ...(connection === null ? [] : connectionFacts(connection)),
    ),
    ...(connection?.will ? [willPart(connection.will)] : []),
    part("Session", sessionFacts(session)),
    subscriptionsPart(clientId, subscriptions, session.subscriptions),
    ...(inflight.length === 0 ? [] : [inflightPart(inflight, session.inflight)]),
  ];
}

function connectionFacts(connection: ConnectionDetails) {
  const version = { 3: "3.1", 4: "3.1.1", 5: "5.0" }[connection.protocolVersion];
  const silent = (now() - connection.lastArrivalAt) / 1_000;
  return [
    ["Address", visibleText(connection.address)],
    ["Protocol", `MQTT ${version} over ${connection.transport}`],
    ["Connected", dateTime(connection.connectedAt)],
    ["Last heard", silent < 5 ? "just now" : `${duration(silent)} ago`],
    ["Keep alive", connection.keepAlive === 0 ? "off" : duration(connection.keepAlive)],
    ["Clean start", connection.cleanStart ? "yes" : "no"],
    ["Receive maximum", count(connection.receiveMaximum)],
    ["Largest packet", connection.maximumPacketSize === null ? undefined : bytes(connection.maximumPacketSize)],
    ["Unsent", bytes(connection.pendingBytes)],
    ["Certificate", connection.certificate === null ? undefined : visibleText(connection.certificate)],
  ] as const;
}

function willPart(will: NonNullable<ConnectionDetails["will"]>): HTMLElement {
  return part(
    "Will",
    facts(
      ["Topic", visibleText(will.topic)],
      ["Payload", preview(will)],
      ["QoS", `${will.qos}${will.retain ? ", retained" : ""}`],
      ["Delay", will.delay === 0 ? undefined : duration(will.delay)],
    ),
  );
}

function sessionFacts(session: SessionDetails): HTMLElement {
  const { expiryInterval, expiresAt } = session;
  const expiry = expiryInterval === null
    ? "for ever"
    : expiryInterval === 0
    ? "with its connection"
    : duration(expiryInterval);
  return facts(
    [
      "Kept",
      expiryInterval === 0
        ? "ends with its connection"
        : `${expiry}${expiryInterval === null ? "" : " after its connection"}`,
    ],
    ["Ends", expiresAt === null ? undefined : dateTime(expiresAt)],
    ["Stored on disk", session.stored ? "yes" : "no"],
    ["Queued", `${count(session.queued)} (${bytes(session.queuedBytes)})`],
    ["Dropped", session.dropped === 0 ? undefined : h("span", { class: "failed" }, count(session.dropped))],
    ["In flight", `${count(session.inflight)} to it, ${count(session.incoming)} from it`],
  );
}

function subscriptionsPart(
  clientId: string,
  subscriptions: readonly SubscriptionSummary[],
  total: number,
): HTMLElement {
  const title = `Subscriptions (${count(total)})`;
  if (subscriptions.length === 0) return part(title, h("p", { class: "muted" }, "None."));
  const lines = subscriptions.slice(0, LINES).map(({ filter, share, qos, noLocal, identifier }) => {
    const notes = [`QoS ${qos}`, noLocal ? "no local" : "", identifier === null ? "" : `id ${identifier}`].filter(
      Boolean,
    );
    const group = share === null ? undefined : h("span", {}, badge("shared"), visibleText(share), " ");
    return h("li", {}, group, visibleText(filter), h("span", { class: "muted" }, ` ${notes.join(", ")}`));
  });
  const all = h("a", { href: address("subscriptions", { client: clientId }) }, "All of them");
  return part(title, h("ul", { class: "lines" }, ...lines), total > lines.length ? h("p", {}, all) : undefined);
}

function inflightPart(inflight: readonly InflightMessage[], total: number): HTMLElement {
  const lines = inflight.slice(0, LINES).map((message) => {
    const { topic, qos, packetId } = message;
    const state = ` QoS ${qos}, id ${packetId}, waits for ${waitsFor(message)}`;
    // Of a session that ends with its connection, nothing is kept but the packet identifiers.
    const shown = topic === null ? [] : [h("span", { class: "muted" }, ": "), preview(message, 60)];
    const name = topic === null ? "Message" : visibleText(topic);
    return h("li", {}, name, h("span", { class: "muted" }, state), ...shown);
  });
  return part(`In flight (${count(total)})`, h("ul", { class: "lines" }, ...lines));
}

function waitsFor({ phase, qos }: InflightMessage): string {
  if (phase === "pubrel") return "PUBCOMP";
  return qos === 2 ? "PUBREC" : "PUBACK";
}
