/**
 * Command line of the test runner: every `*.test.ts` file under test/ on Bun, Deno and Node.
 *
 * ```sh
 * npm test                                      # build, then everything
 * npm test -- --runtime bun,node --only index   # some runtimes, files whose path contains "index"
 * npm test -- --jobs 1 --timeout 600            # one process at a time, 600 s for each file
 * npm test -- --everywhere                      # also long searches and the tests of tools
 * npm run test:quick                            # what tells most in less than a minute, on Bun
 * ```
 *
 * @module
 */
import process from "node:process";
import { parseArgs } from "node:util";
import { PROJECT_ROOT, type Runtime, RUNTIMES } from "../scripts/runtimes.ts";
import { killRunning, runTestFiles } from "./support/test_runner.ts";

const { values } = parseArgs({
  options: {
    runtime: { type: "string", multiple: true, default: [] },
    only: { type: "string", multiple: true, default: [] },
    // Two, because most of the tests spin in two threads or more and CI machines are small.
    jobs: { type: "string", default: "2" },
    timeout: { type: "string", default: "400" },
    quick: { type: "boolean", default: false },
    everywhere: { type: "boolean", default: false },
  },
});

for (const signal of ["SIGINT", "SIGTERM"] as const) {
  process.once(signal, () => {
    killRunning();
    process.exit(1);
  });
}

/** How long a run with --quick may take. */
const QUICK_MS = 55_000;
const DAY_MS = 24 * 3600 * 1000;

/** Whether everything is run that there is: then the runtimes take turns with most of it. */
const isWhole = values.only.length === 0 && values.runtime.length === 0 && !values.everywhere;

const results = await runTestFiles({
  root: PROJECT_ROOT,
  runtimes: readRuntimes(values.runtime),
  only: values.only.flatMap((list) => list.split(",")),
  jobCount: readPositiveInteger("--jobs", values.jobs),
  timeoutMs: readPositiveInteger("--timeout", values.timeout) * 1000,
  ...(values.quick ? { quickMs: QUICK_MS } : {}),
  // Runs of one commit are alike for a day.
  ...(isWhole ? { turn: Math.floor(Date.now() / DAY_MS) } : {}),
  print: console.log,
});
const failed = results.length === 0 || results.some((result) => result.failure !== undefined);
process.exitCode = failed ? 1 : 0;

function readRuntimes(lists: readonly string[]): Runtime[] {
  const names = lists.flatMap((list) => list.split(","));
  const unknown = names.find((name) => !RUNTIMES.some((runtime) => runtime === name));
  if (unknown !== undefined) {
    throw new Error(`--runtime takes ${RUNTIMES.join(", ")}, got "${unknown}"`);
  }
  return RUNTIMES.filter((runtime) => names.length === 0 || names.includes(runtime));
}

function readPositiveInteger(name: string, text: string): number {
  const value = Number(text);
  if (!Number.isInteger(value) || value < 1) {
    throw new Error(`${name} takes a positive integer, got "${text}"`);
  }
  return value;
}
