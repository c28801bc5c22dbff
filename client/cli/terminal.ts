/**
 * Standard input, standard output and standard error.
 *
 * @module
 */

/** What a command reads from and writes to; tests may bring their own. */
export interface Terminal {
  /** Standard input. */
  readonly input: ReadableStream<Uint8Array>;
  /** Whether a person is looking at standard error. */
  readonly isInteractive: boolean;
  /** Adds to standard terminal, perhaps to be written later. */
  write(data: string | Uint8Array): void;
  /** Writes what was added. */
  flush(): void;
  /** Writes a line to standard error. */
  error(line: string): void;
  /** Writes to standard error as it is, e.g. what overwrites itself. */
  status(text: string): void;
}

const BUFFER_SIZE = 65_536;
const encoder = new TextEncoder();

/** The process's own terminal. */
export class ProcessTerminal implements Terminal {
  readonly #buffer = new Uint8Array(BUFFER_SIZE);
  #length = 0;

  get input(): ReadableStream<Uint8Array> {
    return Deno.stdin.readable;
  }

  get isInteractive(): boolean {
    return Deno.stderr.isTerminal();
  }

  write(data: string | Uint8Array): void {
    const bytes = typeof data === "string" ? encoder.encode(data) : data;
    if (this.#length + bytes.length > BUFFER_SIZE) this.flush();
    if (bytes.length > BUFFER_SIZE) return writeAll(Deno.stdout, bytes);
    this.#buffer.set(bytes, this.#length);
    this.#length += bytes.length;
  }

  flush(): void {
    const length = this.#length;
    this.#length = 0;
    writeAll(Deno.stdout, this.#buffer.subarray(0, length));
  }

  error(line: string): void {
    this.status(`${line}\n`);
  }

  status(text: string): void {
    this.flush();
    writeAll(Deno.stderr, encoder.encode(text));
  }
}

function writeAll(file: { writeSync(bytes: Uint8Array): number }, bytes: Uint8Array): void {
  for (let at = 0; at < bytes.length;) at += file.writeSync(bytes.subarray(at));
}
