/**
 * Makes the JavaScript of the published package, in `dist/bundle/`: one module for each entry, and
 * what they share in modules beside them. To load a module takes Node about half a millisecond, and
 * as much for every 10 KB. So what is loaded together is in few modules; see TOGETHER.
 *
 * Beside the modules are source maps, which no module names (source_maps.ts): Bun finds them. Stack
 * traces of the others have to be read without: names of classes and functions are kept, and lines,
 * of which Node prints the one that has thrown.
 *
 * Each worker is bundled first, as a module that imports nothing but the runtime's own, and on
 * demand packages of the application. All these texts are in a module of their own, which the
 * library imports where a worker's file is not: so bundlers of applications take it along. The file
 * is that text, which is loaded soonest; but the gateway, which needs most of what its process has,
 * too, is an entry that shares modules with the others. A file has a hash of the text in its name.
 *
 * @module
 */
import { build, type BuildOptions } from "esbuild";
import { createHash } from "node:crypto";
import { chmodSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { brotliCompressSync, constants } from "node:zlib";
import { type CodeSplittingOptions, type Plugin, rolldown } from "rolldown";
import type { WorkerName, WorkerTexts } from "../lib/platform/built_workers.ts";
import { finishDeclarations } from "./declarations.ts";
import { PROJECT_ROOT } from "./runtimes.ts";
import { shrinkMap } from "./source_maps.ts";

/** Where everything goes; flat, since the library finds its workers from where its code is. */
export const BUNDLE_FOLDER: string = join(PROJECT_ROOT, "dist/bundle");

/** What an application imports, as deno.json has it, or runs, and the module that it becomes. */
export const ENTRIES: Readonly<Record<string, string>> = readEntries();

function readEntries(): Record<string, string> {
  const text = readFileSync(join(PROJECT_ROOT, "deno.json"), "utf8");
  const { exports } = JSON.parse(text) as { exports: Record<string, string> };
  const entries = Object.entries(exports).map(([name, path]) => {
    return [name === "." ? "mod" : name.slice(2), path.slice(2)];
  });
  return { ...Object.fromEntries(entries), dinomo: "bin/dinomo.ts" };
}

/** The packages that adapters extend: the application's own. */
function readPeers(): string[] {
  const text = readFileSync(join(PROJECT_ROOT, "package.json"), "utf8");
  const { peerDependencies = {} } = JSON.parse(text) as { peerDependencies?: object };
  return Object.keys(peerDependencies);
}

const WORKERS: Readonly<Record<WorkerName, string>> = {
  node: "workers/kn.ts",
  dpm: "workers/dpm.ts",
  gateway: "workers/gateway.ts",
  cluster: "workers/cluster.ts",
};

/**
 * Says to Bun that there is nothing to translate: where it cannot keep what it has translated, as
 * in a container, that took longer than all else. A comment for everyone else.
 */
const BANNER = "// @bun";

const COMMON = {
  absWorkingDir: PROJECT_ROOT,
  bundle: true,
  format: "esm",
  platform: "node",
  target: "es2022",
  legalComments: "none",
  sourcesContent: false,
  minify: true,
  banner: { js: BANNER },
} as const satisfies BuildOptions;

/** What `require` gets from a Node that does not load ES modules by it. */
const REQUIRE_STUB = `"use strict";
const says = "dinomo is an ES module, which require() takes from Node 20.19 and 22.12 on; this is " +
  process.version + ': use await import("dinomo")';
throw Object.assign(new Error(says), { code: "ERR_REQUIRE_ESM" });
`;

const MODULE = /\/built_workers\.ts$/;
const TEXTS = "dinomo:worker-texts";
/** What no text has. */
const TEXT_END = "\0";

/** Puts the texts of the workers, and the names of their files, in place of a module. */
function withWorkers(files: Readonly<Record<WorkerName, string>>, texts: WorkerTexts): Plugin {
  return {
    name: "workers",
    resolveId: (id) => id === TEXTS ? id : undefined,
    load(id) {
      if (id === TEXTS) {
        return textsModule(texts);
      }
      if (!MODULE.test(id)) return undefined;
      return `export const WORKER_FILES = ${JSON.stringify(files)};
        export const loadWorkerTexts = () => import(${JSON.stringify(TEXTS)});`;
    },
  };
}

/**
 * A module with the texts of the workers, compressed as one: each has much of the others in it,
 * which only a window finds that is as large as all of them.
 */
function textsModule(texts: WorkerTexts): string {
  if (Object.values(texts).some((text) => text.includes(TEXT_END))) {
    throw new Error("the text of a worker must not have the character that ends it");
  }
  const { BROTLI_PARAM_LGWIN, BROTLI_MAX_WINDOW_BITS } = constants;
  const params = { [BROTLI_PARAM_LGWIN]: BROTLI_MAX_WINDOW_BITS };
  const text = Object.values(texts).join(TEXT_END);
  const compressed = brotliCompressSync(text, { params }).toString("base64");
  return `import { Buffer } from "node:buffer";
    import { brotliDecompressSync } from "node:zlib";
    const bytes = brotliDecompressSync(Buffer.from(${JSON.stringify(compressed)}, "base64"));
    export const [${Object.keys(texts)}] = bytes.toString().split(${JSON.stringify(TEXT_END)});`;
}

/**
 * What is loaded together: by an import, what every thread has that uses a store, and the methods
 * of a store; by the first `open` or `attach`, what that does, and what a path takes; beside a pool
 * that is restored, or soon after, what goes through all of a pool; by the threads of processes
 * that share a pool, what that takes. An entry that needs a part of a module loads all of it. The
 * first two are not one: Deno loads modules of more than 300 KB slowly.
 */
const TOGETHER: CodeSplittingOptions = {
  groups: [
    groupOf("client", 5, ["lib/store/opening/client_parts.ts"]),
    groupOf("operations", 4, ["mod.ts"]),
    groupOf("opening", 3, ["lib/store/open_store.ts", "lib/store/attach_store.ts"]),
    groupOf("path", 2, ["lib/store/opening/path_modules.ts"]),
    groupOf("tasks", 1, ["lib/dpm/dpm_tasks.ts", "lib/persistence/snapshot_reader.ts"]),
    groupOf("processes", 0, ["lib/remote/open_shared.ts", "lib/remote/gateway_shell.ts"]),
  ],
};

/** The group of all modules that some import, by whatever way, but not on demand. */
function groupOf(name: string, priority: number, roots: readonly string[]) {
  const members = new Set<string>();
  return {
    name: (id: string, modules: Modules) => {
      const add = (member: string): void => {
        if (members.has(member)) return;
        members.add(member);
        for (const imported of modules.getModuleInfo(member)?.importedIds ?? []) add(imported);
      };
      for (const root of roots) add(join(PROJECT_ROOT, root));
      return members.has(id) ? name : null;
    },
    debugName: name,
    priority,
  };
}

interface Modules {
  getModuleInfo(id: string): { readonly importedIds: readonly string[] } | null;
}

/** A worker that needs no other module. */
interface BundledWorker {
  /** That of its file, without the extension. */
  readonly name: string;
  readonly text: string;
  /** Its source map. */
  readonly map: string;
}

/** Bundles a worker. */
async function bundleWorker(entry: string): Promise<BundledWorker> {
  const { outputFiles } = await build({
    ...COMMON,
    entryPoints: [entry],
    outfile: join(BUNDLE_FOLDER, "worker.js"),
    external: readPeers(),
    sourcemap: "external",
    write: false,
  });
  const textOf = (ending: string) => outputFiles.find(({ path }) => path.endsWith(ending))!.text;
  const text = textOf(".js");
  const hash = createHash("sha256").update(text).digest("hex").slice(0, 8);
  const name = entry.replace(/^.*\//, "").replace(/\.ts$/, `-${hash}`);
  return { name, text, map: textOf(".map") };
}

/** Writes the file of a worker that is loaded alone. */
function writeWorker({ name, text, map }: BundledWorker): void {
  writeFileSync(join(BUNDLE_FOLDER, `${name}.js`), text);
  writeFileSync(join(BUNDLE_FOLDER, `${name}.js.map`), map);
}

/** A module that does nothing but to name what another one exports. */
const FACADE = /^\/\/ @bun\nexport \{ ([^}]+) \} from "(\.\/[^"]+)";\s*$/;

