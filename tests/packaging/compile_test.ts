/** The binaries: what is in them, and what is said when they cannot be made. */

import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { fileURLToPath } from "node:url";
import { brokerPermissions } from "../../broker/packaging/permissions.ts";
import { bounded } from "../support/bounded.ts";
import { repository, runProcess } from "../support/process.ts";

/** Modules of the package that each binary may hold, and some that are imported only when they are needed. */
const ROOMS = [
  {
    program: "mqtt-broker",
    expected: /^(broker|client|codec|engine)\/[\w/]+\.ts$|^tests\/std\/cli\/parse_args\.ts$/,
    late: ["broker/bridge/bridge.ts", "broker/sqlite_store.ts", "broker/admin/page_assets.ts"],
  },
  {
    program: "mqtt",
    expected: /^(client|codec|engine)\/[\w/]+\.ts$|^tests\/std\/cli\/parse_args\.ts$/,
    late: ["client/cli/main.ts"],
  },
] as const;
const COMPILE = fileURLToPath(new URL("broker/deno/compile.ts", repository));

Deno.test("compile: each binary holds the modules of the package and nothing else", () =>
  inFolder(async (folder) => {
    // Any program may stand for the runtime that the files are put into: it is not run.
    const env = { DENORT_BIN: Deno.execPath() };
    const { code, stdout, stderr } = await runProcess(Deno.execPath(), ["run", "-A", COMPILE, "--target", "x86_64"], {
      env,
      cwd: folder,
    });
    assertEquals(code, 0, stderr);
    for (const { program, expected, late } of ROOMS) {
      const modules = modulesOf(await Deno.readTextFile(`${folder}/dist/${program}.js`));
      assert(modules.length > 30, `too few modules: ${modules}`);
      for (const module of late) assert(modules.includes(module), `${module} is not in ${program}`);
      assertEquals(modules.filter((module) => !expected.test(module)), []);
      const output = await Deno.stat(`${folder}/dist/${program}-x86_64`);
      assert(output.size > (await Deno.stat(Deno.execPath())).size);
      assertMatch(stdout, new RegExp(`^dist/${program}-x86_64: .*--allow-net`, "m"));
    }
  }));

/** What a bundle is made of, as its comments say. */
function modulesOf(bundle: string): string[] {
  return [...bundle.matchAll(/^\s*\/\/ (\S+\.ts)$/gm)].map(([, path = ""]) =>
    path.replace(/^(\.\.\/)+\S*?(?=(broker|client|codec|engine|tests)\/)/, "")
  );
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

Deno.test("compile: what cannot be downloaded is said, and what to do about it", () =>
  inFolder(async (folder) => {
    const cache = `${folder}/cache`;
    await Deno.mkdir(cache);
    // A name that leads nowhere, so that nothing is downloaded where it could be.
    const env = { HTTPS_PROXY: "http://127.0.0.1:9", DENORT_BIN: "", DENO_DIR: cache };
    const compile = async () => {
      const args = ["run", "-A", COMPILE, "--target", "aarch64"];
      const { code, stderr } = await runProcess(Deno.execPath(), args, { env, cwd: folder });
      assertEquals(code, 1);
      assertStringIncludes(stderr, "or set DENORT_BIN to a copy of the runtime for the target");
      return stderr;
    };
    const first = await compile();
    assertStringIncludes(first, "@esbuild");
    // The same with esbuild.
    const { stdout } = await runProcess(Deno.execPath(), ["info", "--json"]);
    const { denoDir }: { readonly denoDir: string } = JSON.parse(stdout);
    await Deno.mkdir(`${cache}/dl`, { recursive: true });
    for await (const { name } of Deno.readDir(`${denoDir}/dl`)) {
      if (name.startsWith("esbuild")) await Deno.symlink(`${denoDir}/dl/${name}`, `${cache}/dl/${name}`);
    }
    assertStringIncludes(await compile(), "denort");
  }));

/** A test body with a folder that goes at its end. */
function inFolder(body: (folder: string) => Promise<void>): Promise<void> {
  return bounded(async () => {
    const folder = await Deno.makeTempDir({ prefix: "binary-" });
    try {
      await body(folder);
    } finally {
      await Deno.remove(folder, { recursive: true });
    }
  }, 60_000);
}
