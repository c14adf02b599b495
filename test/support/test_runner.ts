/**
 * Runs test files, each in a process of its own on each runtime, and counts what they report.
 *
 * A file passes when its process exits by itself with code 0 within the time limit and uvu's closing
 * summary says that at least one test ran and all of them passed. The exit code alone is not trusted:
 * uvu exits with 0 when a `before` hook throws, and when a file has no tests or forgets `test.run()`.
 * Equally a summary alone is not enough: a process that crashes or never ends after its last test
 * has left a thread or a handle behind.
 *
 * @module
 */
import { type ChildProcess, spawn } from "node:child_process";
import { readdirSync } from "node:fs";
import { join, sep } from "node:path";
import process from "node:process";
import { clearTimeout, setTimeout } from "node:timers";
import { type Runtime, runtimeCommand } from "../../scripts/runtimes.ts";

/** What to run and how. */
export interface TestRunOptions {
  /** Folder that holds test/, and dist/ for Node. */
  root: string;
  /** Runtimes to run each file on. */
  runtimes: readonly Runtime[];
  /** Keep the files whose path contains one of these; all files when empty. */
  only: readonly string[];
  /** Processes at once. */
  jobCount: number;
  /** Time a file may take on one runtime before it is killed and has failed. */
  timeoutMs: number;
  /** Runs only {@linkcode QUICK_PATHS}, as far as this time allows, and says what it left out. */
  quickMs?: number;
  /** Runs the files of {@linkcode TURNS} on some of the runtimes each; which ones changes with this number. */
  turn?: number;
  /** Called with each piece of the report as soon as it is known, without the line's end. */
  print: (text: string) => void;
}

/** Counts of tests; a file that failed as a whole counts as one failed test. */
export interface TestCounts {
  passed: number;
  failed: number;
  skipped: number;
}

/** How one file did on one runtime. */
export interface FileResult extends TestCounts {
  file: string;
  runtime: Runtime;
  /** Why the file failed; undefined when it passed. */
  failure?: string;
  /** Everything that the process printed, without the middle where that is long. */
  output: string;
  durationMs: number;
}

/** The numbers of uvu's closing lines. */
export interface Summary {
  total: number;
  passed: number;
  skipped: number;
}

/** How a process ended. */
export interface ProcessEnd {
  output: string;
  exitCode: number | null;
  signal: string | null;
  timedOut: boolean;
}

/** Output kept per file: a file that prints in a loop must not take the runner's memory. */
const OUTPUT_CHARS_MAX = 1 << 20;

/** Time between the end of a process and that of its output, which a surviving child may hold open. */
const OUTPUT_DRAIN_MS = 2000;

/** Time that a process has to end by itself when its tests have failed: what such a test left open is not waited for. */
const FAILED_END_MS = 2000;
/** The summary is within so many characters before the end of the output when it has just come. */
const SUMMARY_CHARS_MAX = 1000;

/** Lines of a test's message that are repeated in the list of what failed, and their length. */
const FAILURE_LINES_MAX = 8;
const FAILURE_CHARS_MAX = 300;

const FILE_SUFFIX = ".test.ts";

/** Process groups that run now, so that an interrupted run leaves none behind. */
const running = new Set<ChildProcess>();

/** What {@linkcode findQuickFiles} finds, the most telling first; a slash at the end: all in the folder. */
export const QUICK_PATHS: readonly string[] = [
  "test/imports.test.ts",
  "test/manifests.test.ts",
  "test/unit/",
  "test/api/reads_and_writes.test.ts",
  "test/api/conditional.test.ts",
  "test/api/expiry.test.ts",
  "test/api/iteration.test.ts",
  "test/api/pipelining.test.ts",
];

/**
 * Files that the runtimes take turns with, and how many of them run each in one run: the tools of
 * development, which are no part of the library; long searches on real threads, which differ by
 * their seeds from run to run anyhow; and what kills, stalls and starts most threads. Planted bugs
 * are each tried on one runtime, which their files name.
 */
