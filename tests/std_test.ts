/**
 * The local editions of `@std`: each function passes and fails where the original does. Run where JSR can be reached,
 * without `links`, these tests hold the originals to the same.
 *
 * @module
 */

import {
  assert,
  assertArrayIncludes,
  assertEquals,
  assertExists,
  assertFalse,
  assertGreater,
  assertGreaterOrEqual,
  assertInstanceOf,
  AssertionError,
  assertIsError,
  assertLess,
  assertLessOrEqual,
  assertMatch,
  assertNotEquals,
  assertNotMatch,
  assertNotStrictEquals,
  assertObjectMatch,
  assertRejects,
  assertStrictEquals,
  assertStringIncludes,
  assertThrows,
  equal,
  fail,
} from "@std/assert";
import { parseArgs } from "@std/cli/parse-args";
import { toArrayBuffer } from "@std/streams/to-array-buffer";
import { toBytes } from "@std/streams/to-bytes";
import { toText } from "@std/streams/to-text";

/** Runs an assertion that must fail; written without the functions under test. */
function fails(assertion: () => void): string {
  try {
    assertion();
  } catch (error) {
    if (error instanceof AssertionError) return error.message;
    throw error;
  }
  throw new Error("the assertion passed");
}

Deno.test("std assert: truth", () => {
  assert(1);
  fails(() => assert(0));
  if (fails(() => assert(false, "why")) !== "why") throw new Error("message lost");
  assertFalse(0);
  fails(() => assertFalse(1));
  assertExists(0);
  assertExists("");
  fails(() => assertExists(undefined));
  fails(() => assertExists(null));
  if (fails(() => fail("why")) !== "Failed assertion: why") throw new Error("message differs");
  if (new AssertionError("x").name !== "AssertionError") throw new Error("name differs");
});

Deno.test("std assert: equal is deep, and strict about classes and keys", () => {
  const circleA: Record<string, unknown> = { n: 1 };
  circleA.self = circleA;
  const circleB: Record<string, unknown> = { n: 1 };
  circleB.self = circleB;
  const same: [unknown, unknown][] = [
    [1, 1],
    [NaN, NaN],
    [0, -0],
    ["a", "a"],
    [{ a: [1, { b: 2 }] }, { a: [1, { b: 2 }] }],
    [new Uint8Array([1, 2]), new Uint8Array([1, 2])],
    [new Uint8Array([9, 1, 2]).subarray(1), new Uint8Array([1, 2])],
    [new Map([["a", { b: 1 }]]), new Map([["a", { b: 1 }]])],
    [new Map([[{ k: 1 }, 1]]), new Map([[{ k: 1 }, 1]])],
    [new Set([1, 2]), new Set([2, 1])],
    [new Set([{ a: 1 }]), new Set([{ a: 1 }])],
    [new Date(5), new Date(5)],
    [/a/g, /a/g],
    [new URL("mqtt://h/"), new URL("mqtt://h/")],
    [Object.create(null), {}],
    [circleA, circleB],
  ];
  for (const [a, b] of same) {
    assert(equal(a, b));
    assertEquals(a, b);
    fails(() => assertNotEquals(a, b));
  }
  const different: [unknown, unknown][] = [
    [1, 2],
    [1, "1"],
    [null, undefined],
    [{ a: undefined }, {}],
    [{ a: undefined }, { b: undefined }],
    [[1], [1, 2]],
    [[1], { 0: 1 }],
    [new Uint8Array([1]), [1]],
    [new Uint8Array([1]), new Uint8Array([2])],
    [new Map([["a", 1]]), new Map([["a", 2]])],
    [new Set([1]), new Set([2])],
    [new Date(5), new Date(6)],
    [/a/, /a/g],
    [class {}, class {}],
  ];
  for (const [a, b] of different) {
    assert(!equal(a, b));
    assertNotEquals(a, b);
    fails(() => assertEquals(a, b));
  }
  const message = fails(() => assertEquals({ a: 1 }, { a: 2 }, "the reason"));
  assert(message.startsWith("Values are not equal: the reason"));
});

