import { assert, assertEquals, assertGreater } from "@std/assert";
import { random } from "../support/random.ts";
import { End, Link, type Message } from "./flow_model.ts";

const RUNS = 3_000;

interface Behaviour {
  /** Chance that the connection is lost, a step. */
  readonly loss: number;
  /** Chance that a message is refused. */
  readonly refusal: number;
  qos(next: () => number): 1 | 2;
  receiveMaximum(next: () => number): number;
}

function run(seed: number, behaviour: Behaviour): { link: Link; reconnects: number } {
  const next = random(seed);
  const makeEnd = () => {
    const refused = Array.from({ length: 30 }, () => next() < behaviour.refusal);
    return new End({
      messages: Math.floor(next() * 30),
      receiveMaximum: () => behaviour.receiveMaximum(next),
      accepts: ({ number }) => !refused[number],
      qos: () => behaviour.qos(next),
    });
  };
  const link = new Link(next, [makeEnd(), makeEnd()]);
  link.reconnect();
  let reconnects = 0;
  let steps = 0;
  while (!link.isDone) {
    // At last the connection holds, so that the run comes to an end.
    if (steps < 1_000 && next() < behaviour.loss) {
      link.reconnect();
      reconnects++;
    }
    link.step();
    assert(++steps < 20_000, `seed ${seed}: the run must come to an end`);
  }
  return { link, reconnects };
}

/** Checks what `receiver` got of what `sender` published. */
function check(sender: End, receiver: End, seed: number): void {
  const seen = new Set<Message>();
  const firsts: number[] = [];
  for (const message of receiver.receipts) {
    if (!seen.has(message)) firsts.push(message.number);
    else assertEquals(message.qos, 1, `seed ${seed}: message ${message.number} must come once`);
    seen.add(message);
  }
  assertEquals(firsts, firsts.toSorted((a, b) => a - b), `seed ${seed}: messages must come in order`);
  sender.checkEmpty();
}

function checkRuns(behaviour: Behaviour): void {
  let reconnects = 0;
  for (let seed = 1; seed <= RUNS; seed++) {
    const { link, reconnects: lost } = run(seed, behaviour);
    reconnects += lost;
    const [first, second] = link.ends;
    check(first, second, seed);
    check(second, first, seed);
    for (const [sender, receiver] of [[first, second], [second, first]] as const) {
      const received = new Set(receiver.receipts.map(({ number }) => number));
      for (let number = 0; number < sender.published; number++) {
        const ended = [received.has(number), sender.refused.has(number)];
        assertEquals(ended.toSorted(), [false, true], `seed ${seed}: message ${number} must be taken or refused`);
      }
    }
  }
  // The test would be worth little if connections held.
  if (behaviour.loss > 0) assertGreater(reconnects, RUNS);
}

const mixed = (next: () => number): 1 | 2 => next() < 0.5 ? 1 : 2;
const anyMaximum = (next: () => number): number => next() < 0.1 ? 65_535 : 1 + Math.floor(next() * 8);

for (const [version, statements] of [["3.1.1", "[MQTT-4.3.3-1] [MQTT-4.3.3-2]"], ["5.0", "[MQTT-4.3.3-6]"]]) {
  Deno.test(`mqtt ${version} broker client: QoS 2 comes exactly once, in order, over ${RUNS} links that break ${statements}`, () => {
    checkRuns({ loss: 0.03, refusal: 0, qos: () => 2, receiveMaximum: anyMaximum });
  });
}

Deno.test(`QoS 1 comes at least once, in order, over ${RUNS} links that break`, () => {
  checkRuns({ loss: 0.03, refusal: 0, qos: () => 1, receiveMaximum: anyMaximum });
});

Deno.test(`QoS 1 and 2 share identifiers and quota over ${RUNS} links that break`, () => {
  checkRuns({ loss: 0.03, refusal: 0, qos: mixed, receiveMaximum: anyMaximum });
});

Deno.test(`refused messages end, over ${RUNS} links that break`, () => {
  checkRuns({ loss: 0.03, refusal: 0.2, qos: mixed, receiveMaximum: anyMaximum });
});

Deno.test(`receive maximum 1 lets one message at a time through, over ${RUNS} links that break often`, () => {
  checkRuns({ loss: 0.08, refusal: 0.05, qos: mixed, receiveMaximum: () => 1 });
});

Deno.test(`without a break nothing comes twice, in ${RUNS} runs`, () => {
  for (let seed = 1; seed <= RUNS; seed++) {
    const { link } = run(seed, { loss: 0, refusal: 0, qos: mixed, receiveMaximum: anyMaximum });
    const [first, second] = link.ends;
    for (const [sender, receiver] of [[first, second], [second, first]] as const) {
      assertEquals(
        receiver.receipts.map(({ number }) => number),
        Array.from({ length: sender.published }, (_, i) => i),
      );
    }
  }
});