export const TURNS: readonly (readonly [path: string, where: number | Runtime])[] = [
  ["test/bench", 1],
  ["test/experiments/", 1],
  ["test/runner.test.ts", 1],
  ["test/planted/planted_texts.test.ts", 1],
  ["test/planted/planted_durability_bugs.test.ts", "deno"],
  ["test/planted/planted_mnode_bugs.test.ts", "node"],
  ["test/planted/planted_opening_bugs.test.ts", "node"],
  ["test/planted/planted_standby_bugs.test.ts", "node"],
  ["test/planted/planted_start_bugs.test.ts", "node"],
  ["test/planted/", "bun"],
  ["test/cluster/real_cluster.test.ts", 1],
  ["test/cluster/cluster_agents.test.ts", 1],
  ["test/cluster/cluster_backup.test.ts", 1],
  ["test/cluster/cluster_trust.test.ts", 1],
  ["test/cluster/cluster_balance.test.ts", 1],
  ["test/cluster/cluster_processes.test.ts", 1],
  ["test/cluster/cluster_hot_key.test.ts", 1],
  ["test/cluster/cluster_large.test.ts", 1],
  ["test/cluster/large_simulation.test.ts", 1],
  ["test/cluster/cluster_chaos.test.ts", 1],
  ["test/cluster/cluster_campaign.test.ts", 1],
  ["test/demo_cluster.test.ts", 1],
  ["test/demo.test.ts", 1],
  ["test/remote/blocking_calls.test.ts", 1],
  ["test/persistence/other_runtimes.test.ts", 1],
  ["test/simulation/failovers_cells_logged.test.ts", 1],
  ["test/simulation/one_interruption.test.ts", 1],
  ["test/property/values.test.ts", 1],
  ["test/simulation/far_steps.test.ts", 1],
  ["test/unit/key_replication.test.ts", 1],
  ["test/persistence/system_call_faults.test.ts", 1],
  ["test/unit/pool_copy.test.ts", 1],
  ["test/simulation/lives.test.ts", 1],
  ["test/persistence/power_loss.test.ts", 1],
  ["test/unit/linearizability/long_histories.test.ts", 1],
  ["test/unit/cache/policies.test.ts", 1],
  ["test/unit/log_merger.test.ts", 1],
  ["test/simulation/wake_ups.test.ts", 1],
  ["test/simulation/whole_steps.test.ts", 1],
  ["test/simulation/death_in_segments.test.ts", 1],
  ["test/simulation/reads_of_reused_segments.test.ts", 1],
  ["test/remote/", 1],
  ["test/documentation.test.ts", 1],
  ["test/bundlers.test.ts", 1],
  ["test/foreign_runners.test.ts", 1],
  ["test/frameworks.test.ts", 1],
  ["test/installed.test.ts", 1],
  ["test/inspector/page.test.ts", 1],
  ["test/inspector/cluster_page.test.ts", 1],
  ["test/deno_permissions.test.ts", 1],
  ["test/jsr.test.ts", 1],
  ["test/require.test.ts", 1],
  ["test/api/hot_reload.test.ts", 1],
  ["test/persistence/read_only.test.ts", 2],
  ["test/chaos/", 1],
  ["test/outcomes/", 1],
  ["test/live/hosts.test.ts", 1],
  ["test/live/reading.test.ts", 1],
  ["test/api/cached_threads.test.ts", 1],
  ["test/api/conditional.test.ts", 1],
  ["test/api/debug_trace.test.ts", 1],
  ["test/api/departed_host.test.ts", 1],
  ["test/api/full_pool.test.ts", 1],
  ["test/api/joined_increments.test.ts", 1],
  ["test/api/kept_stores.test.ts", 1],
  ["test/api/namespaces.test.ts", 1],
  ["test/api/pipelining.test.ts", 1],
  ["test/api/process_life.test.ts", 1],
  ["test/api/reads_and_writes.test.ts", 1],
  ["test/api/scaling.test.ts", 1],
  ["test/api/statistics.test.ts", 1],
  ["test/api/transactions.test.ts", 1],
  ["test/api/undecodable.test.ts", 1],
  ["test/cli/command_line.test.ts", 2],
  ["test/cli/pipes.test.ts", 1],
  ["test/persistence/failing_calls.test.ts", 1],
  ["test/persistence/logged_hostile.test.ts", 1],
  ["test/persistence/logged_power_loss.test.ts", 1],
  ["test/simulation/death_in_tables.test.ts", 1],
  ["test/simulation/death_in_trees.test.ts", 1],
  ["test/simulation/failovers_cells.test.ts", 1],
  ["test/simulation/failovers_commits", 1],
  ["test/simulation/failovers_far.test.ts", 1],
  ["test/simulation/failovers_in_memory.test.ts", 1],
  ["test/simulation/failovers_ordered.test.ts", 1],
  ["test/simulation/failovers_sessions.test.ts", 1],
  ["test/simulation/failovers_watched.test.ts", 1],
  ["test/simulation/ordered_steps.test.ts", 1],
  ["test/simulation/reads_of_commits.test.ts", 1],
  ["test/simulation/watches.test.ts", 1],
  ["test/property/ordered_keys.test.ts", 1],
  ["test/examples.test.ts", 1],
  ["test/cli/reading.test.ts", 1],
  ["test/simulation/death_in_evictions.test.ts", 1],
  ["test/simulation/failovers_far_logged.test.ts", 1],
  ["test/simulation/failovers_logged.test.ts", 1],
  ["test/adapters/", 1],
  ["test/lock/", 1],
  ["test/queue/", 1],
  ["test/deno_kv/kv.test.ts", 1],
  ["test/property/store_model.test.ts", 1],
  ["test/api/aborting.test.ts", 1],
  ["test/api/capacity.test.ts", 1],
  ["test/api/commits.test.ts", 1],
  ["test/api/committing_threads.test.ts", 1],
  ["test/api/consistent_reads.test.ts", 1],
  ["test/api/cycles.test.ts", 1],
  ["test/api/evicting.test.ts", 1],
  ["test/api/key_types.test.ts", 1],
  ["test/api/large_pools.test.ts", 1],
  ["test/api/lives.test.ts", 1],
  ["test/api/long_keys.test.ts", 1],
  ["test/api/operation_order.test.ts", 1],
  ["test/api/ordered.test.ts", 1],
  ["test/api/ordered_threads.test.ts", 1],
  ["test/api/ordered_lives.test.ts", 1],
  ["test/api/ranges.test.ts", 1],
  ["test/property/ordered_model.test.ts", 1],
  ["test/api/picking.test.ts", 1],
  ["test/api/replication.test.ts", 1],
  ["test/api/single_flight.test.ts", 1],
  ["test/api/strict_histories.test.ts", 1],
  ["test/persistence/everything_at_once.test.ts", 1],
  ["test/persistence/hostile_snapshot.test.ts", 1],
  ["test/persistence/killed_process.test.ts", 1],
  ["test/persistence/killed_while_logging.test.ts", 1],
  ["test/persistence/snapshot_under_load.test.ts", 1],
  ["test/api/attached.test.ts", 1],
  ["test/api/watching.test.ts", 2],
  ["test/api/watching_prefixes.test.ts", 1],
  ["test/api/watching_threads.test.ts", 1],
  ["test/api/autoscaling.test.ts", 1],
  ["test/api/batches.test.ts", 2],
  ["test/api/compaction.test.ts", 1],
  ["test/api/derived.test.ts", 1],
  ["test/api/event_loop.test.ts", 1],
  ["test/api/failing_nodes.test.ts", 1],
  ["test/api/failing_processors.test.ts", 1],
  ["test/api/failover.test.ts", 1],
  ["test/api/fake_time.test.ts", 1],
  ["test/api/iteration.test.ts", 1],
  ["test/api/memory.test.ts", 1],
  ["test/api/nearly_full.test.ts", 2],
  ["test/api/reentrancy.test.ts", 1],
  ["test/api/stalled_nodes.test.ts", 1],
  ["test/api/threadless.test.ts", 1],
  ["test/cli/copying.test.ts", 1],
  ["test/cli/damage.test.ts", 1],
  ["test/persistence/durability.test.ts", 1],
  ["test/persistence/format_fixtures.test.ts", 1],
  ["test/persistence/moved_directory.test.ts", 1],
  ["test/persistence/pool_lock.test.ts", 1],
  ["test/persistence/reopening.test.ts", 1],
];