Deno.test("std assert: strict equality is identity", () => {
  const one = {};
  assertStrictEquals(one, one);
  assertStrictEquals(NaN, NaN);
  fails(() => assertStrictEquals({}, {}));
  fails(() => assertStrictEquals<number>(0, -0));
  assertNotStrictEquals({}, {});
  fails(() => assertNotStrictEquals(one, one));
});

Deno.test("std assert: order", () => {
  assertGreater(2, 1);
  fails(() => assertGreater(1, 1));
  assertGreaterOrEqual(1, 1);
  fails(() => assertGreaterOrEqual(0, 1));
  assertLess(1, 2);
  fails(() => assertLess(1, 1));
  assertLessOrEqual(1n, 1n);
  fails(() => assertLessOrEqual(2, 1));
});

Deno.test("std assert: inclusion", () => {
  assertArrayIncludes([1, { a: 1 }, NaN], [{ a: 1 }, NaN]);
  assertArrayIncludes(new Uint8Array([1, 2]), [2]);
  fails(() => assertArrayIncludes([1], [2]));
  assertStringIncludes("hello", "ell");
  fails(() => assertStringIncludes("hello", "x"));
  assertMatch("hello", /^h/);
  fails(() => assertMatch("hello", /^x/));
  assertNotMatch("hello", /^x/);
  fails(() => assertNotMatch("hello", /^h/));
  assertObjectMatch({ a: 1, b: { c: 2, d: 3 } }, { b: { c: 2 } });
  assertObjectMatch({ a: [{ b: 1, c: 2 }] }, { a: [{ b: 1 }] });
  assertObjectMatch({ m: new Map([["a", { b: 1, c: 2 }]]) }, { m: new Map([["a", { b: 1 }]]) });
  fails(() => assertObjectMatch({ a: 1 }, { a: 2 }));
  fails(() => assertObjectMatch({ a: 1 }, { b: undefined }));
  fails(() => assertObjectMatch({ a: { b: 1 } }, { a: { b: 1, c: 2 } }));
});

Deno.test("std assert: errors", async () => {
  assertInstanceOf(new RangeError("x"), Error);
  fails(() => assertInstanceOf({}, Error));
  assertIsError(new RangeError("out of range"), RangeError, /range/);
  fails(() => assertIsError("out of range"));

  const error = assertThrows(
    () => {
      throw new RangeError("out of range");
    },
    RangeError,
    "of ran",
  );
  assertStrictEquals(error.message, "out of range");
  fails(() => assertThrows(() => 1));
  fails(() => assertThrows(() => 1, Error));
  const rethrow = (thrown: unknown) => () => {
    throw thrown;
  };
  assertStrictEquals(assertThrows(rethrow("text")), "text");
  fails(() => assertThrows(rethrow("text"), Error));
  fails(() => assertThrows(rethrow(new Error("a")), RangeError));
  fails(() => assertThrows(rethrow(new Error("a")), Error, "b"));

  const rejected = await assertRejects(() => Promise.reject(new RangeError("out")), RangeError, "out");
  assertStrictEquals(rejected.message, "out");
  await assertRejects(() => assertRejects(() => Promise.resolve(1)), AssertionError);
  await assertRejects(() => assertRejects(() => Promise.reject(new Error("a")), RangeError), AssertionError);
  await assertRejects(() => assertRejects(rethrow(new Error("a"))), AssertionError, "throws when expected to reject");
});

