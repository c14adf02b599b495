/**
 * Where the three runtimes are, and how each of them runs a file of this project.
 *
 * Bun and Deno are development dependencies. Their npm packages link the real binary in an install
 * script; where those are not run, `npx bun` refuses to start and `npx deno` is a wrapper that does
 * not pass signals on. So the binaries are looked up in the packages that hold them, which works
 * either way, and starting two at once is safe.
 *
 * @module
 */
import { existsSync, readdirSync, statSync } from "node:fs";
import { dirname, join } from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";

/** A runtime that the project supports. */
export type Runtime = "bun" | "deno" | "node";

/** All of them, in the order in which reports list them. */
export const RUNTIMES: readonly Runtime[] = ["bun", "deno", "node"];

/** A program and its arguments, as `child_process.spawn` takes them. */
export interface Command {
  program: string;
  args: string[];
}

/** The runtime that this process runs on. */
export const THIS_RUNTIME: Runtime = "Deno" in globalThis
  ? "deno"
  : process.versions["bun"] === undefined
  ? "node"
  : "bun";

/** Smaller files are placeholders: a script that says the install script has not run. */
const BINARY_BYTES_MIN = 1 << 20;

/** Folder of package.json, whether this module runs from scripts/ or from dist/scripts/. */
export const PROJECT_ROOT: string = findProjectRoot();

/** Path of the runtime's binary. Throws when it is not installed. */
export function findRuntime(runtime: Runtime): string {
  if (runtime === "node") return THIS_RUNTIME === "node" ? process.execPath : "node";
  const modules = join(PROJECT_ROOT, "node_modules");
  const candidates = runtime === "bun"
    ? [...inFolders(join(modules, "@oven"), "bin", "bun"), join(modules, "bun", "bin", "bun.exe")]
    : [...inFolders(join(modules, "@deno"), "deno"), join(modules, "deno", "deno")];
  const found = candidates.flatMap((path) => [path, `${path}.exe`]).find(isBinary);
  if (found === undefined) {
    throw new Error(`${runtime} is not in ${modules}: run "npm ci" first`);
  }
  return found;
}

/**
 * Command that runs `file`, a TypeScript source given relative to `root`, on `runtime`. Bun and
 * Deno run the source; Node runs what the build made of it in dist/, without source maps, which
 * every thread would load: they are an eighth of what a test file with many threads takes.
 */
export function runtimeCommand(
  runtime: Runtime,
  file: string,
  root: string = PROJECT_ROOT,
): Command {
  const program = findRuntime(runtime);
  switch (runtime) {
    case "bun":
      return { program, args: [join(root, file)] };
    case "deno":
      return { program, args: ["run", "--allow-all", join(root, file)] };
    case "node":
      return {
        program,
        args: [join(root, "dist", file.replace(/\.ts$/, ".js"))],
      };
  }
}

function findProjectRoot(): string {
  let folder = dirname(fileURLToPath(import.meta.url));
  while (!existsSync(join(folder, "package.json"))) {
    const parent = dirname(folder);
    if (parent === folder) throw new Error(`no package.json above ${import.meta.url}`);
    folder = parent;
  }
  return folder;
}

/**
 * The path `parent/<any folder>/...rest` for every folder: npm installs only what fits the machine.
 */
function inFolders(parent: string, ...rest: string[]): string[] {
  if (!existsSync(parent)) return [];
  return readdirSync(parent).sort().map((folder) => join(parent, folder, ...rest));
}

function isBinary(path: string): boolean {
  const stats = statSync(path, { throwIfNoEntry: false });
  return stats !== undefined && stats.isFile() && stats.size >= BINARY_BYTES_MIN;
}