/** On which of the runtimes a file, the n-th of its run, is run. */
export function runtimesOf(
  file: string,
  index: number,
  runtimes: readonly Runtime[],
  turn: number | undefined,
): readonly Runtime[] {
  const own = TURNS.find(([path]) => file.startsWith(path));
  if (turn === undefined || own === undefined) return runtimes;
  const where = own[1];
  if (typeof where === "string") return runtimes.filter((runtime) => runtime === where);
  const order = runtimes.map((_, i) => runtimes[(index + turn + i) % runtimes.length]!);
  return order.slice(0, where);
}

/** Paths of the test files under `root`/test, relative to `root`, with forward slashes, sorted. */
export function findTestFiles(root: string, only: readonly string[]): string[] {
  return readdirSync(join(root, "test"), { recursive: true, encoding: "utf8" })
    .filter((path) => path.endsWith(FILE_SUFFIX))
    .map((path) => `test/${path.split(sep).join("/")}`)
    .filter((path) => only.length === 0 || only.some((part) => path.includes(part)))
    .sort();
}

/** Those of the files that tell most in a minute, in this order. */
export function findQuickFiles(files: readonly string[]): string[] {
  return QUICK_PATHS.flatMap((quick) =>
    files.filter((file) => quick.endsWith("/") ? file.startsWith(quick) : file === quick)
  );
}