Deno.test("std cli: options with values", () => {
  const args = ["--port", "1883", "--host=::1", "-i", "me", "-p1", "-v", "file", "7"];
  const flags = parseArgs(args, {
    string: ["host", "id", "p"],
    boolean: ["verbose", "quiet"],
    alias: { id: "i", verbose: ["v"] },
    default: { keep: 60 },
  });
  assertEquals<unknown>(flags, {
    _: ["file", 7],
    port: 1883,
    host: "::1",
    id: "me",
    i: "me",
    p: "1",
    verbose: true,
    v: true,
    quiet: false,
    keep: 60,
  });
  const typed: { host?: string; id?: string; i?: string; verbose: boolean; v: boolean } = flags;
  assertExists(typed);
});

Deno.test("std cli: what is a value and what is not", () => {
  const options = { string: ["a", "text"], boolean: ["b", "flag"] } as const;
  assertEquals<unknown>(parseArgs(["-ab"], options), { _: [], a: "", b: true, flag: false });
  assertEquals<unknown>(parseArgs(["-ba", "x"], options), { _: [], a: "x", b: true, flag: false });
  assertEquals<unknown>(parseArgs(["-a=x=y"], options), { _: [], a: "x=y", b: false, flag: false });
  assertEquals<unknown>(parseArgs(["-a/x"], options), { _: [], a: "/x", b: false, flag: false });
  assertEquals<unknown>(parseArgs(["--text"], options), { _: [], text: "", b: false, flag: false });
  assertEquals<unknown>(parseArgs(["--text", "-x"], options), { _: [], text: "", x: true, b: false, flag: false });
  assertEquals<unknown>(parseArgs(["--text", "-"], options), { _: ["-"], text: "", b: false, flag: false });
  assertEquals<unknown>(parseArgs(["-a", "-"], options), { _: [], a: "-", b: false, flag: false });
  assertEquals<unknown>(parseArgs(["--flag", "x"], options), { _: ["x"], b: false, flag: true });
  assertEquals<unknown>(parseArgs(["--flag", "false"], options), { _: [], b: false, flag: false });
  assertEquals<unknown>(parseArgs(["--flag=false"], options), { _: [], b: false, flag: false });
  assertEquals<unknown>(parseArgs(["--x", "0x10", "--y", "1e3", "--z", "1x"]), { _: [], x: 16, y: 1000, z: "1x" });
});

Deno.test("std cli: collect, negatable, stopEarly, -- and unknown", () => {
  assertEquals(
    parseArgs(["-t", "a", "--topic", "b"], { string: ["topic"], collect: ["topic"], alias: { topic: "t" } }).topic,
    ["a", "b"],
  );
  assertEquals(parseArgs([], { string: ["topic"], collect: ["topic"] }).topic, []);
  assertEquals(parseArgs(["--no-color"], { boolean: ["color"], negatable: ["color"] }).color, false);
  assertEquals<unknown>(parseArgs(["--no-color"]), { _: [], "no-color": true });
  assertEquals(parseArgs(["pub", "-t", "x"], { stopEarly: true })._, ["pub", "-t", "x"]);
  assertEquals(parseArgs(["a", "--", "-b"])._, ["a", "-b"]);
  assertEquals(parseArgs(["a", "--", "-b"], { "--": true })["--"], ["-b"]);
  const unknown: unknown[] = [];
  const flags = parseArgs(["--good", "--bad", "x", "-w"], {
    boolean: ["good"],
    unknown: (arg, key, value) => {
      unknown.push([arg, key, value]);
      return false;
    },
  });
  assertEquals<unknown>(flags, { _: [], good: true });
  assertEquals(unknown, [["--bad", "bad", "x"], ["-w", "w", true]]);
});

Deno.test("std streams: to bytes, to text", async () => {
  const chunks = () => ReadableStream.from([new Uint8Array([0xe2, 0x82]), new Uint8Array([0xac])]);
  assertEquals(await toBytes(chunks()), new Uint8Array([0xe2, 0x82, 0xac]));
  assertEquals(new Uint8Array(await toArrayBuffer(chunks())), new Uint8Array([0xe2, 0x82, 0xac]));
  assertEquals(await toText(chunks()), "€");
  assertEquals(await toText(ReadableStream.from(["a", "b"])), "ab");
});
