/**
 * TLS by OpenSSL's library, called as directly as the sockets. Certificates are not looked at: brokers are measured, not
 * trusted.
 *
 * @module
 */

import type { Channel } from "./channel.ts";
import { close, connectTo, setNonBlocking } from "./sockets.ts";

const SSL_ERROR_WANT_READ = 2;
const SSL_ERROR_WANT_WRITE = 3;
const SSL_ERROR_ZERO_RETURN = 6;
const SSL_CTRL_MODE = 33;
/** SSL_MODE_ENABLE_PARTIAL_WRITE and SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER. */
const MODES = 3n;

const ssl = Deno.dlopen("libssl.so.3", {
  TLS_client_method: { parameters: [], result: "pointer" },
  SSL_CTX_new: { parameters: ["pointer"], result: "pointer" },
  SSL_CTX_ctrl: { parameters: ["pointer", "i32", "i64", "pointer"], result: "i64" },
  SSL_new: { parameters: ["pointer"], result: "pointer" },
  SSL_set_fd: { parameters: ["pointer", "i32"], result: "i32" },
  SSL_connect: { parameters: ["pointer"], result: "i32" },
  SSL_read: { parameters: ["pointer", "buffer", "i32"], result: "i32" },
  SSL_write: { parameters: ["pointer", "buffer", "i32"], result: "i32" },
  SSL_pending: { parameters: ["pointer"], result: "i32" },
  SSL_get_error: { parameters: ["pointer", "i32"], result: "i32" },
  SSL_free: { parameters: ["pointer"], result: "void" },
});

const context = ssl.symbols.SSL_CTX_new(ssl.symbols.TLS_client_method());
ssl.symbols.SSL_CTX_ctrl(context, SSL_CTRL_MODE, MODES, null);

/** Connects and shakes hands. */
export function tlsChannel(hostname: string, port: number): Channel {
  const fd = connectTo(hostname, port);
  const session = ssl.symbols.SSL_new(context);
  ssl.symbols.SSL_set_fd(session, fd);
  if (ssl.symbols.SSL_connect(session) !== 1) throw new Error(`Cannot shake hands with ${hostname}:${port}`);
  setNonBlocking(fd);

  /** The number of bytes, 0 for "not now", -1 at the end. */
  const outcome = (result: number): number => {
    if (result > 0) return result;
    const code = ssl.symbols.SSL_get_error(session, result);
    if (code === SSL_ERROR_WANT_READ || code === SSL_ERROR_WANT_WRITE) return 0;
    if (code === SSL_ERROR_ZERO_RETURN) return -1;
    throw new Error(`Cannot speak TLS: error ${code}`);
  };
  return {
    fd,
    isUnsent: false,
    get isUnread() {
      return ssl.symbols.SSL_pending(session) > 0;
    },
    send: (bytes) => outcome(ssl.symbols.SSL_write(session, bytes, bytes.length)),
    flush: () => {},
    receive(into) {
      // A call gives one record; one turn takes all that have come, as with TCP.
      let filled = 0;
      while (filled < into.length) {
        const count = outcome(ssl.symbols.SSL_read(session, into.subarray(filled), into.length - filled));
        if (count < 0) return filled > 0 ? filled : -1;
        if (count === 0) break;
        filled += count;
      }
      return filled;
    },
    close() {
      ssl.symbols.SSL_free(session);
      close(fd);
    },
  };
}