/** Runs every file on every runtime and prints the report; the results come in the order of ending. */
export async function runTestFiles(options: TestRunOptions): Promise<FileResult[]> {
  const { root, runtimes, only, jobCount, timeoutMs, quickMs, turn, print } = options;
  const all = findTestFiles(root, only);
  const files = quickMs === undefined ? all : findQuickFiles(all);
  const endMs = performance.now() + (quickMs ?? Infinity);
  if (files.length === 0) print("no test file found");
  const jobs = files.flatMap((file, i) =>
    runtimesOf(file, i, runtimes, turn).map((runtime) => ({ file, runtime }))
  );
  const fileWidth = Math.max(0, ...files.map((file) => file.length));
  const results: FileResult[] = [];
  const late: string[] = [];

  async function runJobs(): Promise<void> {
    while (jobs.length > 0 && performance.now() < endMs) {
      const job = jobs.shift()!;
      const msMax = Math.min(timeoutMs, endMs - performance.now());
      const result = await runTestFile(root, job.file, job.runtime, msMax);
      if (quickMs !== undefined && performance.now() >= endMs) {
        late.push(job.file);
        continue;
      }
      results.push(result);
      print(formatResult(result, fileWidth));
    }
  }
  await Promise.all(Array.from({ length: jobCount }, runJobs));

  // Once more at the end, in short: of a long report, services keep the end.
  for (const result of results) {
    if (result.failure !== undefined) print(formatFailure(result));
  }
  for (const runtime of runtimes) print(formatRuntime(runtime, results));
  if (turn !== undefined) {
    print("the runtimes took turns with long searches and the tests of tools: see --everywhere");
  }
  if (quickMs !== undefined) {
    late.push(...jobs.map(({ file }) => file));
    const slow = all.filter((file) => !files.includes(file));
    print(`left out, as time was up: ${late.join(", ") || "nothing"}`);
    print(`left out, as they take longer or tell less: ${countByFolder(slow)}`);
  }
  const { passed, failed } = sumCounts(results);
  print(`${passed} passed, ${files.length === 0 ? 1 : failed} failed`);
  return results;
}

/** Runs one file on one runtime. Never rejects: whatever goes wrong is a failure of the file. */
export async function runTestFile(
  root: string,
  file: string,
  runtime: Runtime,
  timeoutMs: number,
): Promise<FileResult> {
  const startMs = performance.now();
  let end: ProcessEnd;
  try {
    end = await runProcess(root, file, runtime, timeoutMs);
  } catch (error) {
    end = { output: String(error), exitCode: null, signal: null, timedOut: false };
  }
  return { file, runtime, durationMs: performance.now() - startMs, ...judge(end, timeoutMs) };
}

