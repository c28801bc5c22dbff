/**
 * Elements, made without markup: whatever a client sends can become text in the page, but never an element.
 *
 * @module
 */

/** What goes into an element; undefined leaves nothing. */
export type Child = Node | string | number | undefined;

/** Attributes by name (true: without a value; false or undefined: left out) and listeners by `on` and the event's name. */
export interface Attributes {
  readonly [name: string]: string | number | boolean | undefined | ((event: Event) => void);
}

/** Makes an element. */
export function h<Name extends keyof HTMLElementTagNameMap>(
  name: Name,
  attributes: Attributes = {},
  ...children: readonly Child[]
): HTMLElementTagNameMap[Name] {
  const element = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (typeof value === "function") element.addEventListener(key.slice("on".length), value);
    else setAttribute(element, key, value);
  }
  append(element, children);
  return element;
}

/** Sets an attribute, or takes it away. */
export function setAttribute(element: Element, name: string, value: string | number | boolean | undefined): void {
  if (value === undefined || value === false) element.removeAttribute(name);
  else element.setAttribute(name, value === true ? "" : String(value));
}

/** Puts children in the place of those that are there. */
export function fill(element: Element, ...children: readonly Child[]): void {
  element.replaceChildren();
  append(element, children);
}

/** As {@linkcode fill}, but what would look the same stays in place, and with it focus, selection and scrolling. */
export function renew(element: Element, ...children: readonly Element[]): void {
  children.forEach((child, index) => {
    const before = element.children[index];
    if (before === undefined) element.append(child);
    else if (!before.isEqualNode(child)) before.replaceWith(child);
  });
  while (element.children.length > children.length) element.lastElementChild?.remove();
}

/** Changes a text only if it is another one, so that a screen reader and a selection keep their place. */
export function setText(element: Element, text: string): void {
  if (element.textContent !== text) element.textContent = text;
}

function append(element: Element, children: readonly Child[]): void {
  for (const child of children) {
    if (child !== undefined) element.append(typeof child === "number" ? String(child) : child);
  }
}
