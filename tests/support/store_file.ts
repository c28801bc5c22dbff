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

  /** Endings and permissions of all files in the folder, as `.db 600`. */
  permissions(): string[] {
    return [...Deno.readDirSync(this.#folder)].map(({ name }) => {
      const { mode } = Deno.statSync(`${this.#folder}/${name}`);
      return `${name.replace(/^[^.]*/, "")} ${((mode ?? 0) & 0o777).toString(8)}`;
    }).sort();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.close();
    await Deno.remove(this.#folder, { recursive: true });
  }
}