/** Decides what the end of a test file's process means. */
export function judge(
  end: ProcessEnd,
  timeoutMs: number,
): TestCounts & { output: string; failure?: string } {
  const { output } = end;
  const summary = parseSummary(output);
  const failedTests = summary === undefined ? 0 : summary.total - summary.passed;
  const failure = describeFailure(end, summary, timeoutMs);
  const counts = { passed: summary?.passed ?? 0, skipped: summary?.skipped ?? 0 };
  if (failure === undefined) return { ...counts, failed: 0, output };
  return { ...counts, failed: Math.max(1, failedTests), output, failure };
}

/** Reads uvu's closing lines; undefined when they are not there, as in a file that crashed. */
export function parseSummary(output: string): Summary | undefined {
  const pattern = /^ {2}Total: +(\d+)\n {2}Passed: +(\d+)\n {2}Skipped: +(\d+)$/gm;
  const last = [...withoutColours(output).matchAll(pattern)].at(-1);
  if (last === undefined) return undefined;
  return { total: Number(last[1]), passed: Number(last[2]), skipped: Number(last[3]) };
}

/** Adds up the counts of many results. */
export function sumCounts(results: readonly TestCounts[]): TestCounts {
  const sum = { passed: 0, failed: 0, skipped: 0 };
  for (const { passed, failed, skipped } of results) {
    sum.passed += passed;
    sum.failed += failed;
    sum.skipped += skipped;
  }
  return sum;
}

/** Kills every test process, with its children. */
export function killRunning(): void {
  for (const child of running) killGroup(child);
}

function describeFailure(
  end: ProcessEnd,
  summary: Summary | undefined,
  timeoutMs: number,
): string | undefined {
  if (end.timedOut) return `did not end within ${formatSeconds(timeoutMs)} and was killed`;
  // It may have been killed because of that, see runProcess.
  if (summary !== undefined && hasFailed(summary)) {
    return `${summary.total - summary.passed} of ${summary.total} tests failed`;
  }
  if (end.signal !== null) return `was killed by ${end.signal}`;
  if (summary === undefined) return `ended without a summary, exit code ${end.exitCode}`;
  if (end.exitCode !== 0) return `exit code ${end.exitCode} although every test passed`;
  if (summary.total === 0) return "ran no test";
  return undefined;
}

function hasFailed({ passed, total }: Summary): boolean {
  return passed < total;
}

function runProcess(
  root: string,
  file: string,
  runtime: Runtime,
  timeoutMs: number,
): Promise<ProcessEnd> {
  const { program, args } = runtimeCommand(runtime, file, root);
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, {
      cwd: root,
      // A process group of its own, so that a hanging file is killed with everything it started.
      detached: process.platform !== "win32",
      env: testEnvironment(),
      stdio: ["ignore", "pipe", "pipe"],
    });
    running.add(child);
    let output = "";
    let timedOut = false;
    let ended = false;
    let failedTimer: ReturnType<typeof setTimeout> | undefined;
    const timer = setTimeout(() => {
      timedOut = true;
      killGroup(child);
    }, timeoutMs);

    function collect(text: string): void {
      output += text;
      const summary = parseSummary(output.slice(-SUMMARY_CHARS_MAX));
      if (summary !== undefined && hasFailed(summary)) {
        failedTimer ??= setTimeout(() => killGroup(child), FAILED_END_MS);
      }
      // The summary comes last: drop what is in the middle, not the end.
      const half = OUTPUT_CHARS_MAX >> 1;
      if (output.length > 2 * OUTPUT_CHARS_MAX) {
        output = output.slice(0, half) + output.slice(-half);
      }
    }
    function finish(exitCode: number | null, signal: string | null): void {
      if (ended) return;
      ended = true;
      clearTimeout(timer);
      clearTimeout(failedTimer);
      running.delete(child);
      killGroup(child);
      resolve({ output, exitCode, signal, timedOut });
    }
    child.stdout.setEncoding("utf8").on("data", collect);
    child.stderr.setEncoding("utf8").on("data", collect);
    child.on("error", (error) => {
      clearTimeout(timer);
      running.delete(child);
      reject(error);
    });
    child.on("close", finish);
    child.on("exit", (exitCode, signal) => {
      setTimeout(() => finish(exitCode, signal), OUTPUT_DRAIN_MS).unref();
    });
  });
}

