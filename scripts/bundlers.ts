/**
 * Bundles a program that uses the package with the bundlers there are, as they are, and runs what
 * they make where there is neither the package nor anything else that it was made of.
 *
 *     npm run bundlers                     installs all of them, and prints a table
 *     npm run bundlers -- esbuild webpack  those whose names begin so
 *
 * @module
 */
import { spawnSync, type SpawnSyncReturns } from "node:child_process";
import { cpSync, mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { findRuntime, PROJECT_ROOT, type Runtime, RUNTIMES } from "./runtimes.ts";

/** How a bundler is used. */
export interface Recipe {
  readonly name: string;
  /** What it takes from npm. */
  readonly packages: readonly string[];
  /** The runtimes that may run what it makes; all, unless told. */
  readonly runtimes?: readonly Runtime[];
  /** Files that it reads, by their names. */
  readonly files?: Readonly<Record<string, string>>;
  /** Programs and their arguments, in the folder of the application; they write to `out/`. */
  readonly command: readonly string[];
  /** What to run, in `out/`. */
  readonly output: string;
  /** Whether the output is a program of its own. */
  readonly isProgram?: boolean;
}

const webpackFile = (packageName: string, output: string) => `
import bundler from ${JSON.stringify(packageName)};
const optimization = { minimize: !process.argv.includes("--quick") };
const rest = { mode: "production", optimization, target: "node", entry: "./main.mjs", context: process.cwd() };
const { experiments, ...output } = ${output};
const config = { ...rest, experiments, output: { path: process.cwd() + "/out", ...output } };
bundler.webpack(config, (error, stats) => {
  if (error || stats.hasErrors()) throw error ?? new Error(stats.toString());
});`;
const CJS_OUTPUT = '{ filename: "main.cjs" }';
const ESM_OUTPUT = '{ filename: "main.mjs", module: true, experiments: { outputModule: true } }';

/** A program that counts how often it is loaded. */
const RELOADED = `
import { open } from "dinomo";
const options = { path: "pool", capacity: "1MiB", nodes: 3, help: false, reuse: true };
export const store = await open(options);
export const count = await store.increment("count");
`;

/** Has Vite load it as often as it changes, by itself and together with the library. */
const RELOAD = `
import { appendFileSync, mkdirSync, readdirSync, writeFileSync } from "node:fs";
import { createServer } from "vite";

const threads = () => readdirSync("/proc/self/task").length;
const check = (condition, what) => {
  if (!condition) throw new Error(what);
};
let loads = 0;
for (const ssr of [{}, { noExternal: true }]) {
  const server = { middlewareMode: true, hmr: false, ws: false };
  const vite = await createServer({ appType: "custom", configFile: false, server, ssr });
  let last;
  let before;
  for (let i = 0; i < 4; i++) {
    last = await vite.ssrLoadModule("/server.mjs");
    check(last.count === ++loads, \`load \${loads}: it has counted \${last.count}\`);
    before ??= threads();
    appendFileSync("server.mjs", "// again\\n");
    vite.moduleGraph.invalidateAll();
  }
  const added = threads() - before;
  check(added < 3 * 3 - 2, \`\${added} threads have come with it\`);
  await last.store.close();
  await vite.close();
}
mkdirSync("out");
writeFileSync("out/main.mjs", 'console.log("works")');
process.exit(0);
`;

/** The bundlers. */
export const RECIPES: readonly Recipe[] = [
  {
    name: "esbuild, ESM",
    packages: ["esbuild"],
    command: "esbuild main.mjs --bundle --platform=node --format=esm --outfile=out/main.mjs".split(
      " ",
    ),
    output: "main.mjs",
  },
  {
    name: "esbuild, CommonJS",
    packages: ["esbuild"],
    command: "esbuild main.mjs --bundle --platform=node --format=cjs --outfile=out/main.cjs".split(
      " ",
    ),
    output: "main.cjs",
  },
  {
    name: "rolldown",
    packages: ["rolldown"],
    command: "rolldown main.mjs --platform node --dir out --entryFileNames [name].mjs".split(" "),
    output: "main.mjs",
  },
  {
    name: "rollup",
    packages: ["rollup", "@rollup/plugin-node-resolve"],
    command: "rollup main.mjs -p node-resolve -d out --entryFileNames [name].mjs --silent".split(
      " ",
    ),
    output: "main.mjs",
  },
  {
    name: "webpack, ESM",
    packages: ["webpack"],
    files: { "build.mjs": webpackFile("webpack", ESM_OUTPUT) },
    command: ["node", "build.mjs"],
    output: "main.mjs",
  },
  {
    name: "webpack, CommonJS",
    packages: ["webpack"],
    files: { "build.mjs": webpackFile("webpack", CJS_OUTPUT) },
    command: ["node", "build.mjs"],
    output: "main.cjs",
  },
  {
    name: "rspack",
    packages: ["@rspack/core"],
    files: { "build.mjs": webpackFile("@rspack/core", CJS_OUTPUT) },
    command: ["node", "build.mjs"],
    output: "main.cjs",
  },
  {
    name: "vite, SSR",
    packages: ["vite"],
    files: { "vite.config.mjs": "export default { ssr: { noExternal: true } };" },
    command: "vite build --ssr main.mjs --outDir out --logLevel error".split(" "),
    output: "main.js",
  },
  {
    // Loads the program again and again, in one process: what it makes only says how that went.
    name: "vite, server",
    packages: ["vite"],
    runtimes: ["node"],
    files: { "reload.mjs": RELOAD, "server.mjs": RELOADED },
    command: ["node", "reload.mjs"],
    output: "main.mjs",
  },
  {
    name: "tsup",
    packages: ["tsup", "typescript@5"],
    command: "tsup main.mjs --format esm --out-dir out --silent".split(" "),
    output: "main.js",
  },
  {
    name: "tsdown",
    packages: ["tsdown", "typescript@5"],
    command: "tsdown main.mjs --format esm --out-dir out --no-dts --silent".split(" "),
    output: "main.mjs",
  },
  {
    name: "bun build",
    packages: [],
    runtimes: ["bun"],
    command: "bun build main.mjs --target=bun --outdir=out".split(" "),
    output: "main.js",
  },
  {
    name: "bun build --target=node",
    packages: [],
    command: "bun build main.mjs --target=node --outfile=out/main.mjs".split(" "),
    output: "main.mjs",
  },
  {
    name: "bun build --compile",
    packages: [],
    runtimes: ["bun"],
    command: "bun build main.mjs --compile --outfile=out/main".split(" "),
    output: "main",
    isProgram: true,
  },
  {
    name: "deno bundle",
    packages: [],
    command: "deno bundle --quiet main.mjs -o out/main.mjs".split(" "),
    output: "main.mjs",
  },
];

/** What the program does: all that needs threads of both kinds. */
const PROGRAM = `
import { open } from "dinomo";
import { acquireLock } from "dinomo/lock";

const check = (isRight, says) => {
  if (!isRight) throw new Error(says);
};

async function main(path) {
  const memory = await open({ capacity: "4MiB" });
  await memory.put("a", { b: 1 });
  check((await memory.get("a")).b === 1, "a value is read");
  check((await memory.scale(2)).to === 2, "there are two KNs");
  const lock = await acquireLock(memory, "lock");
  check(lock.isHeld && await lock.release(), "a lock is held");
  await memory.close();

  const store = await open({ path, capacity: "4MiB", codec: "binary" });
  const keys = Array.from({ length: 1000 }, (_, i) => "key " + i);
  await Promise.all(keys.map((key) => store.put(key, new Uint8Array(900))));
  await store.deleteMany(keys.slice(50));
  await store.snapshot();
  // Without a thread for it nothing is moved.
  check((await store.compact()).segmentsMoved > 0, "a thread has moved segments");
  await store.backup(path + "-backup");
  await store.close();

  for (const place of [path, path + "-backup"]) {
    const again = await open({ path: place, codec: "binary" });
    check(again.count === 50 && again.getSync("key 49").length === 900, "it is all there again");
    await again.close();
  }
  console.log("works");
}

main(process.argv.at(-1)).catch((error) => {
  console.error(error);
  process.exitCode = 1;
});
`;

/** How long a bundler, or what it has made, may take. */
const COMMAND_MS_MAX = 120_000;

/**
 * Tries one bundler; returns why it fails on each of the runtimes, undefined where it works.
 *
 * @param isQuick without what takes a bundler most of its time, and does not concern the package
 */
export function tryBundler(
  recipe: Recipe,
  modules: string,
  runtimes: readonly Runtime[] = RUNTIMES,
  isQuick = false,
): Map<Runtime, string | undefined> {
  const root = mkdtempSync(join(tmpdir(), "dinomo-bundled-"));
  try {
    const app = join(root, "app");
    makeApplication(app, recipe, modules);
    const [program, ...args] = recipe.command as [string, ...string[]];
    const quick = isQuick && recipe.files?.["build.mjs"] !== undefined ? ["--quick"] : [];
    run(app, [...programOf(program, modules), ...args, ...quick]);
    const out = join(root, "out");
    cpSync(join(app, "out"), out, { recursive: true });
    cpSync(join(app, "package.json"), join(out, "package.json"));
    rmSync(app, { recursive: true });
    const may = recipe.runtimes ?? RUNTIMES;
    return new Map(
      runtimes.filter((runtime) => may.includes(runtime)).map((runtime) => {
        return [runtime, failureOf(() => runOutput(out, recipe, runtime))];
      }),
    );
  } finally {
    rmSync(root, { recursive: true, force: true });
  }
}

/** A program with the package as npm would install it, and with what bundles it. */
function makeApplication(app: string, recipe: Recipe, modules: string): void {
  const home = join(app, "node_modules/dinomo");
  mkdirSync(home, { recursive: true });
  cpSync(join(PROJECT_ROOT, "package.json"), join(home, "package.json"));
  cpSync(join(PROJECT_ROOT, "dist/bundle"), join(home, "dist/bundle"), { recursive: true });
  for (const given of recipe.packages) {
    const name = given.replace(/(?<=.)@.*/, "");
    const link = join(app, "node_modules", name);
    mkdirSync(dirname(link), { recursive: true });
    symlinkSync(join(modules, name), link, "junction");
  }
  writeFileSync(join(app, "package.json"), '{ "type": "module", "devDependencies": {} }');
  const files = { ...recipe.files, "main.mjs": PROGRAM };
  for (const [name, text] of Object.entries(files)) writeFileSync(join(app, name), text);
}

function programOf(name: string, modules: string): string[] {
  const runtime = RUNTIMES.find((other) => other === name);
  if (runtime !== undefined) return [findRuntime(runtime)];
  return [join(modules, ".bin", process.platform === "win32" ? `${name}.cmd` : name)];
}

function runOutput(out: string, { output, isProgram = false }: Recipe, runtime: Runtime): void {
  const path = join(out, `pool-${runtime}`);
  const file = join(out, output);
  const args = runtime === "deno" ? ["run", "--allow-all"] : [];
  const command = isProgram ? [file] : [findRuntime(runtime), ...args, file];
  const { stdout, stderr } = run(out, [...command, path]);
  if (stdout.trim() !== "works") throw new Error(`it printed ${stdout}\n${stderr}`);
}

function run(cwd: string, [program, ...args]: readonly string[]): SpawnSyncReturns<string> {
  const end = spawnSync(program!, args, { cwd, encoding: "utf8", timeout: COMMAND_MS_MAX });
  if (end.status === 0) return end;
  const code = end.error ?? end.signal ?? `exit code ${end.status}`;
  throw new Error(`${program} ${args.join(" ")}: ${code}\n${end.stdout}\n${end.stderr}`);
}

function failureOf(action: () => void): string | undefined {
  try {
    action();
    return undefined;
  } catch (error) {
    return String(error);
  }
}

/** Installs what recipes take; returns the folder of the packages. */
function install(recipes: readonly Recipe[], root: string): string {
  writeFileSync(join(root, "package.json"), "{}");
  const packages = [...new Set(recipes.flatMap((recipe) => recipe.packages))];
  if (packages.length > 0) run(root, ["npm", "install", "--no-audit", "--no-fund", ...packages]);
  return join(root, "node_modules");
}

function main(names: readonly string[]): void {
  const recipes = RECIPES.filter(({ name }) => {
    return names.length === 0 || names.some((given) => name.startsWith(given));
  });
  const root = mkdtempSync(join(tmpdir(), "dinomo-bundlers-"));
  try {
    const modules = install(recipes, root);
    const failures: string[] = [];
    for (const recipe of recipes) {
      const cells = new Map<Runtime, string>(RUNTIMES.map((runtime) => [runtime, "-"]));
      const failure = failureOf(() => {
        for (const [runtime, why] of tryBundler(recipe, modules)) {
          cells.set(runtime, why === undefined ? "works" : "FAILS");
          if (why !== undefined) failures.push(`${recipe.name} on ${runtime}: ${why}`);
        }
      });
      if (failure !== undefined) failures.push(`${recipe.name}: ${failure}`);
      const row = failure === undefined ? [...cells.values()] : ["cannot be bundled"];
      console.log(`| ${[recipe.name, ...row].join(" | ")} |`);
    }
    console.log(failures.join("\n\n"));
    if (failures.length > 0) process.exitCode = 1;
  } finally {
    rmSync(root, { recursive: true, force: true });
  }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) main(process.argv.slice(2));
