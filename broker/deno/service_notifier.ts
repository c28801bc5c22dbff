/**
 * Tells systemd that the broker is ready, that it lives, and that it ends: sd_notify(3).
 *
 * @module
 */

import type { LogSink } from "../log.ts";

/** The part of `Deno.DatagramConn` that is needed; its types are there only with `--unstable-net`. */
interface DatagramSocket {
  send(bytes: Uint8Array, address: { transport: "unixpacket"; path: string }): Promise<number>;
  close(): void;
}

type Bind = (options: { transport: "unixpacket"; path: string }) => DatagramSocket;

/** A service that systemd, or whatever has set `NOTIFY_SOCKET`, looks after. */
export class ServiceNotifier implements Disposable {
  readonly #socket: DatagramSocket;
  readonly #path: string;
  readonly #log: LogSink;
  #watchdog: ReturnType<typeof setInterval> | undefined;

  /** Undefined: nobody wants to know, or cannot be told, which the log says then. */
  static open(log: LogSink): ServiceNotifier | undefined {
    const path = environment("NOTIFY_SOCKET");
    if (path === undefined || path === "") return undefined;
    const bind: unknown = Reflect.get(Deno, "listenDatagram");
    if (typeof bind !== "function") {
      log.write("warning", "Cannot tell systemd that the broker is ready: start it with --unstable-net.");
      return undefined;
    }
    try {
      return new ServiceNotifier(bind as Bind, path, log); // of this name there is no other function
    } catch (error) {
      log.write("warning", `Cannot tell systemd that the broker is ready: ${error}`);
      return undefined;
    }
  }

  private constructor(bind: Bind, path: string, log: LogSink) {
    // A name that begins with @ or a zero byte is in no folder.
    this.#path = path.replace(/^@/, "\0");
    this.#socket = bind({ transport: "unixpacket", path: `\0mqtt-broker-${crypto.randomUUID()}` });
    this.#log = log;
  }

  /** The listeners are open. From now on systemd is told in time that the broker lives, if it wants to know. */
  ready(): void {
    this.#send("READY=1");
    const pid = environment("WATCHDOG_PID");
    const interval = Number(environment("WATCHDOG_USEC")) / 1_000;
    if (!(interval > 0) || (pid !== undefined && pid !== String(Deno.pid))) return;
    this.#watchdog = setInterval(() => this.#send("WATCHDOG=1"), interval / 3);
  }

  /** The broker ends. */
  stopping(): void {
    this.#send("STOPPING=1");
  }

  [Symbol.dispose](): void {
    clearInterval(this.#watchdog);
    this.#socket.close();
  }

  #send(state: string): void {
    this.#socket.send(new TextEncoder().encode(state), { transport: "unixpacket", path: this.#path }).catch((error) => {
      this.#log.write("warning", `Cannot tell systemd ${state}: ${error}`);
    });
  }
}

/** A variable, if it may be read: nobody is there to be asked. */
function environment(variable: string): string | undefined {
  const { state } = Deno.permissions.querySync({ name: "env", variable });
  return state === "granted" ? Deno.env.get(variable) : undefined;
}
