/**
 * Topic filters or topic names by their levels: which filters match a name, which names match a filter.
 *
 * @module
 */

import { TrieNode } from "./topic_trie_node.ts";

const SLASH = "/";
const DOLLAR = "$";

/**
 * A map from topic filters or topic names to values, searched by the rules of MQTT 5.0 section 4.7.
 *
 * - A broker keeps subscriptions with filters as keys, and {@linkcode match}es the name of each publication.
 * - It keeps retained messages with names as keys, and {@linkcode search}es with the filter of each subscription.
 *
 * Keys are taken as valid (see `assertTopicFilter` and `assertTopicName`); `$share/group/` is cut off by the
 * caller. All operations are loops, so that no key is too deep, and a deleted key leaves nothing behind.
 *
 * A visitor may change the trie: keys that were there before and after are visited once, keys that it sets or deletes
 * may be visited or not.
 *
 * @example Who subscribed to this?
 * ```ts
 * import { TopicTrie } from "@x/mqtt/engine";
 *
 * const subscribers = new TopicTrie<string>();
 * subscribers.set("sensors/+/temperature", "dashboard");
 * subscribers.set("sensors/#", "archive");
 * subscribers.match("sensors/7/temperature", (name, filter) => console.log(name, filter));
 * ```
 */
export class TopicTrie<V> {
  #root = new TrieNode<V>("");
  #size = 0;
  #nodes = 0;
  #version = 0;

  /** How many keys are stored. */
  get size(): number {
    return this.#size;
  }

  /** How many levels are held for them; 0 when there is no key. */
  get nodes(): number {
    return this.#nodes;
  }

  /** Changes whenever a key comes or goes, so that what a {@linkcode match} found can be kept until then. */
  get version(): number {
    return this.#version;
  }

  /** The value of exactly this key. */
  get(key: string): V | undefined {
    let node: TrieNode<V> | undefined = this.#root;
    let start = 0;
    do {
      const end = levelEnd(key, start);
      node = node.child(key.slice(start, end));
      if (node === undefined) return undefined;
      start = end + 1;
    } while (start <= key.length);
    return node.value;
  }

  /** Stores a value and returns the one that it replaces. */
  set(key: string, value: V): V | undefined {
    const node = this.#nodeFor(key);
    const previous = node.value;
    node.value = value;
    if (node.key !== undefined) return previous;
    node.key = key;
    this.#size++;
    this.#version++;
    return undefined;
  }

  #nodeFor(key: string): TrieNode<V> {
    let node = this.#root;
    let start = 0;
    do {
      const end = levelEnd(key, start);
      const level = key.slice(start, end);
      let child = node.child(level);
      if (child === undefined) {
        child = new TrieNode<V>(level);
        node.add(child);
        this.#nodes++;
      }
      node = child;
      start = end + 1;
    } while (start <= key.length);
    return node;
  }

  /** Removes a key and returns its value. */
  delete(key: string): V | undefined {
    // The branch that goes is cut below the last node that something else needs.
    let kept = this.#root;
    let cut = "";
    let cutLength = 0;
    let node: TrieNode<V> = this.#root;
    let start = 0;
    do {
      const end = levelEnd(key, start);
      const level = key.slice(start, end);
      if (node.key !== undefined || node.hasSeveralChildren() || start === 0) {
        kept = node;
        cut = level;
        cutLength = 0;
      }
      const child = node.child(level);
      if (child === undefined) return undefined;
      node = child;
      cutLength++;
      start = end + 1;
    } while (start <= key.length);
    if (node.key === undefined) return undefined;
    const value = node.value;
    node.key = undefined;
    node.value = undefined;
    this.#size--;
    this.#version++;
    if (node.isLeaf()) {
      kept.remove(cut);
      this.#nodes -= cutLength;
    }
    return value;
  }

  /**
   * Calls `visit` with each key that, as a topic filter, matches `topicName`. A filter that begins with a wildcard
   * matches no name that begins with `$`.
   */
  match(topicName: string, visit: (value: V, filter: string) => void): void {
    // All nodes that the name has led to so far, level by level: what wildcards make of it costs no second pass.
    let nodes = [this.#root];
    let start = 0;
    let wildcards = !topicName.startsWith(DOLLAR);
    do {
      const end = levelEnd(topicName, start);
      const level = topicName.slice(start, end);
      const next: TrieNode<V>[] = [];
      for (const node of nodes) {
        const literal = node.literal(level);
        if (literal !== undefined) next.push(literal);
        if (!wildcards) continue;
        if (node.plus !== undefined) next.push(node.plus);
        if (node.hash !== undefined) visitNode(node.hash, visit);
      }
      if (next.length === 0) return;
      nodes = next;
      wildcards = true;
      start = end + 1;
    } while (start <= topicName.length);
    for (const node of nodes) {
      visitNode(node, visit);
      // "a/#" matches "a" too.
      if (node.hash !== undefined) visitNode(node.hash, visit);
    }
  }

  /**
   * Calls `visit` with each key that, as a topic name, is matched by `filter`. A filter that begins with a wildcard
   * matches no name that begins with `$`.
   */
  search(filter: string, visit: (value: V, topicName: string) => void): void {
    let nodes = [this.#root];
    let start = 0;
    do {
      const end = levelEnd(filter, start);
      const level = filter.slice(start, end);
      if (level === "#") return visitAll(start === 0 ? withoutDollar(nodes) : nodes, visit);
      const next: TrieNode<V>[] = [];
      for (const node of nodes) {
        if (level === "+") node.collectLiterals(next);
        else {
          const literal = node.literal(level);
          if (literal !== undefined) next.push(literal);
        }
      }
      if (next.length === 0) return;
      nodes = start === 0 && level === "+" ? next.filter(isPublic) : next;
      start = end + 1;
    } while (start <= filter.length);
    for (const node of nodes) visitNode(node, visit);
  }

  /** All keys with their values, those with fewer levels first. */
  *entries(): IterableIterator<[string, V]> {
    let nodes = [this.#root];
    while (nodes.length > 0) {
      const next: TrieNode<V>[] = [];
      for (const node of nodes) {
        if (node.key !== undefined) yield [node.key, node.value as V];
        node.collectChildren(next);
      }
      nodes = next;
    }
  }

  /** Removes all keys. */
  clear(): void {
    if (this.#size === 0) return;
    this.#root = new TrieNode<V>("");
    this.#size = 0;
    this.#nodes = 0;
    this.#version++;
  }
}

/** Where the level that begins at `start` ends. */
function levelEnd(key: string, start: number): number {
  const end = key.indexOf(SLASH, start);
  return end === -1 ? key.length : end;
}

function visitNode<V>(node: TrieNode<V>, visit: (value: V, key: string) => void): void {
  // A node with a key has a value of type V, which may include undefined.
  if (node.key !== undefined) visit(node.value as V, node.key);
}

/** Visits the nodes and all below them. */
function visitAll<V>(nodes: TrieNode<V>[], visit: (value: V, key: string) => void): void {
  let level = nodes;
  while (level.length > 0) {
    const next: TrieNode<V>[] = [];
    for (const node of level) {
      visitNode(node, visit);
      node.collectLiterals(next);
    }
    level = next;
  }
}

/** The children of the root that a wildcard at the beginning of a filter stands for. */
function withoutDollar<V>(roots: TrieNode<V>[]): TrieNode<V>[] {
  const names: TrieNode<V>[] = [];
  for (const root of roots) root.collectLiterals(names);
  return names.filter(isPublic);
}

function isPublic<V>(node: TrieNode<V>): boolean {
  return !node.level.startsWith(DOLLAR);
}
