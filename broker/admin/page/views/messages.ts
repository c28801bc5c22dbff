/**
 * Publish and subscribe from the page.
 *
 * @module
 */

import type { BrokerInfo } from "../../api.ts";
import { fill, h, setAttribute, setText } from "../dom.ts";
import { count } from "../format.ts";
import { messageList } from "../message_list.ts";
import type { MqttConsole } from "../mqtt_console.ts";
import { failureText, notify, notifyFailure } from "../notice.ts";
import type { View, ViewContext } from "../view.ts";
import { visibleString, visibleText } from "../visible_text.ts";

/** The view; its address may name the `topic` to publish to. */
export const messages: View = {
  title: "Publish & subscribe",
  render(context) {
    const element = h("div", { class: "console" }, h("p", { class: "muted" }, "Reading…"));
    context.info().then(
      (info) => context.signal.aborted || fill(element, ...contentOf(context, info)),
      (error) => context.signal.aborted || fill(element, h("p", { class: "failed" }, failureText(error))),
    );
    return element;
  },
};

function contentOf(context: ViewContext, { features }: BrokerInfo): HTMLElement[] {
  if (features.mqtt === null) {
    return [h("div", { class: "empty" }, h("p", {}, "This broker does not let its admin page publish or subscribe."))];
  }
  const credentials = features.mqtt === "user" ? new CredentialFields() : undefined;
  const connected = () => context.mqtt.connect(credentials?.value);
  return [
    connectionState(context),
    h(
      "div",
      { class: "exchange" },
      h(
        "div",
        { class: "forms" },
        credentials?.element,
        subscribeForm(context, connected),
        publishForm(context, connected),
      ),
      received(context),
    ),
  ];
}

