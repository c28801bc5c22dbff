/**
 * A node of the topic trie: one topic level below another.
 *
 * @module
 */

/** Up to this length V8 copies a substring; a longer one would keep the whole string that it was cut from alive. */
const LONGEST_COPIED_SUBSTRING = 12;

/**
 * One level. Most nodes of a large trie have no child or one, so that a map is made for the second one only, and
 * wildcards, which every match asks for, have places of their own.
 */
export class TrieNode<V> {
  /** The level's text. */
  readonly level: string;
  /** The stored key that ends here; undefined when none does. */
  key: string | undefined = undefined;
  /** The value of `key`. */
  value: V | undefined = undefined;
  /** The child for the level `+`. */
  plus: TrieNode<V> | undefined = undefined;
  /** The child for the level `#`. */
  hash: TrieNode<V> | undefined = undefined;
  #literals: TrieNode<V> | Map<string, TrieNode<V>> | undefined = undefined;

  constructor(level: string) {
    this.level = level.length > LONGEST_COPIED_SUBSTRING ? detached(level) : level;
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
    else if (literals instanceof TrieNode) this.#literals = new Map([[literals.level, literals], [child.level, child]]);
    else literals.set(child.level, child);
  }

  /** Removes the child for `level`. */
  remove(level: string): void {
    if (level === "+") this.plus = undefined;
    else if (level === "#") this.hash = undefined;
    else this.#removeLiteral(level);
  }

  #removeLiteral(level: string): void {
    const literals = this.#literals;
    if (!(literals instanceof Map)) {
      this.#literals = undefined;
      return;
    }
    literals.delete(level);
    if (literals.size > 1) return;
    for (const last of literals.values()) this.#literals = last;
  }

  /** How many children there are, `+` and `#` included; counting stops at 2. */
  hasSeveralChildren(): boolean {
    const literals = this.#literals;
    if (literals instanceof Map) return true;
    let count = literals === undefined ? 0 : 1;
    if (this.plus !== undefined) count++;
    if (this.hash !== undefined) count++;
    return count > 1;
  }

  /** Whether there is no child at all. */
  isLeaf(): boolean {
    return this.#literals === undefined && this.plus === undefined && this.hash === undefined;
  }

  /** Appends the children for levels of topic names to `nodes`, in the order in which they were added. */
  collectLiterals(nodes: TrieNode<V>[]): void {
    const literals = this.#literals;
    if (literals === undefined) return;
    if (literals instanceof TrieNode) nodes.push(literals);
    else for (const child of literals.values()) nodes.push(child);
  }

  /** Appends all children to `nodes`. */
  collectChildren(nodes: TrieNode<V>[]): void {
    this.collectLiterals(nodes);
    if (this.plus !== undefined) nodes.push(this.plus);
    if (this.hash !== undefined) nodes.push(this.hash);
  }
}

/** The same text in memory of its own: joined and cut again, it refers to the joined copy, not to its origin. */
function detached(text: string): string {
  return ` ${text}`.slice(1);
}
