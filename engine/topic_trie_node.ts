/**
 * A node of the topic trie: one topic level below another.
 *
 * @module
 */

import { TextMap } from "./text_map.ts";
import { lasting, levelEnd } from "./topic_levels.ts";

/**
 * One level. Most nodes of a large trie have no child or one, so that a map is made for the second one only, and
 * wildcards, which every match asks for, have places of their own.
 *
 * As long as only one key passes through a node, its further levels get no nodes: the node is a leaf that holds the
 * key, and `keyEnd` tells how much of the key it stands for. This halves the memory of a large trie, and a single deep
 * key costs no more than a flat one.
 */
export class TrieNode<V> {
  /** The level's text. */
  readonly level: string;
  /** The stored key that ends here or, in a leaf, passes through here. */
  key: string | undefined = undefined;
  /** Where this node's level ends in `key`. */
  keyEnd = 0;
  /** The value of `key`. */
  value: V | undefined = undefined;
  /** The child for the level `+`. */
  plus: TrieNode<V> | undefined = undefined;
  /** The child for the level `#`. */
  hash: TrieNode<V> | undefined = undefined;
  #literals: TrieNode<V> | TextMap<TrieNode<V>> | undefined = undefined;

  constructor(level: string) {
    this.level = level;
  }

  /** Whether the node holds a key with more levels than have nodes. */
  get isFolded(): boolean {
    return this.key !== undefined && this.keyEnd < this.key.length;
  }

  /** Puts a key here. */
  hold(key: string, keyEnd: number, value: V | undefined): void {
    this.key = key;
    this.keyEnd = keyEnd;
    this.value = value;
  }

  /** Takes the key away and returns its value. */
  drop(): V | undefined {
    const { value } = this;
    this.key = undefined;
    this.value = undefined;
    return value;
  }

  /** Gives the next level of a folded key its node, and the key to that. */
  unfold(): void {
    const { key } = this;
    if (key === undefined) return;
    const start = this.keyEnd + 1;
    const end = levelEnd(key, start);
    const child = new TrieNode<V>(lasting(key.slice(start, end), key));
    child.hold(key, end, this.drop());
    this.add(child);
  }

  /** The leaf with the only key at or below this node, if that is so near; its key may be folded. */
  foldable(): TrieNode<V> | undefined {
    if (this.isLeaf()) return this;
    if (this.key !== undefined || this.isFork()) return undefined;
    const literals = this.#literals;
    const child = literals instanceof TextMap ? undefined : literals ?? this.plus ?? this.hash;
    return child?.isLeaf() ? child : undefined;
  }

  /** Becomes the leaf for a key that had nodes below. */
  fold(leaf: TrieNode<V>, keyEnd: number): void {
    this.#literals = undefined;
    this.plus = undefined;
    this.hash = undefined;
    if (leaf.key !== undefined) this.hold(leaf.key, keyEnd, leaf.value);
  }

  /** Whether it was just made: what has neither a key nor a child is taken away. */
  get isEmpty(): boolean {
    return this.key === undefined && this.isLeaf();
  }

  /** Whether there is no child. */
  isLeaf(): boolean {
    return this.#literals === undefined && this.plus === undefined && this.hash === undefined;
  }

  /** Whether there is more than one child. */
  isFork(): boolean {
    const literals = this.#literals;
    if (literals instanceof TextMap) return true;
    const children = (literals === undefined ? 0 : 1) + (this.plus === undefined ? 0 : 1) +
      (this.hash === undefined ? 0 : 1);
    return children > 1;
  }

  /** The child for a level of a topic name. */
  literal(level: string): TrieNode<V> | undefined {
    const literals = this.#literals;
    if (literals === undefined) return undefined;
    if (literals instanceof TrieNode) return literals.level === level ? literals : undefined;
    return literals.get(level);
  }

  /** The child for a level of a topic filter or topic name. */
  child(level: string): TrieNode<V> | undefined {
    if (level === "+") return this.plus;
    if (level === "#") return this.hash;
    return this.literal(level);
  }

  /** The child for a level of `key`; if there is none, one is made, without a key. */
  enter(level: string, key: string): TrieNode<V> {
    if (level === "+") return this.plus ??= new TrieNode(level);
    if (level === "#") return this.hash ??= new TrieNode(level);
    const literals = this.#literals;
    if (literals instanceof TextMap) return literals.getOrInsertComputed(lasting(level, key), newNode<V>);
    if (literals?.level === level) return literals;
    const child = new TrieNode<V>(lasting(level, key));
    this.#addLiteral(child);
    return child;
  }

  /** Adds a child that is not there yet. */
  add(child: TrieNode<V>): void {
    const { level } = child;
    if (level === "+") this.plus = child;
    else if (level === "#") this.hash = child;
    else this.#addLiteral(child);
  }

  #addLiteral(child: TrieNode<V>): void {
    const literals = this.#literals;
    if (literals === undefined) this.#literals = child;
    else if (literals instanceof TextMap) literals.set(child.level, child);
    else this.#literals = new TextMap<TrieNode<V>>().set(literals.level, literals).set(child.level, child);
  }

  /** Removes the child for `level`. */
  remove(level: string): void {
    if (level === "+") this.plus = undefined;
    else if (level === "#") this.hash = undefined;
    else this.#removeLiteral(level);
  }

  #removeLiteral(level: string): void {
    const literals = this.#literals;
    if (!(literals instanceof TextMap)) {
      this.#literals = undefined;
      return;
    }
    literals.delete(level);
    if (literals.size > 1) return;
    for (const last of literals.values()) this.#literals = last;
  }

  /** Appends the children for levels of topic names to `nodes`, in the order in which they were added. */
  collectLiterals(nodes: TrieNode<V>[]): void {
    const literals = this.#literals;
    if (literals === undefined) return;
    if (literals instanceof TextMap) { for (const child of literals.values()) nodes.push(child); }
    else nodes.push(literals);
  }

  /** Appends all children to `nodes`. */
  collectChildren(nodes: TrieNode<V>[]): void {
    this.collectLiterals(nodes);
    if (this.plus !== undefined) nodes.push(this.plus);
    if (this.hash !== undefined) nodes.push(this.hash);
  }
}

function newNode<V>(level: string): TrieNode<V> {
  return new TrieNode(level);
}
