/** The binaries: what is in them, and what is said when they cannot be made. */

import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { brokerPermissions } from "../../broker/packaging/permissions.ts";
import { bounded } from "../support/bounded.ts";
import { runProcess } from "../support/process.ts";

/** Files of the package and where each binary may have them from. */
const ROOMS = {
  "broker/mod.ts": /^(broker|client|codec|engine)\/[\w/]+\.ts$|^tests\/std\/cli\/parse_args\.ts$/,
  "client/mod.ts": /^(client|codec|engine)\/[\w/]+\.ts$|^tests\/std\/cli\/parse_args\.ts$/,
} as const;

for (const [entry, expected] of Object.entries(ROOMS)) {
  Deno.test(`compile: the binary of ${entry} holds the package's own files and nothing else`, () =>
    bounded(async () => {
      const folder = await Deno.makeTempDir({ prefix: "binary-" });
      try {
        const output = `${folder}/binary`;
        // Any program may stand for the runtime that the files are put into: it is not run.
        const env = { DENORT_BIN: Deno.execPath() };
        const args = ["compile", "--no-check", "--output", output, entry];
        const { code, stdout, stderr } = await runProcess(Deno.execPath(), args, { env });
        assertEquals(code, 0, stderr);
        const files = filesOf(`${stdout}\n${stderr}`);
        assert(files.length > 30, `too few files: ${files}`);
        assert(files.includes(entry));
        // They are imported when they are needed.
        if (entry === "broker/mod.ts") {
          assert(["bridge/bridge", "sqlite_store"].every((it) => files.includes(`broker/${it}.ts`)));
        }
        assertEquals(files.filter((file) => !expected.test(file)), []);
        assert((await Deno.stat(output)).size > (await Deno.stat(Deno.execPath())).size);
      } finally {
        await Deno.remove(folder, { recursive: true });
      }
    }, 60_000));
}

/** The tree that Deno prints, as paths. */
function filesOf(text: string): string[] {
  const folders: string[] = [];
  const files: string[] = [];
  for (const line of text.split("\n")) {
    const [, indentation, name] = /^((?:[│ ] )*)[├└]─[─┬] ?(\S+)/.exec(line) ?? [];
    if (indentation === undefined || name === undefined) continue;
    const depth = indentation.length / 2;
    folders.length = depth;
    if (name.endsWith(".ts")) files.push([...folders, name].join("/"));
    else folders[depth] = name;
  }
  return files;
}

Deno.test("compile: other folders may take the place of the broker's own", () => {
  const flags = brokerPermissions(["/srv/conf"], ["/srv/data"]);
  assert(flags.includes("--allow-read=/srv/conf,/srv/data"));
  assert(flags.includes("--allow-write=/srv/data,/run/systemd/notify"));
  assert(flags.includes("--allow-net"));
  assert(!flags.some((flag) => flag === "-A" || flag === "--allow-read" || flag === "--allow-write"));
});

Deno.test("compile: a wrong target is refused with what it may be", () =>
  bounded(async () => {
    const args = ["run", "-A", "broker/deno/compile.ts", "--target", "sparc"];
    const { code, stderr } = await runProcess(Deno.execPath(), args);
    assertEquals(code, 1);
    assertStringIncludes(stderr, "--target must be x86_64 or aarch64, received sparc");
  }));

Deno.test("compile: where the runtime for binaries cannot be had, the task says what to do", () =>
  bounded(async () => {
    // A name that leads nowhere, so that nothing is downloaded where it could be.
    const env = { HTTPS_PROXY: "http://127.0.0.1:9", DENORT_BIN: "", DENO_DIR: await Deno.makeTempDir() };
    try {
      const args = ["run", "-A", "broker/deno/compile.ts", "--target", "aarch64"];
      const { code, stderr } = await runProcess(Deno.execPath(), args, { env });
      assertEquals(code, 1);
      assertStringIncludes(stderr, "set DENORT_BIN to a copy of it for the target");
    } finally {
      await Deno.remove(env.DENO_DIR, { recursive: true });
      await Deno.remove("dist", { recursive: true }).catch(() => {});
    }
  }, 60_000));
