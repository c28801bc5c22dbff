/**
 * What lies over the page: a sheet with details, and questions. Escape closes them; the focus goes back to where it was.
 *
 * @module
 */

import { type Child, h } from "./dom.ts";

/** A sheet at the side of the page. */
export interface Sheet {
  /** Aborted when it is closed. */
  readonly signal: AbortSignal;
  close(): void;
}

/** Opens a sheet; it is closed by its button, by Escape, by a click beside it, and when `signal` is aborted. */
export function openSheet(title: Child, body: HTMLElement, signal: AbortSignal): Sheet {
  const closed = new AbortController();
  const close = () => element.close();
  const heading = h("h2", { id: "sheet-title", tabindex: -1, autofocus: true }, title);
  const closing = h("button", { type: "button", class: "quiet close", "aria-label": "Close", onclick: close }, "✕");
  const element = h(
    "dialog",
    {
      class: "sheet",
      "aria-labelledby": "sheet-title",
      onclick: (event) => event.target === element && close(),
      onclose: () => {
        closed.abort();
        element.remove();
      },
    },
    h("div", { class: "sheet-inside" }, h("header", {}, heading, closing), body),
  );
  document.body.append(element);
  element.showModal();
  signal.addEventListener("abort", close, { signal: closed.signal });
  return { signal: closed.signal, close };
}

/** What is asked before something that cannot be undone. */
export interface Question {
  readonly title: string;
  readonly text: Child;
  /** The word on the button that does it. */
  readonly action: string;
}

/** Asks; resolves to whether it shall be done. */
export function confirm(question: Question): Promise<boolean> {
  const answer = Promise.withResolvers<boolean>();
  const element = h(
    "dialog",
    {
      class: "question",
      role: "alertdialog",
      "aria-labelledby": "question-title",
      "aria-describedby": "question-text",
      onclose: () => {
        answer.resolve(element.returnValue === "yes");
        element.remove();
      },
    },
    h(
      "form",
      { method: "dialog" },
      h("h2", { id: "question-title" }, question.title),
      h("p", { id: "question-text" }, question.text),
      h(
        "div",
        { class: "actions" },
        h("button", { value: "no", autofocus: true }, "Cancel"),
        h("button", { value: "yes", class: "danger" }, question.action),
      ),
    ),
  );
  document.body.append(element);
  element.showModal();
  return answer.promise;
}

/** Asks for the token of the admin API; there is no way around an answer. */
export function askForToken(wasWrong: boolean): Promise<string> {
  const answer = Promise.withResolvers<string>();
  const input = h("input", {
    type: "password",
    id: "token",
    name: "token",
    required: true,
    pattern: "[!-~]+",
    title: "Letters, digits and signs of ASCII, without spaces",
    autocomplete: "current-password",
    "aria-describedby": "token-hint",
  });
  const hint = wasWrong
    ? "That token was not accepted. Please try again."
    : "The broker was started with it; look into its configuration. It is forgotten when this tab is closed.";
  const element = h(
    "dialog",
    { class: "question", "aria-labelledby": "token-title", onclose: () => element.showModal() },
    h(
      "form",
      {
        onsubmit: (event) => {
          event.preventDefault();
          answer.resolve(input.value);
          element.remove();
        },
      },
      h("h2", { id: "token-title" }, "Admin token"),
      h("p", { id: "token-hint", class: wasWrong ? "failed" : undefined }, hint),
      h("label", { for: "token" }, "Token"),
      input,
      h("div", { class: "actions" }, h("button", { class: "primary" }, "Continue")),
    ),
  );
  document.body.append(element);
  element.showModal();
  return answer.promise;
}