/**
 * Has imports on demand load the module itself where rolldown has put one before it that names its
 * exports: one module less to load.
 */
function inlineFacades(): void {
  const names = readdirSync(BUNDLE_FOLDER).filter((name) => name.endsWith(".js"));
  const read = (name: string) => readFileSync(join(BUNDLE_FOLDER, name), "utf8");
  const places = new Map<string, string>();
  for (const name of names.filter((name) => name.startsWith("chunk-"))) {
    const [, exported, from] = FACADE.exec(read(name)) ?? [];
    if (exported === undefined) continue;
    const members = exported.split(", ").map((one) => {
      const [inner, outer = inner] = one.split(" as ");
      return `${outer}: m.${inner}`;
    });
    places.set(name, `import("${from}").then((m) => ({ ${members.join(", ")} }))`);
    rmSync(join(BUNDLE_FOLDER, name));
    rmSync(join(BUNDLE_FOLDER, `${name}.map`), { force: true });
  }
  for (const name of names.filter((name) => !places.has(name))) {
    const inlined = read(name).replace(
      /import\("\.\/(chunk-[^"]+)"\)/g,
      (whole, facade: string) => places.get(facade) ?? whole,
    );
    writeFileSync(join(BUNDLE_FOLDER, name), takeBuiltins(inlined));
  }
}

