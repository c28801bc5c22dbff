/**
 * A store in a file that a test opens, closes and opens again.
 *
 * @module
 */

/** A store in a folder of its own, which is removed with it. */
export class StoreFile<Store extends { close(): void }> implements AsyncDisposable {
  readonly path: string;
  readonly #folder: string;
  readonly #open: (path: string) => Store;
  #store: Store | undefined;

  /** `name` is that of the file, without `.db`. */
  constructor(name: string, open: (path: string) => Store) {
    this.#folder = Deno.makeTempDirSync({ prefix: `${name}-store-` });
    this.path = `${this.#folder}/${name}.db`;
    this.#open = open;
  }

  /** Opened when it is first asked for. */
  get store(): Store {
    return this.#store ??= this.#open(this.path);
  }

  close(): void {
    this.#store?.close();
    this.#store = undefined;
  }

  reopen(): void {
    this.close();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.close();
    await Deno.remove(this.#folder, { recursive: true });
  }
}
