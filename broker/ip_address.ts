/**
 * Text that is an IP address, as systems and browsers write it.
 *
 * @module
 */

/** Whether a text is an address of IPv4: four numbers from 0 to 255, without leading zeros, which some read as octal. */
export function isIPv4(text: string): boolean {
  return /^(?:(?:0|[1-9]\d{0,2})(?:\.(?!$)|$)){4}$/.test(text) && text.split(".").every((part) => Number(part) <= 255);
}

/** Whether a text is an address of IPv6, without brackets and without a zone. */
export function isIPv6(text: string): boolean {
  return /^[0-9a-fA-F:.]{2,45}$/.test(text) && URL.canParse(`http://[${text}]/`);
}
