/** The report at the end of a test run. @module */

import { assertEquals, assertThrows } from "@std/assert";
import { countTests, parseJunit, type TestResult } from "./report/junit.ts";
import { countLine, coverageLines } from "./report/report.ts";
import { coverage, parseStatements, parseUntestable, statementsIn, unknownStatements } from "./report/statements.ts";

const JUNIT = `<?xml version="1.0" encoding="UTF-8"?>
<testsuites name="deno test" tests="5" failures="2" errors="1" time="0.064">
    <testsuite name="./a_test.ts" tests="5" disabled="1" errors="1" failures="2">
        <testcase name="mqtt 5.0 broker: &lt;&amp;&quot;&apos; [MQTT-1.5.4-1]" classname="./a_test.ts" time="0.001" line="1" col="6">
        </testcase>
        <testcase name="bad" classname="./a_test.ts" time="0.002" line="2" col="6">
            <failure message="no &amp;">&lt;skipped/&gt;</failure>
        </testcase>
        <testcase name="ignored" classname="./a_test.ts" time="0.000" line="3" col="6">
            <skipped/>
        </testcase>
        <testcase name="cancelled" classname="./a_test.ts" time="0.000" line="3" col="6">
            <error message="Cancelled"/>
        </testcase>
        <testcase name="bad &gt; step" classname="./a_test.ts" time="0.000" line="4" col="48">
            <failure message="x">x</failure>
        </testcase>
        <testcase name="a &gt; b" classname="./a_test.ts" time="0.000" line="4" col="48"/>
    </testsuite>
</testsuites>`;

function passed(name: string): TestResult {
  return { name, file: "tests/a_test.ts", outcome: "passed", isStep: false };
}

Deno.test("report: a JUnit file gives names, outcomes and steps", () => {
  const results = parseJunit(JUNIT);
  assertEquals(results.map(({ name, outcome, isStep }) => [name, outcome, isStep]), [
    [`mqtt 5.0 broker: <&"' [MQTT-1.5.4-1]`, "passed", false],
    ["bad", "failed", false],
    ["ignored", "skipped", false],
    ["cancelled", "failed", false],
    ["bad > step", "failed", true],
    ["a > b", "passed", false],
  ]);
  assertEquals(countTests(results), { passed: 2, failed: 2, skipped: 1 });
  assertEquals(parseJunit(""), []);
});

Deno.test("report: a name says version, sides and statements", () => {
  const names = (name: string) => statementsIn(name).map(({ version, id, side }) => `${version} ${id} ${side}`);
  assertEquals(names("mqtt 5.0 broker: text [MQTT-3.1.2-10]"), ["5.0 MQTT-3.1.2-10 broker"]);
  assertEquals(names("mqtt 3.1.1 client: [MQTT-3.1.2.7] and [MQTT-3-8.3-4, MQTT-1.5.3-1]"), [
    "3.1.1 MQTT-3.1.2.7 client",
    "3.1.1 MQTT-3-8.3-4 client",
    "3.1.1 MQTT-1.5.3-1 client",
  ]);
  assertEquals(names("mqtt 5.0 broker client: text [MQTT-1.5.4-1]"), [
    "5.0 MQTT-1.5.4-1 broker",
    "5.0 MQTT-1.5.4-1 client",
  ]);
  assertEquals(names("mqtt 5.0: text [MQTT-1.5.4-1]"), []);
  assertEquals(names("text [MQTT-1.5.4-1]"), []);
  assertEquals(names("mqtt 5.0 broker: no brackets MQTT-1.5.4-1"), []);
});

Deno.test("report: coverage is by version and side, of passing tests", () => {
  const statements = parseStatements("version\tid\tside\tarea\n5.0\tMQTT-1-1\tboth\ta\n5.0\tMQTT-1-10\tserver\ta\n");
  const untestable = parseUntestable("version\tid\tside\treason\n5.0\tMQTT-1-1\tclient\tIt cannot.\n", statements);
  const results: TestResult[] = [
    passed("mqtt 5.0 broker: one [MQTT-1-10]"),
    { ...passed("mqtt 5.0 broker: two [MQTT-1-1]"), outcome: "failed" },
    passed("mqtt 3.1.1 broker: three [MQTT-1-1]"),
  ];
  assertEquals(coverageLines(coverage(statements, untestable, results)), [
    "MQTT 5.0, broker: 1 of 2 statements have a passing test",
    "  without a test: MQTT-1-1",
    "MQTT 5.0, client: 0 of 1 statements have a passing test, 1 cannot be tested here",
    "  MQTT-1-1 cannot be tested here: It cannot.",
  ]);
  assertThrows(() => parseUntestable("version\tid\tside\treason\n5.0\tMQTT-1-2\tbroker\tx\n", statements), SyntaxError);
  assertThrows(() => parseUntestable("version\tid\tside\treason\n5.0\tMQTT-1-1\tbroker\n", statements), SyntaxError);
  assertThrows(() => parseStatements("version\tid\tside\tarea\n5.0\tMQTT-1-2\tnobody\tx\n"), SyntaxError);
});

Deno.test("report: a name with an id that the standard does not have is found", () => {
  const statements = parseStatements("version\tid\tside\tarea\n5.0\tMQTT-1-1\tserver\ta\n5.0\tMQTT-1-2\tclient\ta\n");
  const names = [
    "mqtt 5.0 broker: fine [MQTT-1-1]",
    "mqtt 5.0 broker client: fine [MQTT-1-1]",
    "mqtt 5.0 broker: what only clients must do [MQTT-1-2]",
    "mqtt 5.0 broker: wrong id [MQTT-1-3]",
    "mqtt 3.1 broker: has no list [MQTT-1-3]",
  ];
  assertEquals(unknownStatements(statements, names.map(passed)), ["mqtt 5.0 broker: wrong id [MQTT-1-3]"]);
});

Deno.test("report: the last line counts", () => {
  assertEquals(countLine({ passed: 3, failed: 0, skipped: 0 }), "3 passed, 0 failed");
  assertEquals(countLine({ passed: 3, failed: 1, skipped: 2 }), "3 passed, 1 failed, 2 skipped");
});
