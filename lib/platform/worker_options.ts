/**
 * What every thread of the store is started with, a KN's and a DPM processor's alike: the one place
 * that knows what a thread must not inherit from its process.
 *
 * A thread is started from a file, whatever the process was started from. So it must not inherit
 * flags that are about the process's own program (`node --input-type=module -e ...`), which end it
 * before its module is loaded; nor preloaded modules that are named relative to the directory in
 * which the process was started, and is in no longer. Where nothing of the kind is there, a thread
 * inherits what the runtime lets it inherit.
 *
 * @module
 */
import { closeSync, openSync } from "node:fs";
import { resolve } from "node:path";
import { builtin } from "./builtin.ts";
import { isGranted } from "./deno_permissions.ts";
import { process } from "./process.ts";

/** Options for the constructor of `Worker`. */
export interface WorkerOptions {
  readonly execArgv?: string[];
  readonly env?: Record<string, string>;
}

/** What follows a flag. */
type FlagValue = "none" | "name" | "path" | "module";

/**
 * Node's flags that matter for finding and loading modules, and what these may do; all of them are
 * taken by a worker.
 */
const KEPT_FLAGS: ReadonlyMap<string, FlagValue> = new Map([
  ["--require", "path"],
  ["-r", "path"],
  ["--import", "module"],
  ["--loader", "module"],
  ["--experimental-loader", "module"],
  ["--conditions", "name"],
  ["-C", "name"],
  ["--disable-warning", "name"],
  ["--no-warnings", "none"],
  ["--enable-source-maps", "none"],
  ["--preserve-symlinks", "none"],
  ["--experimental-strip-types", "none"],
  ["--experimental-transform-types", "none"],
  ["--permission", "none"],
  ["--experimental-permission", "none"],
  ["--allow-fs-read", "name"],
  ["--allow-fs-write", "name"],
  ["--allow-worker", "none"],
  ["--allow-child-process", "none"],
  ["--allow-addons", "none"],
  ["--allow-wasi", "none"],
]);
/** About the process's program: a worker whose program is a file ends with it. */
const INPUT_TYPE = "--input-type";
const INPUT_TYPE_IN_OPTIONS = /(^|\s)--input-type[=\s]\S+/;

const isDeno = "Deno" in globalThis;
const isNode = !isDeno && process.versions.bun === undefined;
/** Where relative flags count from: the directory may be left later. */
const startedIn = isNode ? process.cwd() : "";

/**
 * Descriptors that a thread takes while it is started, on every runtime, with some to spare for its
 * modules.
 */
const DESCRIPTOR_COUNT = 32;
const DESCRIPTOR_FILE = "/dev/null";

/**
 * Throws when there are no descriptors for another thread. Where a thread finds none for its event
 * loop, Bun ends the process, and Deno panics; Node reports it.
 */
export function assertThreadFits(): void {
  // Where the file may not be read, nothing is known.
  if (!isGranted({ name: "read", path: DESCRIPTOR_FILE })) return;
  const taken: number[] = [];
  try {
    for (let i = 0; i < DESCRIPTOR_COUNT; i++) taken.push(openSync(DESCRIPTOR_FILE, "r"));
  } catch (error) {
    const { code } = error as { code?: unknown };
    // Where there is no such file, nothing is known either.
    if (code !== "EMFILE" && code !== "ENFILE") return;
    throw new Error(
      `${code}: a thread needs up to ${DESCRIPTOR_COUNT} file descriptors, and there are ${taken.length}`,
      { cause: error },
    );
  } finally {
    for (const descriptor of taken) closeSync(descriptor);
  }
}

/** Options for a thread that is about to be started. */
export function workerOptions(): WorkerOptions {
  // Piscina's threads look at it, and would end without the permission.
  if (isDeno) return isGranted({ name: "env" }) ? {} : { env: {} };
  if (!isNode) return {};
  const execArgv = inheritedFlags(process.execArgv, startedIn);
  const env = withoutInputType(process.env);
  return { ...(execArgv && { execArgv }), ...(env && { env }) };
}

/**
 * The flags of Node for a thread, in place of those of its process.
 *
 * @param directory where the process was started
 * @returns undefined if the thread can inherit all of them
 */
export function inheritedFlags(
  execArgv: readonly string[],
  directory: string,
): string[] | undefined {
  const kept: string[] = [];
  let canInherit = true;
  for (let i = 0; i < execArgv.length; i++) {
    const [name, given] = splitFlag(execArgv[i]!);
    if (name === INPUT_TYPE) canInherit = false;
    const kind = KEPT_FLAGS.get(name);
    if (kind === undefined) continue;
    if (kind === "none") {
      kept.push(execArgv[i]!);
      continue;
    }
    const value = given ?? execArgv[++i] ?? "";
    const absolute = kind === "name" ? value : absoluteValue(value, kind, directory);
    if (absolute !== value) canInherit = false;
    if (given === undefined) kept.push(name, absolute);
    else kept.push(`${name}=${absolute}`);
  }
  return canInherit ? undefined : kept;
}

function splitFlag(flag: string): [string, string | undefined] {
  const at = flag.startsWith("--") ? flag.indexOf("=") : -1;
  return at < 0 ? [flag, undefined] : [flag.slice(0, at), flag.slice(at + 1)];
}

function absoluteValue(value: string, kind: FlagValue, directory: string): string {
  if (!/^\.\.?[/\\]/.test(value)) return value;
  const path = resolve(directory, value);
  return kind === "module" ? builtin("node:url").pathToFileURL(path).href : path;
}

/**
 * The environment for a thread, if the flag is in `NODE_OPTIONS`, from where a worker takes it,
 * too.
 */
function withoutInputType(
  env: Readonly<Record<string, string | undefined>>,
): Record<string, string> | undefined {
  const given = env["NODE_OPTIONS"];
  if (given === undefined || !INPUT_TYPE_IN_OPTIONS.test(given)) return undefined;
  return { ...env, NODE_OPTIONS: given.replace(INPUT_TYPE_IN_OPTIONS, "") } as Record<
    string,
    string
  >;
}
