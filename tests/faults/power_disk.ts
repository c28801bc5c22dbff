/**
 * What a disk may hold when the power fails.
 *
 * Assumed, to be at least as hard as ext4 and xfs are with the options of any mount:
 *
 * - What was written to a file, and its size, is on the disk for certain when a sync of this file has ended. Until then
 *   each sector has, independently of all others, any of the contents that it had since then; so writes may be there in
 *   any order, in part, or not at all.
 * - A truncation is there as a whole or not at all, and what was written after it only where it is there: journals keep
 *   that together.
 * - A name in a folder is on the disk, or gone from it, for certain when a sync of the folder has ended, and not by that
 *   of the file. Until then each name, independently of others, stands for any file that it stood for since then.
 * - Where a file has grown, what was not written reads as zeros, or as what lay on the disk there before.
 * - A sector of 512 bytes is written as a whole or not at all, and a write leaves others alone. Disks that confirm a sync
 *   before they have written are not covered: no program can do anything about them.
 *
 * @module
 */

import type { Call } from "./power_trace.ts";

/** What becomes of that which was not synced. */
export interface Loss {
  /** How names that were not synced come out. */
  readonly names: "old" | "new" | "any";
  /**
   * How contents that were not synced come out: as they were, as they are, as they were at a moment between, or sectors
   * of so many bytes each as they were at a moment of its own.
   */
  readonly contents: "old" | "new" | "between" | 512 | 4_096;
  /** Whether a sector that was never written holds something else than zeros. */
  readonly garbage: boolean;
}

/** A write, or a truncation: that has as many zeros as bytes are gone. */
interface Change {
  readonly kind: "write" | "truncation";
  readonly offset: number;
  readonly bytes: Uint8Array;
  /** Size of the file after it. */
  readonly size: number;
}

/** A file, whether it has a name or not. */
class DiskFile {
  /** What is on the disk for certain, and zeros behind it. */
  #synced = new Uint8Array(0);
  #syncedSize = 0;
  #changes: Change[] = [];
  #size = 0;

  write(offset: number, bytes: Uint8Array): void {
    this.#size = Math.max(this.#size, offset + bytes.length);
    this.#changes.push({ kind: "write", offset, bytes, size: this.#size });
  }