/** User name and password of an MQTT client; they are kept nowhere. */
class CredentialFields {
  readonly #username = h("input", { id: "username", autocomplete: "username", spellcheck: "false" });
  readonly #password = h("input", { id: "password", type: "password", autocomplete: "current-password" });
  readonly element: HTMLElement = h(
    "details",
    { class: "panel credentials" },
    h("summary", {}, "Sign in as an MQTT user"),
    h("div", { class: "field" }, h("label", { for: "username" }, "User name"), this.#username),
    h("div", { class: "field" }, h("label", { for: "password" }, "Password"), this.#password),
  );

  get value() {
    if (this.#username.value === "") return undefined;
    return { username: this.#username.value, password: this.#password.value };
  }
}

function publishForm(context: ViewContext, connected: () => Promise<void>): HTMLElement {
  const topic = h("input", {
    id: "topic",
    required: true,
    autocomplete: "off",
    spellcheck: "false",
    value: context.parameters.get("topic") ?? "",
  });
  const payload = h("textarea", { id: "payload", rows: 4, spellcheck: "false" });
  const qos = qosSelect("publish-qos");
  const retain = h("input", { type: "checkbox", id: "retain" });
  const button = h("button", { class: "primary" }, "Publish");
  const submit = (event: Event) =>
    during(event, button, "It was not published", async () => {
      await connected();
      notify(await context.mqtt.publish(topic.value, payload.value, qos.value, retain.checked));
    });
  return h(
    "form",
    { class: "panel", onsubmit: submit },
    h("h2", {}, "Publish"),
    h("div", { class: "field" }, h("label", { for: "topic" }, "Topic"), topic),
    h("div", { class: "field" }, h("label", { for: "payload" }, "Payload"), payload),
    h("div", { class: "row" }, qos.element, h("label", { class: "check" }, retain, "Retain"), button),
  );
}

function subscribeForm(context: ViewContext, connected: () => Promise<void>): HTMLElement {
  const { mqtt, signal } = context;
  const filter = h("input", {
    id: "filter",
    required: true,
    autocomplete: "off",
    spellcheck: "false",
    placeholder: "home/+/temperature",
  });
  const qos = qosSelect("subscribe-qos");
  const button = h("button", { class: "primary" }, "Subscribe");
  const submit = (event: Event) =>
    during(event, button, "The subscription failed", async () => {
      await connected();
      await mqtt.subscribe(filter.value, qos.value);
      filter.value = "";
    });
  const active = h("ul", { class: "chips", "aria-label": "Subscriptions" });
  const show = () => fill(active, ...[...mqtt.subscriptions].map(([name, granted]) => chip(mqtt, name, granted)));
  mqtt.addEventListener("change", show, { signal });
  show();
  return h(
    "form",
    { class: "panel", onsubmit: submit },
    h("h2", {}, "Subscribe"),
    h("div", { class: "field" }, h("label", { for: "filter" }, "Topic filter"), filter),
    h("div", { class: "row" }, qos.element, button),
    active,
  );
}

function chip(mqtt: MqttConsole, filter: string, granted: number | undefined): HTMLElement {
  const end = {
    type: "button",
    "aria-label": `Unsubscribe ${visibleString(filter)}`,
    onclick: () => mqtt.unsubscribe(filter),
  };
  const note = h("span", { class: "muted" }, granted === undefined ? " …" : ` QoS ${granted}`);
  return h("li", {}, h("span", {}, visibleText(filter), note), h("button", end, "✕"));
}

function qosSelect(id: string): { readonly element: HTMLElement; readonly value: 0 | 1 | 2 } {
  const options = [0, 1, 2].map((qos) => h("option", { value: qos }, `${qos}`));
  const select = h("select", { id }, ...options);
  return {
    element: h("span", { class: "qos" }, h("label", { for: id }, "QoS"), select),
    get value() {
      return select.value === "2" ? 2 : select.value === "1" ? 1 : 0;
    },
  };
}

function connectionState({ mqtt, signal }: ViewContext): HTMLElement {
  const element = h("p", { class: "status", role: "status" });
  const show = () => {
    const { state } = mqtt;
    const isBad = state.kind === "failed" || state.kind === "waiting";
    setText(element, isBad ? `${state.reason}${state.kind === "waiting" ? ". Trying again." : ""}` : "");
  };
  mqtt.addEventListener("change", show, { signal });
  show();
  return element;
}

function received(context: ViewContext): HTMLElement {
  const { mqtt, signal } = context;
  const list = messageList(context);
  const number = h("span", { class: "muted" });
  const empty = h("p", { class: "empty" });
  let paused = false;
  const show = () => {
    if (paused) return;
    list.show(mqtt.messages);
    empty.hidden = mqtt.messages.length > 0;
    const kept = mqtt.received > mqtt.messages.length ? `, the last ${mqtt.messages.length} are kept` : "";
    setText(number, mqtt.received === 0 ? "" : `${count(mqtt.received)} received${kept}`);
    setText(empty, mqtt.subscriptions.size === 0 ? "Subscribe, and messages appear here." : "Nothing yet.");
  };
  const pause = h("button", { type: "button", "aria-pressed": "false" }, "Pause");
  pause.addEventListener("click", () => {
    paused = !paused;
    setAttribute(pause, "aria-pressed", String(paused));
    show();
  });
  const clear = h("button", { type: "button", onclick: () => mqtt.clear() }, "Clear");
  mqtt.addEventListener("messages", show, { signal });
  mqtt.addEventListener("change", show, { signal });
  show();
  const head = h("header", { class: "controls" }, h("h2", {}, "Messages"), number, pause, clear);
  return h("section", { class: "received" }, head, list.element, empty);
}

/** Does what a form is for, once at a time. */
function during(event: Event, button: HTMLButtonElement, failed: string, task: () => Promise<void>): void {
  event.preventDefault();
  if (button.disabled) return;
  button.disabled = true;
  task().catch((error) => notifyFailure(failed, error)).finally(() => {
    button.disabled = false;
  });
}
