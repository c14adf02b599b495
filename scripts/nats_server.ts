/**
 * Finds a nats-server of version 2.12 or newer, or brings one without touching the system: Debian's
 * newest package, by lists of apt of its own, unpacked into node_modules/.cache.
 *
 * ```sh
 * npm run nats-server   # prints the path, or says in one line what is missing and how to get it
 * ```
 *
 * @module
 */
import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync } from "node:fs";
import { renameSync, rmSync, writeFileSync } from "node:fs";
import { delimiter, join } from "node:path";
import process from "node:process";
import { PROJECT_ROOT } from "./runtimes.ts";

/** The oldest version that has the conditions of which the contract of the engine is tested. */
const VERSION_MIN: readonly [number, number] = [2, 12];
const CACHE = join(PROJECT_ROOT, "node_modules", ".cache");
const UNPACKED = join(CACHE, "nats-server");
/** Where it is in the package. */
const IN_PACKAGE = join("usr", "sbin", "nats-server");
const KEYRING = "/usr/share/keyrings/debian-archive-keyring.gpg";
const APT_MS_MAX = 120_000;

/** How to get one where this program cannot. */
const ADVICE = "put nats-server 2.12 or newer on the PATH (macOS: brew install nats-server; " +
  "others: github.com/nats-io/nats-server/releases), or name it in DINOMO_NATS_SERVER";

/** Tells one line to whom it needs a server. */
export class NoNatsServerError extends Error {
  static {
    this.prototype.name = "NoNatsServerError";
  }
}

/**
 * Path of a nats-server.
 *
 * @throws {NoNatsServerError} when there is none, and none could be brought
 */
export function natsServer(): string {
  const named = process.env["DINOMO_NATS_SERVER"];
  const folders = (process.env["PATH"] ?? "").split(delimiter);
  const paths = named === undefined || named === ""
    ? [...folders.map((folder) => join(folder, "nats-server")), join(UNPACKED, IN_PACKAGE)]
    : [named];
  const found = paths.find(isNewEnough);
  if (found !== undefined) return found;
  if (named !== undefined && named !== "") {
    throw new NoNatsServerError(`DINOMO_NATS_SERVER is no nats-server 2.12 or newer: ${named}`);
  }
  return bring();
}

/** Whether there is a server of a version that will do. */
function isNewEnough(path: string): boolean {
  if (!existsSync(path)) return false;
  const { stdout } = spawnSync(path, ["--version"], { encoding: "utf8" });
  const [, major, minor] = /^nats-server: v(\d+)\.(\d+)\./.exec(stdout ?? "") ?? [];
  const [majorMin, minorMin] = VERSION_MIN;
  return Number(major) > majorMin || Number(major) === majorMin && Number(minor) >= minorMin;
}

/** Brings Debian's. Several processes may: each unpacks on its own, and the first one is kept. */
function bring(): string {
  const mirror = mirrorOfApt();
  if (mirror === undefined) throw new NoNatsServerError(`there is no nats-server: ${ADVICE}`);
  mkdirSync(CACHE, { recursive: true });
  const folder = mkdtempSync(join(CACHE, "bring-nats-"));
  try {
    mkdirSync(join(folder, "lists", "partial"), { recursive: true });
    mkdirSync(join(folder, "cache", "archives", "partial"), { recursive: true });
    const source = `deb [signed-by=${KEYRING}] ${mirror} sid main\n`;
    writeFileSync(join(folder, "sources.list"), source);
    runIn(folder, "apt-get", [...aptOptions(folder), "-qq", "update"]);
    runIn(folder, "apt-get", [...aptOptions(folder), "-qq", "download", "nats-server"]);
    const archive = readdirSync(folder).find((name) => name.endsWith(".deb"))!;
    runIn(folder, "dpkg", ["-x", archive, "unpacked"]);
    if (!isNewEnough(join(UNPACKED, IN_PACKAGE))) {
      rmSync(UNPACKED, { recursive: true, force: true });
      renameSync(join(folder, "unpacked"), UNPACKED);
    }
  } catch (cause) {
    if (!isNewEnough(join(UNPACKED, IN_PACKAGE))) {
      const { message } = cause as Error;
      throw new NoNatsServerError(`nats-server could not be brought (${message}): ${ADVICE}`);
    }
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
  return join(UNPACKED, IN_PACKAGE);
}

/** The first mirror that apt is configured for; undefined where there is no apt. */
function mirrorOfApt(): string | undefined {
  if (!existsSync("/etc/apt")) return undefined;
  const folder = "/etc/apt/sources.list.d";
  const files = existsSync(folder) ? readdirSync(folder).map((name) => join(folder, name)) : [];
  const lines = ["/etc/apt/sources.list", ...files]
    .filter((file) => /\.(list|sources)$/.test(file) && existsSync(file))
    .flatMap((file) => readFileSync(file, "utf8").split("\n"))
    .filter((line) => !/^\s*#/.test(line) && !line.includes("security"));
  return lines.map((line) => /https?:\/\/\S+/.exec(line)?.[0]).find((url) => url !== undefined);
}

function aptOptions(folder: string): string[] {
  const settings = [
    `Dir::Etc::sourcelist=${join(folder, "sources.list")}`,
    "Dir::Etc::sourceparts=-",
    `Dir::State::lists=${join(folder, "lists")}`,
    `Dir::Cache=${join(folder, "cache")}`,
    "APT::Get::List-Cleanup=0",
    // One that belongs to root and is dropped to another user could not write here.
    ...(process.getuid?.() === 0 ? ["APT::Sandbox::User=root"] : []),
  ];
  return settings.flatMap((setting) => ["-o", setting]);
}

function runIn(folder: string, program: string, args: readonly string[]): void {
  const options = { cwd: folder, encoding: "utf8", timeout: APT_MS_MAX } as const;
  const { status, stderr, error } = spawnSync(program, args, options);
  if (error !== undefined) throw error;
  const [line = ""] = (stderr ?? "").trim().split("\n").slice(-1);
  if (status !== 0) throw new Error(`${program} ended with ${status}: ${line}`);
}

if (process.argv[1]?.replace(/\.js$/, ".ts").endsWith(join("scripts", "nats_server.ts"))) {
  try {
    console.log(natsServer());
  } catch (error) {
    console.error(String(error));
    process.exitCode = 1;
  }
}
