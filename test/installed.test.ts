/**
 * What the README tells a newcomer to do with the package, once it is installed.
 *
 * @module
 */
import { spawnSync } from "node:child_process";
import { existsSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { installPackage } from "../scripts/installed_package.ts";
import { findRuntime, PROJECT_ROOT, type Runtime, RUNTIMES } from "../scripts/runtimes.ts";
import { currentRuntime } from "./support/program.ts";
import { plainOutput, snippetsOf } from "./support/snippets.ts";
import { temporaryPath } from "./support/temporary.ts";

const MODULES = join(PROJECT_ROOT, "node_modules");
const README = readFileSync(join(PROJECT_ROOT, "README.md"), "utf8");
const MANIFEST = JSON.parse(readFileSync(join(PROJECT_ROOT, "package.json"), "utf8"));
const APP = temporaryPath("newcomer");
installPackage(APP);
for (const name of ["piscina", "@napi-rs"]) {
  if (!existsSync(join(MODULES, name))) continue;
  symlinkSync(join(MODULES, name), join(APP, "node_modules", name), "junction");
}
// As `npm init --yes` makes it, with the type that is the less likely one to work.
writeFileSync(join(APP, "package.json"), '{ "name": "app", "type": "commonjs" }');
const MAIN = "main.mts";

/** Runs the program as the README says. */
function run(runtime: Runtime): string {
  const args = { bun: [MAIN], deno: ["run", "-A", MAIN], node: [MAIN] }[runtime];
  const program = findRuntime(runtime);
  const options = { cwd: APP, encoding: "utf8", env: { ...process.env, NO_COLOR: "1" } } as const;
  if (runtime === "node" && !takesTypes(program)) {
    const compiler = join(MODULES, "esbuild/bin/esbuild");
    const words = ["--target=node20", "--outfile=main.mjs"];
    const { status, stderr } = spawnSync(program, [compiler, MAIN, ...words], options);
    assert.is(status, 0, stderr);
    args[0] = "main.mjs";
  }
  const { status, stdout, stderr } = spawnSync(program, args, { ...options, timeout: 60_000 });
  assert.is(status, 0, stderr);
  return plainOutput(stdout);
}

function takesTypes(node: string): boolean {
  const { stdout } = spawnSync(node, ["--version"], { encoding: "utf8" });
  return Number(/^v(\d+)/.exec(stdout)![1]) >= 24;
}

test("the README names the file, and the commands", () => {
  const text = README.replace(/\s+/g, " ");
  for (
    const words of [
      "`main.mts`",
      "`bun main.mts`",
      "`deno run -A main.mts`",
      "`node main.mts`",
      "`npx esbuild main.mts --target=node20 --outfile=main.mjs`",
    ]
  ) {
    assert.ok(text.includes(words), words);
  }
});

const snippets = snippetsOf(README);
for (const { line, source, expected } of snippets) {
  // All runtimes for what needs a thread, to which the program has to be a file.
  const runtimes = source.includes("new Worker") ? RUNTIMES : [currentRuntime()];
  for (const runtime of runtimes) {
    test(`line ${line} of the README, on ${runtime}`, () => {
      rmSync(join(APP, "main.mjs"), { force: true });
      writeFileSync(join(APP, MAIN), source);
      const printed = run(runtime);
      for (const text of expected) assert.ok(printed.includes(text), `${text} in ${printed}`);
    });
  }
}

test("its types need no other types, and no newer library than ES2022", () => {
  const entries = Object.keys(MANIFEST.exports).filter((name) => /^\.(?:\/[a-z-]+)?$/.test(name));
  assert.ok(entries.length >= 12, entries.join());
  const needy = ["./inspector", "./level", "./rate-limiter"]; // @types/node, and what they extend
  const names = entries.filter((name) => !needy.includes(name));
  const imports = names.map((name) => `import "${name.replace(".", "dinomo")}";`);
  const program = 'import { open } from "dinomo";\nexport const store = await open<number>();';
  writeFileSync(join(APP, "typed.mts"), [program, ...imports].join("\n"));
  const compiler = join(MODULES, "typescript/bin/tsc");
  const words = ["--noEmit", "--strict", "--module", "nodenext", "--target", "es2022"];
  const { status, stdout } = spawnSync(findRuntime("node"), [compiler, ...words, "typed.mts"], {
    cwd: APP,
    encoding: "utf8",
  });
  assert.is(status, 0, stdout);
});

/** Opens a store with a path, stores a value, and says which modules of the runtime were taken. */
const TAKING = `
const taken = new Set();
const { getBuiltinModule } = process;
process.getBuiltinModule = (name) => {
  taken.add(name);
  return getBuiltinModule.call(process, name);
};
const { open } = await import("dinomo");
const store = await open({ capacity: "16MiB", path: process.argv[2] });
await store.put("user:1", { name: "Ada", visits: 1 });
console.log([...taken].join(" "));
await store.close();
`;

/** What a runtime takes half a millisecond or more to load. */
const SLOW: Readonly<Record<Runtime, readonly string[]>> = {
  bun: ["module", "net", "os", "perf_hooks", "url", "util", "vm", "worker_threads", "zlib"],
  deno: ["module", "net", "os", "vm", "zlib"],
  node: ["crypto", "module", "vm", "worker_threads", "zlib"],
};

for (const runtime of RUNTIMES) {
  test(`until the first value is stored, ${runtime} loads no module that is slow`, () => {
    writeFileSync(join(APP, "taking.mjs"), TAKING);
    const path = temporaryPath(`taking-${runtime}`);
    const words = [...(runtime === "deno" ? ["run", "-A"] : []), "taking.mjs", path];
    const { stdout, stderr } = spawnSync(findRuntime(runtime), words, {
      cwd: APP,
      encoding: "utf8",
      timeout: 60_000,
    });
    const taken = stdout.trim().split(" ");
    assert.ok(taken.includes("node:fs"), stderr);
    assert.equal(taken.filter((name) => SLOW[runtime].includes(name.replace("node:", ""))), []);
  });
}

test("one of them shares a value", () => {
  assert.ok(snippets.some(({ source }) => source.includes("new Worker")));
});

test.run();
