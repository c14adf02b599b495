/**
 * Runs test files on each runtime, in a process of their own or in one that short ones share
 * (test_plan.ts), and counts what they report.
 *
 * A file passes when its process exits by itself with code 0 within the time limit and uvu's
 * closing summary says that at least one test ran and all of them passed. The exit code alone is
 * not trusted: uvu exits with 0 when a `before` hook throws, and when a file has no tests or
 * forgets `test.run()`. Equally a summary alone is not enough: a process that crashes or never ends
 * after its last test has left a thread or a handle behind.
 *
 * @module
 */
import { type ChildProcess, spawn } from "node:child_process";
import { readdirSync } from "node:fs";
import { join, sep } from "node:path";
import process from "node:process";
import { clearTimeout, setTimeout } from "node:timers";
import {
  type Command,
  PROJECT_ROOT,
  type Runtime,
  runtimeCommand,
} from "../../scripts/runtimes.ts";
import { planJobs, type TestJob } from "./test_plan.ts";
import {
  hasFailed,
  parseSummary,
  type Summary,
  TestOutput,
  withoutColours,
} from "./test_output.ts";

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
  /** Runs most of the files on one of the runtimes each; on which ones changes with this number. */
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

/** How a process ended. */
export interface ProcessEnd {
  exitCode: number | null;
  signal: string | null;
  timedOut: boolean;
}

/**
 * Time between the end of a process and that of its output, which a surviving child may hold open.
 */
const OUTPUT_DRAIN_MS = 2000;

/**
 * Time that a process has to end by itself when its tests have failed: what such a test left open
 * is not waited for.
 */
const FAILED_END_MS = 2000;

/** Lines of a test's message that are repeated in the list of what failed, and their length. */
const FAILURE_LINES_MAX = 8;
const FAILURE_CHARS_MAX = 300;

const FILE_SUFFIX = ".test.ts";

/** The program that runs several files. */
const SHARED_PROGRAM = "test/support/shared_process.ts";
/** How a file has ended whose process goes on, or is not needed any more. */
const ENDED: ProcessEnd = { exitCode: 0, signal: null, timedOut: false };

/** Process groups that run now, so that an interrupted run leaves none behind. */
const running = new Set<ChildProcess>();

/**
 * What {@linkcode findQuickFiles} finds, the most telling first; a slash at the end: all in the
 * folder.
 */
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

/**
 * Runs every file on every runtime and prints the report; the results come in the order of ending.
 */
export async function runTestFiles(options: TestRunOptions): Promise<FileResult[]> {
  const { root, runtimes, only, jobCount, timeoutMs, quickMs, turn, print } = options;
  const all = findTestFiles(root, only);
  const files = quickMs === undefined ? all : findQuickFiles(all);
  const endMs = performance.now() + (quickMs ?? Infinity);
  if (files.length === 0) print("no test file found");
  const jobs = planJobs(files, runtimes, turn);
  const fileWidth = Math.max(0, ...files.map((file) => file.length));
  const results: FileResult[] = [];
  const late: string[] = [];

  async function runJobs(): Promise<void> {
    while (jobs.length > 0 && performance.now() < endMs) {
      const job = jobs.shift()!;
      const msMax = Math.min(timeoutMs, endMs - performance.now());
      const ended = await runTestJob(root, job, msMax);
      const isLate = quickMs !== undefined && performance.now() >= endMs;
      for (const result of ended) {
        // The last one had not ended, unless it has passed.
        if (isLate && result === ended.at(-1) && result.failure !== undefined) {
          late.push(result.file);
          continue;
        }
        results.push(result);
        print(formatResult(result, fileWidth));
      }
      // What the process that they share has not come to, as a file before them has broken it.
      const left = job.files.slice(ended.length);
      if (left.length > 0) jobs.unshift({ ...job, files: left });
    }
  }
  await Promise.all(Array.from({ length: jobCount }, runJobs));

  // Once more at the end, in short: of a long report, services keep the end.
  for (const result of results) {
    if (result.failure !== undefined) print(formatFailure(result));
  }
  for (const runtime of runtimes) print(formatRuntime(runtime, results));
  if (turn !== undefined) {
    print("the runtimes took turns with most of the files: see --everywhere");
  }
  if (quickMs !== undefined) {
    late.push(...jobs.flatMap(({ files }) => files));
    const slow = all.filter((file) => !files.includes(file));
    print(`left out, as time was up: ${late.join(", ") || "nothing"}`);
    print(`left out, as they take longer or tell less: ${countByFolder(slow)}`);
  }
  const { passed, failed } = sumCounts(results);
  print(`${passed} passed, ${files.length === 0 ? 1 : failed} failed`);
  return results;
}

