/** What is an IP address, which of them are this machine's alone, and what only looks like one. */

import { assertEquals } from "@std/assert";
import { isIPv4, isIPv6 } from "../../broker/ip_address.ts";
import { isLoopback } from "../../broker/loopback.ts";

Deno.test("ip address: four numbers from 0 to 255 are one of IPv4, what is nearly so is none", () => {
  for (const text of ["0.0.0.0", "1.2.3.4", "127.0.0.1", "255.255.255.255"]) assertEquals(isIPv4(text), true, text);
  const others = ["", "1", "1.2.3", "1.2.3.", "1.2.3.4.", ".1.2.3.4", "1.2.3.4.5", "1..2.3", "1.2.3.4\n", " 1.2.3.4"];
  const numbers = ["256.1.1.1", "1.1.1.256", "1.2.3.1000", "01.2.3.4", "1.2.3.04", "00.0.0.0", "0x1.2.3.4", "-1.2.3.4"];
  for (const text of [...others, ...numbers, "1.2.3.a", "١.2.3.4", "::1"]) assertEquals(isIPv4(text), false, text);
});

Deno.test("ip address: groups of hexadecimal digits are one of IPv6, what is nearly so is none", () => {
  for (const text of ["::", "::1", "2001:DB8::1", "1:2:3:4:5:6:7:8", "::ffff:192.0.2.7"]) {
    assertEquals(isIPv6(text), true, text);
  }
  const others = ["", ":", ":::", "1::2::3", "1:2:3:4:5:6:7", "1:2:3:4:5:6:7:8:9", "12345::", "g::", "::256.1.1.1"];
  for (const text of [...others, "[::1]", "::1]:80/[", "fe80::1%eth0", "::1 ", "1.2.3.4"]) {
    assertEquals(isIPv6(text), false, text);
  }
});

Deno.test("ip address: loopback is this machine's alone, and no name that begins like it", () => {
  for (const host of ["localhost", "::1", "127.0.0.1", "127.255.1.2"]) assertEquals(isLoopback(host), true, host);
  for (const host of ["127.0.0.256", "127.0.1", "127.0.0.1.example", "128.0.0.1", "::", "0.0.0.0", "eth0"]) {
    assertEquals(isLoopback(host), false, host);
  }
});
