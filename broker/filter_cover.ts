/**
 * Whether one topic filter matches all that another one matches.
 *
 * @module
 */

/** Whether every topic name that `inner` matches is matched by `outer`. Neither is a shared subscription's. */
export function covers(outer: string, inner: string): boolean {
  const wide = outer.split("/");
  // A topic has at least one character, so that these two match what begins with one level more.
  const narrow = inner === "#" ? ["+", "#"] : inner === "/#" ? ["", "+", "#"] : inner.split("/");
  // A wildcard in front matches no topic that begins with $.
  if (inner.startsWith("$") && (wide[0] === "#" || wide[0] === "+")) return false;
  for (const [index, level] of wide.entries()) {
    if (level === "#") return true;
    const other = narrow[index];
    if (other === undefined || other === "#" || (level !== "+" && level !== other)) return false;
  }
  // `a/#` matches `a`, too: a filter for `a` alone is too narrow for it.
  return narrow.length === wide.length;
}
