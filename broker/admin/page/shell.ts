/**
 * What is around the views: their names, the state of the connection, and the way from one to another.
 *
 * @module
 */

import type { BrokerInfo } from "../api.ts";
import type { ApiClient } from "./api_client.ts";
import { now, setClock } from "./clock.ts";
import { fill, h, setAttribute, setText } from "./dom.ts";
import { compact, duration } from "./format.ts";
import type { Live } from "./live.ts";
import type { MqttConsole } from "./mqtt_console.ts";
import { noticeRegion } from "./notice.ts";
import { themeSwitch } from "./theme.ts";
import { address, type View } from "./view.ts";

/** What the page consists of. */
export interface ShellOptions {
  readonly api: ApiClient;
  readonly live: Live;
  readonly mqtt: MqttConsole;
  /** By their names in the address; the first one is shown at first. */
  readonly views: Readonly<Record<string, View>>;
}

/** Which number of the latest sample stands beside the name of a view. */
const COUNTS = {
  clients: "clients",
  sessions: "sessions",
  subscriptions: "subscriptions",
  retained: "retained",
} as const;

/** The frame of the page. */
export class Shell {
  readonly #options: ShellOptions;
  readonly #title = h("h1", { tabindex: -1 });
  readonly #content = h("div", { class: "content" });
  readonly #links = new Map<string, HTMLAnchorElement>();
  readonly #menu = h("button", {
    type: "button",
    class: "quiet menu",
    "aria-expanded": "false",
    "aria-controls": "nav",
  }, "Menu");
  readonly #about = h("p", { class: "about" });
  readonly #state = h("p", { class: "state", role: "status" });
  readonly #banner = h("p", { class: "banner", role: "alert", hidden: true });
  #info: Promise<BrokerInfo> | undefined;
  #shown: AbortController | undefined;

  constructor(options: ShellOptions) {
    this.#options = options;
  }

  /** Shows the page. */
  start(): void {
    const { live } = this.#options;
    fill(document.body, this.#skipLink(), this.#side(), this.#main(), noticeRegion());
    this.#menu.addEventListener("click", () => this.#openMenu(this.#menu.getAttribute("aria-expanded") === "false"));
    addEventListener("keydown", (event) => event.key === "Escape" && this.#openMenu(false));
    addEventListener("hashchange", () => this.#show());
    live.addEventListener("state", () => this.#showState());
    live.addEventListener("sample", () => this.#showCounts());
    live.addEventListener("back", () => {
      this.#info = undefined;
      this.#showAbout();
    });
    this.#showState();
    this.#showAbout();
    setInterval(() => this.#showAbout(), 30_000);
    this.#show();
  }

  #skipLink(): HTMLElement {
    const skip = (event: Event) => {
      event.preventDefault();
      this.#title.focus();
    };
    return h("a", { class: "skip", href: "#main", onclick: skip }, "Skip to the content");
  }

  #side(): HTMLElement {
    const list = h("ul");
    for (const [name, { title }] of Object.entries(this.#options.views)) {
      const link = h("a", { href: address(name) }, h("span", {}, title), h("span", { class: "count" }));
      this.#links.set(name, link);
      list.append(h("li", {}, link));
    }
    const brand = h(
      "div",
      { class: "brand" },
      h("span", { class: "logo", "aria-hidden": "true" }),
      h("strong", {}, "MQTT broker"),
    );
    return h(
      "header",
      { class: "side" },
      h("div", { class: "top" }, brand, this.#state, this.#menu),
      h("nav", { id: "nav", "aria-label": "Views" }, list),
      h("footer", {}, this.#about, themeSwitch()),
    );
  }

  #main(): HTMLElement {
    return h("main", { id: "main" }, this.#banner, this.#title, this.#content);
  }

  #openMenu(open: boolean): void {
    const isOpen = this.#menu.getAttribute("aria-expanded") === "true";
    setAttribute(this.#menu, "aria-expanded", String(open));
    setText(this.#menu, open ? "Close" : "Menu");
    document.body.classList.toggle("menu-open", open);
    if (isOpen && !open && document.activeElement?.closest("nav") !== null) this.#menu.focus();
  }

  #show(): void {
    const [path = "", query = ""] = location.hash.slice("#/".length).split("?", 2);
    const { views, api, live, mqtt } = this.#options;
    const name = Object.hasOwn(views, path) ? path : Object.keys(views)[0] ?? "";
    const view = views[name];
    if (view === undefined) return;
    const isFirst = this.#shown === undefined;
    this.#shown?.abort();
    this.#shown = new AbortController();
    for (const [other, link] of this.#links) setAttribute(link, "aria-current", other === name ? "page" : undefined);
    this.#openMenu(false);
    setText(this.#title, view.title);
    document.title = `${view.title} – MQTT broker`;
    const parameters = new URLSearchParams(query);
    const { signal } = this.#shown;
    fill(this.#content, view.render({ api, live, mqtt, parameters, signal, info: () => this.#readInfo() }));
    scrollTo(0, 0);
    if (!isFirst) this.#title.focus({ preventScroll: true });
  }

  #showState(): void {
    const { state } = this.#options.live;
    const texts = { connecting: "Connecting", live: "Live", lost: "Lost" } as const;
    this.#state.className = `state ${state.kind}`;
    setText(this.#state, texts[state.kind]);
    this.#banner.hidden = state.kind !== "lost";
    if (state.kind === "lost") {
      setText(this.#banner, `Connection lost. ${state.reason} Trying to get it back; what you see may be old.`);
    }
    document.body.classList.toggle("lost", state.kind === "lost");
  }

  #showCounts(): void {
    const counts = this.#options.live.latest?.counts;
    if (counts === undefined) return;
    for (const [name, key] of Object.entries(COUNTS)) {
      const element = this.#links.get(name)?.querySelector(".count");
      if (element) setText(element, compact(counts[key]));
    }
  }

  /** Failures are asked again when the broker is back. */
  #readInfo(): Promise<BrokerInfo> {
    if (this.#info === undefined) {
      this.#info = this.#options.api.get("info", {}).then((info) => {
        setClock(info.now);
        return info;
      });
      this.#info.catch(() => {
        this.#info = undefined;
      });
    }
    return this.#info;
  }

  #showAbout(): void {
    this.#readInfo().then(
      ({ name, version, startedAt }) =>
        setText(this.#about, `${name} ${version}, up ${duration((now() - startedAt) / 1_000)}`),
      () => {},
    );
  }
}
