/**
 * A progress bar on standard error, for people.
 *
 * @module
 */

import type { Terminal } from "./terminal.ts";

const WIDTH = 30;
/** Milliseconds between two pictures. */
const INTERVAL = 200;

/** What a bar shows. */
export interface ProgressState {
  /** From 0 to 1. */
  readonly share: number;
  /** What stands beside it. */
  readonly text: string;
}

/** Draws what `state` gives, again and again, until it is disposed of; nothing unless a person is looking. */
export function progressBar(terminal: Terminal, state: () => ProgressState): Disposable {
  if (!terminal.isInteractive) return { [Symbol.dispose]() {} };
  const timer = setInterval(() => terminal.status(`\r\x1b[K${drawn(state())}`), INTERVAL);
  return {
    [Symbol.dispose]() {
      clearInterval(timer);
      terminal.status("\r\x1b[K");
    },
  };
}

/** One picture. */
export function drawn({ share, text }: ProgressState): string {
  const part = Math.min(1, Math.max(0, share));
  const filled = Math.round(part * WIDTH);
  const percent = `${Math.floor(part * 100)}`.padStart(3);
  return `[${"#".repeat(filled)}${" ".repeat(WIDTH - filled)}] ${percent} %  ${text}`;
}