  truncate(size: number): void {
    const bytes = new Uint8Array(Math.max(this.#size - size, 0));
    this.#size = size;
    this.#changes.push({ kind: "truncation", offset: size, bytes, size });
  }

  sync(): void {
    if (this.#extent > this.#synced.length) this.#synced = this.#copy(2 * this.#extent);
    for (const { offset, bytes } of this.#changes) this.#synced.set(bytes, offset);
    this.#syncedSize = this.#size;
    this.#changes = [];
  }

  /** A content that it may have after a loss of power. */
  content({ contents, garbage }: Loss, next: () => number): Uint8Array {
    const { length } = this.#changes;
    if (contents === "old") return this.#after(0);
    if (contents === "new") return this.#after(length);
    if (contents === "between") return this.#after(Math.floor(next() * (length + 1)));
    return this.#torn(contents, garbage ? next : () => 0, next);
  }

  /** The end of all that was written. */
  get #extent(): number {
    const ends = this.#changes.map(({ offset, bytes }) => offset + bytes.length);
    return Math.max(this.#syncedSize, this.#size, ...ends);
  }

  /** What was synced, and zeros behind it. */
  #copy(length: number): Uint8Array<ArrayBuffer> {
    const copy = new Uint8Array(length);
    copy.set(this.#synced.subarray(0, this.#syncedSize));
    return copy;
  }

  /** With the first so many changes. */
  #after(count: number): Uint8Array {
    const changes = this.#changes.slice(0, count);
    const content = this.#copy(this.#extent);
    for (const { offset, bytes } of changes) content.set(bytes, offset);
    return content.subarray(0, changes.at(-1)?.size ?? this.#syncedSize);
  }

  #torn(sectorSize: number, filler: () => number, next: () => number): Uint8Array {
    const content = this.#copy(this.#extent);
    content.fill(Math.floor(filler() * 256), this.#syncedSize);
    let size = this.#syncedSize;
    for (const { truncation, writes } of this.#untilTruncation(next)) {
      if (truncation !== undefined) content.set(truncation.bytes, truncation.offset);
      tear(content, writes, sectorSize, next);
      const sizes = [truncation?.size ?? size, ...writes.map((write) => write.size)];
      const chosen = next() < 0.7 ? sizes.at(-1) : sizes[Math.floor(next() * sizes.length)];
      size = chosen ?? size;
    }
    return content.subarray(0, size);
  }

  /** The changes, each truncation with the writes that follow it, up to one that is not there any more. */
  #untilTruncation(next: () => number): Epoch[] {
    const epochs: Epoch[] = [{ truncation: undefined, writes: [] }];
    for (const change of this.#changes) {
      if (change.kind === "truncation") epochs.push({ truncation: change, writes: [] });
      else epochs.at(-1)?.writes.push(change);
    }
    return epochs.slice(0, 1 + Math.floor(next() * epochs.length));
  }
}

interface Epoch {
  readonly truncation: Change | undefined;
  readonly writes: Change[];
}

/** Writes each sector as it was at a moment of its own. */
function tear(content: Uint8Array, writes: readonly Change[], sectorSize: number, next: () => number): void {
  // Few sectors are missing, or most of them.
  const share = [0.02, 0.3, 0.9][Math.floor(next() * 3)] ?? 0;
  const left = new Map<number, number>();
  for (const [sector, count] of versions(writes, sectorSize)) {
    left.set(sector, next() < share ? Math.floor(next() * count) : count);
  }
  for (const { offset, bytes } of writes) {
    for (const [sector, from, to] of sectorsOf(offset, bytes.length, sectorSize)) {
      const count = left.get(sector) ?? 0;
      if (count > 0) content.set(bytes.subarray(from, to), offset + from);
      left.set(sector, count - 1);
    }
  }
}

/** How often each sector was written. */
function versions(writes: readonly Change[], sectorSize: number): Map<number, number> {
  const counts = new Map<number, number>();
  for (const { offset, bytes } of writes) {
    for (const [sector] of sectorsOf(offset, bytes.length, sectorSize)) {
      counts.set(sector, (counts.get(sector) ?? 0) + 1);
    }
  }
  return counts;
}

/** The sectors that a write touches, each with its part of the bytes. */
function* sectorsOf(offset: number, length: number, sectorSize: number): Iterable<[number, number, number]> {
  for (let from = 0; from < length;) {
    const sector = Math.floor((offset + from) / sectorSize);
    const to = Math.min((sector + 1) * sectorSize - offset, length);
    yield [sector, from, to];
    from = to;
  }
}

const NAMES = ["old", "new", "any"] as const;
const CONTENTS = ["old", "new", "between", 512, 512, 4_096] as const;

/** Any kind of loss. */
export function anyLoss(next: () => number): Loss {
  return {
    names: NAMES[Math.floor(next() * NAMES.length)] ?? "any",
    contents: CONTENTS[Math.floor(next() * CONTENTS.length)] ?? 512,
    garbage: next() < 0.25,
  };
}

/** One folder of a disk, as programs change it. */
export class Disk {
  readonly #folder: string;
  readonly #names = new Map<string, DiskFile>();
  /** What each name that was not synced may stand for. */
  readonly #unsynced = new Map<string, (DiskFile | undefined)[]>();
  readonly #open = new Map<number, DiskFile | "folder">();

  constructor(folder: string) {
    this.#folder = folder;
  }

  /** The program has ended, and its files are closed. */
  closeAll(): void {
    this.#open.clear();
  }

  /** A program has done this; returns whether it changes the folder. Throws for what cannot be followed. */
  apply(call: Call): boolean {
    if (call.kind === "open") return this.#onOpen(call.fd, call.path, call.creates);
    if (call.kind === "unlink") return this.#onUnlink(call.path);
    const file = this.#open.get(call.fd);
    if (call.kind === "close" || call.kind === "connection") {
      this.#open.delete(call.fd);
      return false;
    }
    const isOurs = file !== undefined || (call.kind === "other" && call.texts.some((text) => this.#has(text)));
    if (!isOurs) return false;
    if (file === "folder" && call.kind === "sync") this.#unsynced.clear();
    else if (!(file instanceof DiskFile)) throw new Error(`Cannot follow ${Deno.inspect(call)}`);
    else if (call.kind === "write") file.write(call.offset, call.bytes);
    else if (call.kind === "truncate") file.truncate(call.size);
    else if (call.kind === "sync") file.sync();
    else throw new Error(`Cannot follow ${Deno.inspect(call)}`);
    return true;
  }

  /** Returns what `look` finds in a folder that has what may be there if the power fails now. */
  async lose<Result>(
    loss: Loss,
    next: () => number,
    look: (folder: string) => Result | Promise<Result>,
  ): Promise<Result> {
    const folder = await Deno.makeTempDir({ prefix: "faults-" });
    try {
      for (const [name, bytes] of this.#after(loss, next)) await Deno.writeFile(`${folder}/${name}`, bytes);
      return await look(folder);
    } finally {
      await Deno.remove(folder, { recursive: true });
    }
  }

  /** The files that may be there, by their names in the folder. */
  #after(loss: Loss, next: () => number): Map<string, Uint8Array> {
    const files = new Map<string, Uint8Array>();
    for (const name of new Set([...this.#names.keys(), ...this.#unsynced.keys()])) {
      const choices = this.#unsynced.get(name) ?? [this.#names.get(name)];
      const at = { old: 0, new: choices.length - 1, any: Math.floor(next() * choices.length) }[loss.names];
      const file = choices[at];
      if (file !== undefined) files.set(name.slice(this.#folder.length + 1), file.content(loss, next));
    }
    return files;
  }

  #has(path: string): boolean {
    return path.startsWith(`${this.#folder}/`);
  }

  #onOpen(fd: number, path: string, creates: boolean): boolean {
    this.#open.delete(fd);
    if (path === this.#folder) this.#open.set(fd, "folder");
    if (!this.#has(path)) return false;
    const known = this.#names.get(path);
    const file = known ?? new DiskFile();
    this.#open.set(fd, file);
    if (known !== undefined) return false;
    if (!creates) throw new Error(`Cannot follow ${path}: nobody has made it`);
    this.#rename(path, file);
    return true;
  }

  #onUnlink(path: string): boolean {
    if (!this.#has(path)) return false;
    this.#rename(path, undefined);
    return true;
  }

  #rename(path: string, file: DiskFile | undefined): void {
    const choices = this.#unsynced.get(path) ?? [this.#names.get(path)];
    this.#unsynced.set(path, [...choices, file]);
    if (file === undefined) this.#names.delete(path);
    else this.#names.set(path, file);
  }
}
