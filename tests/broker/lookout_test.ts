/** Sockets are looked at while there is much else to do. */

import { assert, assertEquals } from "@std/assert";
import { Lookout } from "../../broker/deno/lookout.ts";

const HOSTNAME = "127.0.0.1";

async function openPair(): Promise<[Deno.TcpConn, Deno.TcpConn]> {
  using listener = Deno.listen({ hostname: HOSTNAME, port: 0 });
  return await Promise.all([Deno.connect({ hostname: HOSTNAME, port: listener.addr.port }), listener.accept()]);
}

/** Whether what has come for another connection is there after a look. */
async function seesOthers(lookout: Lookout): Promise<boolean> {
  const [near, far] = await openPair();
  let isThere = false;
  const arrival = far.read(new Uint8Array(1)).then(() => isThere = true);
  await near.write(new Uint8Array(1));
  await lookout.look();
  await undefined;
  const wasThere = isThere;
  await arrival;
  near.close();
  far.close();
  return wasThere;
}

Deno.test("lookout: what came before a look is there after it, also when it is closed", async () => {
  const lookout = new Lookout();
  for (let i = 0; i < 20; i++) assert(await seesOthers(lookout));
  lookout.close();
  assert(await seesOthers(lookout));
});

Deno.test("lookout: a look that is under way ends when it is closed, and nothing stays open", async () => {
  const opening = new Lookout();
  const first = opening.look();
  opening.close();
  await first;
  const open = new Lookout();
  await open.look();
  const second = open.look();
  open.close();
  await second;
});

Deno.test("lookout: others who connect first are sent away; if there are many, it goes by a timer", async () => {
  const { connect } = Deno;
  for (const count of [3, 20]) {
    const strangers: Deno.TcpConn[] = [];
    const opened: Deno.TcpConn[] = [];
    Deno.connect = (async (options: Deno.ConnectOptions) => {
      for (let i = 0; i < count; i++) strangers.push(await connect(options));
      opened.push(await connect(options));
      return opened[0];
    }) as typeof Deno.connect;
    const lookout = new Lookout();
    try {
      for (let i = 0; i < 3; i++) await lookout.look();
    } finally {
      Deno.connect = connect;
    }
    assertEquals(opened.length, 1);
    assert(await seesOthers(lookout));
    lookout.close();
    for (const stranger of strangers) stranger.close();
  }
});

Deno.test("lookout: where this process cannot reach itself, a look ends all the same", async () => {
  const { connect } = Deno;
  const lookout = new Lookout();
  Deno.connect =
    (({ signal }: { signal?: AbortSignal }) =>
      new Promise<never>((_, reject) => signal?.addEventListener("abort", reject))) as typeof Deno.connect;
  try {
    await lookout.look();
  } finally {
    Deno.connect = connect;
  }
  assert(await seesOthers(lookout));
});
