/**
 * Where the server is, out of a URL.
 *
 * @module
 */

/** A server's URL without the credentials that stood in it, and these. */
export interface ServerAddress {
  readonly url: URL;
  readonly username: string | undefined;
  readonly password: Uint8Array | undefined;
}

/**
 * Takes a URL such as `mqtt://user:secret@host:1883` apart. `TypeError` if it is none. Which schemes there are is known
 * to who opens the transport.
 */
export function serverAddress(url: string | URL): ServerAddress {
  const bare = parse(url);
  const { username, password } = bare;
  bare.username = "";
  bare.password = "";
  return {
    url: bare,
    username: username === "" ? undefined : decodeURIComponent(username),
    password: password === "" ? undefined : new TextEncoder().encode(decodeURIComponent(password)),
  };
}

/** A URL as it may be shown: without credentials, and without a query, which may hold some. */
export function shownUrl({ protocol, host, pathname }: URL): string {
  return `${protocol}//${host}${pathname}`;
}

/** The host of a URL as sockets take it: an IPv6 address without its brackets. */
export function hostOf(url: URL): string {
  return url.hostname.replace(/^\[(.*)\]$/, "$1");
}

/** The port of a URL. */
export function portOf(url: URL, defaultPort: number): number {
  return url.port === "" ? defaultPort : Number(url.port);
}

function parse(url: string | URL): URL {
  if (URL.canParse(url)) return new URL(url);
  // The text may hold a password, so it is not repeated.
  throw new TypeError("Cannot connect: url must be one like mqtt://host:1883, received another text");
}
