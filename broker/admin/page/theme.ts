/**
 * Dark or light: as the system wishes, until somebody says otherwise.
 *
 * @module
 */

import { h, setAttribute } from "./dom.ts";

const KEY = "theme";
const system = matchMedia("(prefers-color-scheme: dark)");

/** Takes up what was chosen in an earlier visit. */
export function restoreTheme(): void {
  const chosen = localStorage.getItem(KEY);
  if (chosen === "dark" || chosen === "light") document.documentElement.dataset.theme = chosen;
}

/** Whether the page is dark at the moment. */
export function isDark(): boolean {
  const chosen = document.documentElement.dataset.theme;
  return chosen === undefined ? system.matches : chosen === "dark";
}

/** Calls back after each change, by the switch or by the system, until `signal` is aborted. */
export function onThemeChange(listener: () => void, signal?: AbortSignal): void {
  system.addEventListener("change", listener, { signal });
  document.addEventListener("themechange", listener, { signal });
}

/** A button that is pressed while the page is dark. To choose what the system wishes is to follow the system again. */
export function themeSwitch(): HTMLElement {
  const button = h("button", { type: "button", class: "quiet theme", onclick: toggle }, "Dark");
  const show = () => setAttribute(button, "aria-pressed", String(isDark()));
  onThemeChange(show);
  show();
  return button;
}

function toggle(): void {
  const theme = isDark() ? "light" : "dark";
  if ((theme === "dark") === system.matches) {
    delete document.documentElement.dataset.theme;
    localStorage.removeItem(KEY);
  } else {
    document.documentElement.dataset.theme = theme;
    localStorage.setItem(KEY, theme);
  }
  document.dispatchEvent(new Event("themechange"));
}
