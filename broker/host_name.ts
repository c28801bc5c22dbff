/**
 * Names of servers, as requests of browsers have them.
 *
 * @module
 */

/** What it must look like, as it stands in error messages. */
export const HOST_NAME = "a name such as broker.example.org, without a port";

/** A name as browsers send it: in lower case, and in Punycode. Undefined for what is none. */
export function hostNameOf(text: string): string | undefined {
  return /[/?#@\\:*\s]/.test(text) ? undefined : URL.parse(`http://${text}`)?.hostname;
}
