/** Whether a filter lies within another one, against what both match. */

import { assertEquals } from "@std/assert";
import { covers } from "../../broker/filter_cover.ts";
import { topicMatches } from "../../codec/mod.ts";

Deno.test("filters within filters: exactly those that match nothing else, for all short ones", () => {
  const levels = ["a", "b", "$x", "", "+"];
  const shorter = [...levels, ...levels.flatMap((one) => levels.map((two) => `${one}/${two}`))];
  const filters = [...shorter, ...shorter.map((filter) => `${filter}/#`), "#"].filter((filter) => filter !== "");
  const words = ["a", "b", "$x", "", "c"];
  const two = words.flatMap((one) => words.map((other) => `${one}/${other}`));
  const topics = [...words, ...two, ...two.flatMap((one) => words.map((other) => `${one}/${other}`))]
    .filter((topic) => topic !== "");
  const matched = new Map(filters.map((filter) => [filter, topics.filter((topic) => topicMatches(filter, topic))]));
  for (const outer of filters) {
    const wide = new Set(matched.get(outer));
    for (const inner of filters) {
      const expected = (matched.get(inner) ?? []).every((topic) => wide.has(topic));
      assertEquals(covers(outer, inner), expected, `${outer} covers ${inner}`);
    }
  }
});
