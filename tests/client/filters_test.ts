import { assertEquals } from "@std/assert";
import { Crowding } from "../../client/crowding.ts";
import { Filters, Subscriber } from "../../client/filters.ts";
import { Inbox } from "../../client/inbox.ts";

const OPTIONS = {
  qos: 0,
  noLocal: false,
  retainAsPublished: false,
  retainHandling: 0,
  userProperties: undefined,
} as const;
const LIMITS = { messages: 1, bytes: 1, overflow: "drop-newest", isManual: false } as const;

function subscriberTo(filters: Filters, ...wanted: string[]): Subscriber {
  const inbox = new Inbox(LIMITS, new Crowding(), () => {});
  const subscriber = new Subscriber(wanted, OPTIONS, inbox);
  filters.add(subscriber);
  return subscriber;
}

Deno.test("filters: a message without a subscription identifier goes to each inbox whose filters match, once", () => {
  const filters = new Filters();
  const all = {
    name: subscriberTo(filters, "a/b"),
    level: subscriberTo(filters, "a/+"),
    several: subscriberTo(filters, "a/b", "a/#", "#"),
    shared: subscriberTo(filters, "$share/g/a/b"),
    dollar: subscriberTo(filters, "$SYS/#"),
  };
  const routed = (topic: string) => {
    const inboxes = filters.routeOf(topic, []);
    assertEquals(new Set(inboxes).size, inboxes.length);
    return Object.entries(all).filter(([, { inbox }]) => inboxes.includes(inbox)).map(([key]) => key);
  };
  assertEquals(routed("a/b"), ["name", "level", "several", "shared"]);
  assertEquals(routed("a/c"), ["level", "several"]);
  assertEquals(routed("$SYS/uptime"), ["dollar"]);
  // The name of a topic is no share name, whoever sends it.
  assertEquals(routed("$share/g/a/b"), []);
  filters.remove(all.name, "a/b");
  filters.remove(all.shared, "$share/g/a/b");
  filters.remove(all.several, "#");
  assertEquals(routed("a/b"), ["level", "several"]);
  assertEquals(routed("x"), []);
});
