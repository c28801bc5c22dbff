/**
 * Subscriptions as a tree of topic levels, in the form in which Mosquitto shows it.
 *
 * @module
 */

import { TextMap } from "../../engine/text_map.ts";
import type { SubscriptionState } from "../inspection.ts";

interface Branch {
  readonly children: TextMap<Branch>;
  /** `client, QoS`, and the group in front for a shared subscription. */
  readonly subscribers: string[];
}

/**
 * A line for each level of the filters, below the level before it, with those who have subscribed there: of at most so
 * many subscriptions, and at most so many lines. If there is more, a last line says how many there are in all.
 */
export function* subscriptionTree(
  subscriptions: Iterable<SubscriptionState>,
  total: number,
  most: number,
): Generator<string, void, undefined> {
  const root = newBranch();
  let taken = 0;
  for (const subscription of subscriptions) {
    if (taken === most) break;
    taken++;
    add(root, subscription);
  }
  const waiting = linesBelow(root, 0);
  for (let lines = 0; lines < most; lines++) {
    const next = waiting.pop();
    if (next === undefined) break;
    const { name, branch, depth } = next;
    yield `${"  ".repeat(depth + 1)}${name}${branch.subscribers.map((subscriber) => ` (${subscriber})`).join("")}`;
    waiting.push(...linesBelow(branch, depth + 1));
  }
  if (taken < total || waiting.length > 0) yield `  and more, ${total} subscriptions in all`;
}

function newBranch(): Branch {
  return { children: new TextMap(), subscribers: [] };
}

function add(root: Branch, { clientId, filter, share, qos }: SubscriptionState): void {
  let branch = root;
  for (const level of filter.split("/")) {
    let child = branch.children.get(level);
    if (child === undefined) branch.children.set(level, child = newBranch());
    branch = child;
  }
  branch.subscribers.push(`${share === undefined ? "" : `${share}: `}${clientId}, ${qos}`);
}

/** In reverse, as the last one is taken first. */
function linesBelow({ children }: Branch, depth: number) {
  return [...children].reverse().map(([name, branch]) => ({ name, branch, depth }));
}