/** Kills the child and what it started; those that have ended already are no error. */
function killGroup(child: ChildProcess): void {
  if (child.pid === undefined) return;
  try {
    if (process.platform === "win32") child.kill("SIGKILL");
    else process.kill(-child.pid, "SIGKILL");
  } catch {
    // Nobody left in the group.
  }
}

/** The caller's environment (DINOMO_SEED among it), without colours and without network look-ups. */
function testEnvironment(): Record<string, string | undefined> {
  const { FORCE_COLOR: _, ...environment } = process.env;
  return { ...environment, NO_COLOR: "1", DENO_NO_UPDATE_CHECK: "1" };
}

/** How many files are in which folder. */
function countByFolder(files: readonly string[]): string {
  const counts = new Map<string, number>();
  for (const file of files) {
    const folder = file.slice(0, file.lastIndexOf("/"));
    counts.set(folder, (counts.get(folder) ?? 0) + 1);
  }
  return [...counts].map(([folder, count]) => `${count} of ${folder}/`).join(", ");
}

function formatResult(result: FileResult, fileWidth: number): string {
  const { file, runtime, passed, failed, skipped, failure, durationMs, output } = result;
  const counts = [`${passed} passed`];
  if (failed > 0) counts.push(`${failed} failed`);
  if (skipped > 0) counts.push(`${skipped} skipped`);
  const line = [
    failure === undefined ? "ok  " : "FAIL",
    file.padEnd(fileWidth),
    runtime.padEnd(4),
    formatSeconds(durationMs).padStart(7),
    counts.join(", "),
  ].join("  ");
  if (failure === undefined) return line;
  const name = `${file} on ${runtime}`;
  return [line, `---- ${name}: ${failure}`, output.trimEnd(), `---- end of ${name}`].join("\n");
}

/** Names the tests of a file that failed, each with the beginning of what it said. */
function formatFailure({ file, runtime, failure, output }: FileResult): string {
  const lines = [`FAILED  ${file} on ${runtime}: ${failure}`];
  const details = describeFailedTests(output);
  // A file that crashed or hung names no test: the end of what it printed says most.
  const last = output.trimEnd().split("\n").slice(-FAILURE_LINES_MAX);
  lines.push(...(details.length > 0 ? details : last).map((line) => `    ${line.trimEnd()}`));
  return lines.join("\n");
}

/** What uvu printed of the tests that failed: their names and messages, without the stacks. */
function describeFailedTests(output: string): string[] {
  const lines: string[] = [];
  let left = 0;
  for (const line of withoutColours(output).split("\n")) {
    if (/^ {3}FAIL {2}"/.test(line)) left = FAILURE_LINES_MAX;
    else if (/^ {4}at /.test(line) || /^ {2}Total: /.test(line)) left = 0;
    if (left === 0 || line.trim() === "") continue;
    left -= 1;
    lines.push(line.trim().slice(0, FAILURE_CHARS_MAX));
  }
  return lines;
}

function withoutColours(text: string): string {
  // deno-lint-ignore no-control-regex
  return text.replace(/\x1b\[[0-9;]*m/g, "");
}

function formatRuntime(runtime: Runtime, results: readonly FileResult[]): string {
  const own = results.filter((result) => result.runtime === runtime);
  const { passed, failed, skipped } = sumCounts(own);
  const counts = `${passed} passed, ${failed} failed, ${skipped} skipped`;
  return `${runtime.padEnd(4)}  ${own.length} files: ${counts}`;
}

function formatSeconds(durationMs: number): string {
  return `${(durationMs / 1000).toFixed(1)} s`;
}
