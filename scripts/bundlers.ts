/**
 * Bundles a program that uses the package with the bundlers there are, as they are, and runs what
 * they make where there is neither the package nor anything else that it was made of.
 *
 *     npm run bundlers                     installs all of them, and prints a table
 *     npm run bundlers -- esbuild webpack  those whose names begin so
 *
 * @module
 */
import { spawn, spawnSync, type SpawnSyncReturns } from "node:child_process";
import { once } from "node:events";
import { cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import process from "node:process";
import { setTimeout as delay } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { PROGRAM, type Recipe, RECIPES, WORK } from "./bundler_recipes.ts";
import { installPackage } from "./installed_package.ts";
import { findRuntime, type Runtime, RUNTIMES } from "./runtimes.ts";

/** How long a bundler, or what it has made, may take. */
const COMMAND_MS_MAX = 120_000;
/** How long npm may take to install all bundlers, some of a hundred megabytes. */
const INSTALL_MS_MAX = 900_000;

/**
 * Tries one bundler; returns why it fails on each of the runtimes, undefined where it works.
 *
 * @param root the folder of the packages' `node_modules`, which gets one for the application
 * @param isQuick without what takes a bundler most of its time, and does not concern the package
 */
export async function tryBundler(
  recipe: Recipe,
  root: string,
  runtimes: readonly Runtime[] = RUNTIMES,
  isQuick = false,
): Promise<Map<Runtime, string | undefined>> {
  const app = join(root, "app");
  const elsewhere = mkdtempSync(join(tmpdir(), "dinomo-bundled-"));
  try {
    makeApplication(app, recipe);
    const [program, ...args] = recipe.command as [string, ...string[]];
    const quick = isQuick && recipe.files?.["build.mjs"] !== undefined ? ["--quick"] : [];
    run(app, [...programOf(program, root), ...args, ...quick]);
    const out = join(elsewhere, "out");
    cpSync(join(app, recipe.folder ?? "out"), out, { recursive: true, verbatimSymlinks: true });
    cpSync(join(app, "package.json"), join(out, "package.json"));
    rmSync(app, { recursive: true });
    const ends = new Map<Runtime, string | undefined>();
    for (const runtime of recipe.runtimes ?? RUNTIMES) {
      if (!runtimes.includes(runtime)) continue;
      ends.set(runtime, await failureOf(() => runOutput(out, recipe, runtime)));
    }
    return ends;
  } finally {
    rmSync(app, { recursive: true, force: true });
    rmSync(elsewhere, { recursive: true, force: true });
  }
}

/** An application with the package as npm would install it. */
function makeApplication(app: string, recipe: Recipe): void {
  installPackage(app);
  writeFileSync(join(app, "package.json"), '{ "type": "module", "devDependencies": {} }');
  const files = { ...recipe.files, "work.mjs": WORK, "main.mjs": PROGRAM };
  for (const [name, text] of Object.entries(files)) {
    mkdirSync(dirname(join(app, name)), { recursive: true });
    writeFileSync(join(app, name), text);
  }
}

function programOf(name: string, root: string): string[] {
  const runtime = RUNTIMES.find((other) => other === name);
  if (runtime !== undefined) return [findRuntime(runtime)];
  return [join(root, "node_modules/.bin", process.platform === "win32" ? `${name}.cmd` : name)];
}

async function runOutput(out: string, recipe: Recipe, runtime: Runtime): Promise<void> {
  const { output, kind = "module" } = recipe;
  const path = join(out, `pool-${runtime}`);
  const file = join(out, output);
  const args = runtime === "deno" ? ["run", "--allow-all"] : [];
  const command = kind === "program" ? [file] : [findRuntime(runtime), ...args, file];
  if (kind === "server") return await askServer(out, command, path);
  const { stdout, stderr } = run(out, [...command, path]);
  if (stdout.trim() !== "works") throw new Error(`it printed ${stdout}\n${stderr}`);
}

/** Starts a server, has it do the work, and ends it. */
async function askServer(cwd: string, command: readonly string[], path: string): Promise<void> {
  const [program, ...args] = command as [string, ...string[]];
  const port = await findFreePort();
  const env = { ...process.env, PORT: String(port), HOST: "127.0.0.1", HOSTNAME: "127.0.0.1" };
  const server = spawn(program, args, { cwd, env, stdio: ["ignore", "pipe", "pipe"] });
  const ended = once(server, "exit");
  let printed = "";
  for (const stream of [server.stdout, server.stderr]) {
    stream.setEncoding("utf8").on("data", (text: string) => printed += text);
  }
  try {
    const text = await askWhenUp(`http://127.0.0.1:${port}/work?path=${encodeURIComponent(path)}`);
    if (text !== "works") throw new Error(`it answered ${text}`);
  } catch (error) {
    throw new Error(`${String(error)}\n${printed}`);
  } finally {
    server.kill("SIGKILL");
    await ended;
  }
}

/** What a server that is being started answers. */
async function askWhenUp(url: string): Promise<string> {
  const signal = AbortSignal.timeout(COMMAND_MS_MAX);
  for (;;) {
    try {
      return await (await fetch(url, { signal })).text();
    } catch (error) {
      if (signal.aborted) throw error;
      await delay(100);
    }
  }
}

async function findFreePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  server.close();
  return port;
}

function run(
  cwd: string,
  [program, ...args]: readonly string[],
  msMax = COMMAND_MS_MAX,
): SpawnSyncReturns<string> {
  const env = { ...process.env, NEXT_TELEMETRY_DISABLED: "1" };
  const options = { cwd, env, encoding: "utf8", timeout: msMax } as const;
  const end = spawnSync(program!, args, options);
  if (end.status === 0) return end;
  const code = end.error ?? end.signal ?? `exit code ${end.status}`;
  throw new Error(`${program} ${args.join(" ")}: ${code}\n${end.stdout}\n${end.stderr}`);
}

async function failureOf(action: () => Promise<void>): Promise<string | undefined> {
  try {
    await action();
    return undefined;
  } catch (error) {
    return String(error);
  }
}

/** Installs what recipes take. */
function install(recipes: readonly Recipe[], root: string): void {
  writeFileSync(join(root, "package.json"), "{}");
  const packages = [...new Set(recipes.flatMap((recipe) => recipe.packages))];
  if (packages.length === 0) return;
  run(root, ["npm", "install", "--no-audit", "--no-fund", ...packages], INSTALL_MS_MAX);
}

async function main(names: readonly string[]): Promise<void> {
  const recipes = RECIPES.filter(({ name }) => {
    return names.length === 0 || names.some((given) => name.startsWith(given));
  });
  const root = mkdtempSync(join(tmpdir(), "dinomo-bundlers-"));
  try {
    install(recipes, root);
    const failures: string[] = [];
    for (const recipe of recipes) {
      const cells = new Map<Runtime, string>(RUNTIMES.map((runtime) => [runtime, "-"]));
      const failure = await failureOf(async () => {
        for (const [runtime, why] of await tryBundler(recipe, root)) {
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

if (process.argv[1] === fileURLToPath(import.meta.url)) await main(process.argv.slice(2));
