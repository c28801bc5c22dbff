/**
 * How the address of another broker is shown.
 *
 * @module
 */

/** The address without user name and password. */
export function bare(address: string): string {
  const url = new URL(address);
  url.username = "";
  url.password = "";
  return url.href;
}
