/**
 * What is bundled, and by what.
 *
 * @module
 */
import type { Runtime } from "./runtimes.ts";

/** How a bundler is used. */
export interface Recipe {
  readonly name: string;
  /** What it takes from npm. */
  readonly packages: readonly string[];
  /** The runtimes that may run what it makes; all, unless told. */
  readonly runtimes?: readonly Runtime[];
  /** Files that it reads, by their names. */
  readonly files?: Readonly<Record<string, string>>;
  /** A program and its arguments, in the folder of the application. */
  readonly command: readonly string[];
  /** The folder that it writes. @default "out" */
  readonly folder?: string;
  /** What to run, in that folder. */
  readonly output: string;
  /** What that is. @default "module" */
  readonly kind?: "module" | "program" | "server";
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

/** A server answers a request of /work so; Next takes the name from that of the file. */
const NEXT_ROUTE = `
import { work } from "../../work.mjs";

export const dynamic = "force-dynamic";
export async function GET(request) {
  await work(new URL(request.url).searchParams.get("path"));
  return new Response("works");
}
`;
const NITRO_ROUTE = `
import { defineHandler } from "nitro/h3";
import { work } from "../work.mjs";

export default defineHandler(async ({ url }) => {
  await work(url.searchParams.get("path"));
  return "works";
});
`;

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
    kind: "program",
  },
  {
    name: "deno bundle",
    packages: [],
    command: "deno bundle --quiet main.mjs -o out/main.mjs".split(" "),
    output: "main.mjs",
  },
  {
    name: "Next",
    packages: ["next", "react", "react-dom"],
    files: {
      "next.config.mjs": 'export default { output: "standalone" };',
      "app/work/route.js": NEXT_ROUTE,
    },
    command: ["next", "build"],
    folder: ".next/standalone",
    output: "app/server.js",
    kind: "server",
  },
  {
    // What Nitro takes from itself is by default that of one runtime.
    name: "Nitro",
    packages: ["nitro"],
    runtimes: ["node"],
    files: { "routes/work.js": NITRO_ROUTE },
    command: ["nitro", "build"],
    folder: ".output/server",
    output: "index.mjs",
    kind: "server",
  },
  {
    name: "Nitro, noExternals",
    packages: ["nitro"],
    files: {
      "nitro.config.mjs": "export default { noExternals: true };",
      "routes/work.js": NITRO_ROUTE,
    },
    command: ["nitro", "build"],
    folder: ".output/server",
    output: "index.mjs",
    kind: "server",
  },
];

/** What the application does: all that needs threads of both kinds. */
export const WORK = `
import { open } from "dinomo";
import { acquireLock } from "dinomo/lock";

const check = (isRight, says) => {
  if (!isRight) throw new Error(says);
};

export async function work(path) {
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
}
`;

/** A program that does it. */
export const PROGRAM = `
import { work } from "./work.mjs";

work(process.argv.at(-1)).then(() => console.log("works"), (error) => {
  console.error(error);
  process.exitCode = 1;
});
`;