/**
 * Runs the files of a job, and says how each of them did that has begun: at least one. Never
 * rejects: whatever goes wrong is a failure of the file that was begun last.
 */
async function runTestJob(root: string, job: TestJob, timeoutMs: number): Promise<FileResult[]> {
  const { files, runtime } = job;
  const output = new TestOutput(files.length > 1);
  let end: ProcessEnd;
  try {
    end = await runProcess(root, job, timeoutMs, output);
  } catch (error) {
    output.add(String(error));
    end = { exitCode: null, signal: null, timedOut: false };
  }
  const endMs = performance.now();
  return output.parts.map((part, i, { length }) => ({
    file: files[i]!,
    runtime,
    durationMs: (part.endMs ?? endMs) - part.startMs,
    ...judge(i < length - 1 ? ENDED : end, part.text, timeoutMs, files.slice(0, i)),
  }));
}

/**
 * Decides what the end of a test file, and what it has printed, mean; `before`: who shared its
 * process.
 */
function judge(
  end: ProcessEnd,
  output: string,
  timeoutMs: number,
  before: readonly string[],
): TestCounts & { output: string; failure?: string } {
  const summary = parseSummary(output);
  const failedTests = summary === undefined ? 0 : summary.total - summary.passed;
  const failure = describeFailure(end, summary, timeoutMs);
  const counts = { passed: summary?.passed ?? 0, skipped: summary?.skipped ?? 0 };
  if (failure === undefined) return { ...counts, failed: 0, output };
  // What they have left behind may be why it does not end, or crashes.
  const others = failedTests > 0 || before.length === 0 ? "" : `; in one process after ${before}`;
  return { ...counts, failed: Math.max(1, failedTests), output, failure: failure + others };
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

function runProcess(
  root: string,
  { files, runtime }: TestJob,
  timeoutMs: number,
  output: TestOutput,
): Promise<ProcessEnd> {
  const { program, args } = commandOf(root, files, runtime);
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, {
      cwd: root,
      // A process group of its own, so that a hanging file is killed with everything it started.
      detached: process.platform !== "win32",
      env: testEnvironment(),
      stdio: ["ignore", "pipe", "pipe"],
    });
    running.add(child);
    let timedOut = false;
    let wasGivenUp = false;
    let ended = false;
    let failedTimer: ReturnType<typeof setTimeout> | undefined;
    const timer = setTimeout(() => {
      timedOut = true;
      killGroup(child);
    }, timeoutMs);

    function collect(text: string): void {
      // Each file has the whole time.
      if (output.add(text)) timer.refresh();
      if (output.hasEndedInFailure(files.length)) {
        failedTimer ??= setTimeout(() => {
          wasGivenUp = true;
          killGroup(child);
        }, FAILED_END_MS);
      }
    }
    function finish(exitCode: number | null, signal: string | null): void {
      if (ended) return;
      ended = true;
      clearTimeout(timer);
      clearTimeout(failedTimer);
      running.delete(child);
      killGroup(child);
      resolve(wasGivenUp ? ENDED : { exitCode, signal, timedOut });
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

/** Command that runs one file, or several in one process. */
function commandOf(root: string, files: readonly string[], runtime: Runtime): Command {
  if (files.length === 1) return runtimeCommand(runtime, files[0]!, root);
  const { program, args } = runtimeCommand(runtime, SHARED_PROGRAM, PROJECT_ROOT);
  const paths = files.map((file) => runtimeCommand(runtime, file, root).args.at(-1)!);
  return { program, args: [...args, ...paths] };
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

/**
 * The caller's environment (DINOMO_SEED among it), without colours and without network look-ups.
 */
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

function formatRuntime(runtime: Runtime, results: readonly FileResult[]): string {
  const own = results.filter((result) => result.runtime === runtime);
  const { passed, failed, skipped } = sumCounts(own);
  const counts = `${passed} passed, ${failed} failed, ${skipped} skipped`;
  return `${runtime.padEnd(4)}  ${own.length} files: ${counts}`;
}

function formatSeconds(durationMs: number): string {
  return `${(durationMs / 1000).toFixed(1)} s`;
}
