/**
 * Has other projects' test runners run a small suite that uses the package, and looks whether they
 * find that it leaves something behind: a timer, a handle, a thread.
 *
 *     npm run runners           installs vitest and jest, too
 *     npm run runners -- node   those whose names begin so
 *
 * @module
 */
import { spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { installPackage } from "./installed_package.ts";
import { findRuntime, PROJECT_ROOT, type Runtime } from "./runtimes.ts";

/** How a runner is used. */
export interface ForeignRunner {
  readonly name: string;
  /** What it takes from npm; nothing, if it is a part of its runtime. */
  readonly packages: readonly string[];
  readonly runtime: Runtime;
  /** The runtime's arguments; `suite.test.mjs` is the suite. */
  readonly args: readonly string[];
  /** What the suite begins with: it makes `test(name, function)`. */
  readonly header: string;
}

const JEST = ["--experimental-vm-modules", "node_modules/jest/bin/jest.js"];
const VITEST = ["node_modules/vitest/vitest.mjs", "run"];
const VITEST_HEADER = 'import { test } from "vitest";';

/** The runners. Each is told to look for what is left behind, where it can be. */
export const FOREIGN_RUNNERS: readonly ForeignRunner[] = [
  {
    name: "node:test",
    packages: [],
    runtime: "node",
    args: ["--test", "suite.test.mjs"],
    // It waits for what is left, if that keeps a process alive, and is silent otherwise.
    header: `import { after, test } from "node:test";
      after(() => {
        const left = process.getActiveResourcesInfo().filter((kind) => {
          return /Timeout|Immediate|MessagePort|Worker/.test(kind);
        });
        assert.deepStrictEqual(left, []);
      });`,
  },
  {
    name: "bun test",
    packages: [],
    runtime: "bun",
    args: ["test"],
    header: 'import { test } from "bun:test";',
  },
  {
    name: "deno test",
    packages: [],
    runtime: "deno",
    args: ["test", "--allow-all", "--no-check", "--trace-leaks"],
    header: `const sanitizers = { sanitizeOps: true, sanitizeResources: true, sanitizeExit: true };
      const test = (name, fn) => Deno.test({ name, fn, ...sanitizers });`,
  },
  {
    name: "vitest, forks",
    packages: ["vitest"],
    runtime: "node",
    args: [...VITEST, "--pool", "forks"],
    header: VITEST_HEADER,
  },
  {
    name: "vitest, threads",
    packages: ["vitest"],
    runtime: "node",
    args: [...VITEST, "--pool", "threads"],
    header: VITEST_HEADER,
  },
  {
    name: "jest",
    packages: ["jest"],
    runtime: "node",
    args: [...JEST, "--testMatch", "**/*.test.mjs"],
    header: "",
  },
  {
    name: "jest --detectOpenHandles",
    packages: ["jest"],
    runtime: "node",
    args: [...JEST, "--testMatch", "**/*.test.mjs", "--detectOpenHandles"],
    header: "",
  },
];

/** What every runner runs. */
export const SUITE = `
import assert from "node:assert";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Worker } from "node:worker_threads";
import { open } from "dinomo";

test("a store in memory", async () => {
  const store = await open({ capacity: "4MiB" });
  const user = { name: "Ada", since: new Date(0), tags: new Map([["a", new Set([1])]]) };
  await store.put("user:1", user, { ttl: 60_000 });
  assert.deepStrictEqual(await store.get("user:1"), user);
  await assert.rejects(async () => await store.put("", 1), { code: "DINOMO_INVALID_KEY" });
  await store.close();
});

test("a store of two threads", async () => {
  const store = await open({ capacity: "4MiB" });
  const module = new URL("./thread.mjs", import.meta.url);
  const worker = new Worker(module, { workerData: store.share(), execArgv: [] });
  await once(worker, "exit");
  assert.strictEqual(await store.get("visits"), 1);
  await store.close();
});

test("a store that is kept", async () => {
  const path = mkdtempSync(join(tmpdir(), "dinomo-suite-"));
  const store = await open({ path, capacity: "4MiB", statistics: true });
  await store.putMany([["a", 1], ["b", 2]]);
  assert.strictEqual((await store.scale(2)).to, 2);
  await store.snapshot();
  await store.compact();
  await store.backup(path + "-backup");
  await store.close();
  const again = await open({ path: path + "-backup" });
  assert.deepStrictEqual(await again.getMany(["a", "b"]), [1, 2]);
  await again.close();
  for (const made of [path, path + "-backup"]) rmSync(made, { recursive: true });
});

test("a store of several processes", async () => {
  const path = mkdtempSync(join(tmpdir(), "dinomo-suite-"));
  const store = await open({ path, capacity: "4MiB", processes: true });
  await store.put("a", 1);
  await store.close();
  rmSync(path, { recursive: true });
});
`;
const TEST_COUNT = 4;

const THREAD = `
import { workerData } from "node:worker_threads";
import { attach } from "dinomo";

const store = await attach(workerData);
await store.increment("visits");
await store.close();
`;

/** How long a runner may take. */
const RUN_MS_MAX = 60_000;

/** What a runner says of what is left behind. */
const COMPLAINT = /leak|open handle|did not exit|close timed out|something prevents/i;

/**
 * Has a runner run the suite; returns what it says if it complains.
 *
 * @param modules a folder of packages that has the runner's
 */
export function tryForeignRunner(
  runner: ForeignRunner,
  modules: string,
  suite: string = SUITE,
): string | undefined {
  const root = mkdtempSync(join(tmpdir(), "dinomo-suite-"));
  try {
    installPackage(root);
    const shared = [["piscina", join(PROJECT_ROOT, "node_modules")]] as const;
    for (const [name, from] of [...shared, ...runner.packages.map((name) => [name, modules])]) {
      symlinkSync(join(from!, name!), join(root, "node_modules", name!), "junction");
    }
    writeFileSync(join(root, "package.json"), '{ "type": "module" }');
    writeFileSync(join(root, "suite.test.mjs"), `${runner.header}${suite}`);
    writeFileSync(join(root, "thread.mjs"), THREAD);
    const { status, error, signal, stdout, stderr } = spawnSync(
      findRuntime(runner.runtime),
      runner.args,
      {
        cwd: root,
        env: { ...process.env, NO_COLOR: "1" },
        encoding: "utf8",
        timeout: RUN_MS_MAX,
      },
    );
    const says = `${stdout}\n${stderr}`;
    if (status !== 0) return `${error ?? signal ?? `exit code ${status}`}\n${says}`;
    const hasRun = new RegExp(`pass(?:ed)? ${TEST_COUNT}|${TEST_COUNT} pass`).test(says);
    return hasRun && !COMPLAINT.test(says) ? undefined : says;
  } finally {
    rmSync(root, { recursive: true, force: true });
  }
}

function main(names: readonly string[]): void {
  const runners = FOREIGN_RUNNERS.filter(({ name }) => {
    return names.length === 0 || names.some((given) => name.startsWith(given));
  });
  const root = mkdtempSync(join(tmpdir(), "dinomo-runners-"));
  try {
    writeFileSync(join(root, "package.json"), "{}");
    mkdirSync(join(root, "node_modules"));
    const packages = [...new Set(runners.flatMap((runner) => runner.packages))];
    if (packages.length > 0) {
      const npm = process.platform === "win32" ? "npm.cmd" : "npm";
      const args = ["install", "--no-audit", "--no-fund", ...packages];
      const { status, stderr } = spawnSync(npm, args, { cwd: root, encoding: "utf8" });
      if (status !== 0) throw new Error(stderr);
    }
    for (const runner of runners) {
      const complaint = tryForeignRunner(runner, join(root, "node_modules"));
      console.log(`${runner.name}: ${complaint ?? "passes, and nothing is left behind"}`);
      if (complaint !== undefined) process.exitCode = 1;
    }
  } finally {
    rmSync(root, { recursive: true, force: true });
  }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) main(process.argv.slice(2));
