/**
 * Back-pressure for what a WebSocket sends.
 *
 * @module
 */

/** Bytes that a WebSocket may hold unsent before its writer waits. */
const HIGH_WATER = 65_536;
/** First and longest wait between two looks, in milliseconds. */
const SHORTEST = 1, LONGEST = 32;

/** Settles when a WebSocket has sent most of what it was given, or is closed. There is no event: one has to look. */
export function drained(socket: WebSocket): Promise<void> {
  if (socket.bufferedAmount <= HIGH_WATER) return Promise.resolve();
  return new Promise((resolve) => {
    let wait = SHORTEST;
    let timer: ReturnType<typeof setTimeout>;
    const settle = () => {
      clearTimeout(timer);
      socket.removeEventListener("close", settle);
      resolve();
    };
    const look = () => {
      if (socket.readyState !== WebSocket.OPEN || socket.bufferedAmount <= HIGH_WATER) return settle();
      wait = Math.min(2 * wait, LONGEST);
      timer = setTimeout(look, wait);
    };
    timer = setTimeout(look, wait);
    socket.addEventListener("close", settle);
  });
}