/** A static import of a module of the runtime, with the names that it brings. */
const BUILTIN_IMPORT = /import\s*(?:\{([^}]*)\}|\*\s*as\s+([\w$]+))\s*from\s*"(node:[\w/]+)";?/g;

/**
 * Has modules of the runtime taken by `process.getBuiltinModule` instead of imported: for an import
 * Node reads every export, of `node:fs` for 2 ms, since one of them loads all streams.
 */
function takeBuiltins(text: string): string {
  return text.replace(
    BUILTIN_IMPORT,
    (_, names: string | undefined, whole: string, from: string) => {
      const taken = names === undefined ? whole : `{${names.replace(/\s+as\s+/g, ": ")}}`;
      return `const ${taken} = globalThis.process.getBuiltinModule("${from}");`;
    },
  );
}

function mapWorkers<Made>(
  { node, dpm, gateway, cluster }: Readonly<Record<WorkerName, Made>>,
  take: (made: Made) => string,
): Record<WorkerName, string> {
  return { node: take(node), dpm: take(dpm), gateway: take(gateway), cluster: take(cluster) };
}

/** Makes the bundle. */
export async function makeBundle(): Promise<void> {
  rmSync(BUNDLE_FOLDER, { recursive: true, force: true });
  mkdirSync(BUNDLE_FOLDER, { recursive: true });
  const node = await bundleWorker(WORKERS.node);
  const dpm = await bundleWorker(WORKERS.dpm);
  const gateway = await bundleWorker(WORKERS.gateway);
  const cluster = await bundleWorker(WORKERS.cluster);
  for (const worker of [node, dpm, cluster]) writeWorker(worker);
  const workers = { node, dpm, gateway, cluster };
  const texts = mapWorkers(workers, ({ text }) => text);
  const files = mapWorkers(workers, ({ name }) => `./${name}`);
  const bundle = await rolldown({
    cwd: PROJECT_ROOT,
    input: { ...ENTRIES, [gateway.name]: WORKERS.gateway },
    platform: "node",
    external: readPeers(),
    plugins: [withWorkers(files, texts)],
    // All that is used of it; in Node's conditions its name stands for the whole package.
    resolve: {
      alias: { "msgpackr/unpack": join(PROJECT_ROOT, "node_modules/msgpackr/unpack.js") },
    },
    transform: { target: COMMON.target },
    // The command loads what it needs on demand, and other entries import that.
    checks: { ineffectiveDynamicImport: false },
  });
  await bundle.write({
    dir: BUNDLE_FOLDER,
    chunkFileNames: "chunk-[hash].js",
    codeSplitting: TOGETHER,
    sourcemap: "hidden",
    // Where a program is bundled as CommonJS there is no URL to make a `require` from.
    polyfillRequire: false,
    postBanner: BANNER,
    minify: {
      mangle: { keepNames: { class: true, function: true } },
      compress: true,
      codegen: { removeWhitespace: false },
    },
    comments: false,
  });
  inlineFacades();
  for (const name of readdirSync(BUNDLE_FOLDER).filter((name) => name.endsWith(".map"))) {
    const path = join(BUNDLE_FOLDER, name);
    writeFileSync(path, shrinkMap(readFileSync(path, "utf8")));
  }
  chmodSync(join(BUNDLE_FOLDER, "dinomo.js"), 0o755);
  writeFileSync(join(BUNDLE_FOLDER, "require.cjs"), REQUIRE_STUB);
  const license = readFileSync(join(PROJECT_ROOT, "node_modules/msgpackr/LICENSE"), "utf8");
  writeFileSync(join(BUNDLE_FOLDER, "msgpackr.LICENSE.txt"), license);
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  await makeBundle();
  finishDeclarations(Object.values(ENTRIES).filter((path) => !path.startsWith("bin/")));
}
