/**
 * The test runner is tested on files that must fail: each way in which a file can fail without
 * saying so is a fixture. They run on Node, whatever runtime this file runs on.
 *
 * @module
 */
import {
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout } from "node:timers/promises";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { PROJECT_ROOT, RUNTIMES } from "../scripts/runtimes.ts";
import { parseSummary } from "./support/test_output.ts";
import { EVERYWHERE, planJobs, runtimesOf, sharesProcess } from "./support/test_plan.ts";
import { type FileResult, findTestFiles, runTestFiles } from "./support/test_runner.ts";

const HEADER = `import { test } from "uvu"; import * as assert from "uvu/assert";`;

/** Files that end by themselves. */
const ENDING: Record<string, string> = {
  passing: `test("a", () => {}); test("b", () => {}); test.skip("c"); test.run();`,
  failing: `test("a", () => {}); test("b", () => assert.is(1, 2)); test.run();`,
  crashing: `test("a", () => {}); test.run(); throw new Error("crash on load");`,
  crashing_later:
    `test("a", () => { setTimeout(() => { throw new Error("crash"); }, 50); }); test.run();`,
  exiting: `test("a", () => process.exit(0)); test.run();`,
  unsettled: `test("a", () => new Promise(() => {})); test.run();`,
  failing_hook: `test.before(() => { throw new Error("hook"); }); test("a", () => {}); test.run();`,
  no_test: `test.run();`,
  not_run: `test("a", () => {});`,
  empty: ``,
};

/** A file that takes long enough for what {@linkcode ENDING} has to crash later. */
const SLOW = `test("a", () => new Promise((resolve) => setTimeout(resolve, 5000))); test.run();`;

/** Files that never end: inside a test, and after the last one, with a child process. */
const HANGING: Record<string, string> = {
  hanging: `test("a", () => new Promise(() => setInterval(() => {}, 1000))); test.run();`,
  lingering: `import { spawn } from "node:child_process";
    const beat = "setInterval(() => fs.appendFileSync('heartbeat', '.'), 20)";
    test("a", () => { spawn(process.execPath, ["-e", beat]); }); test.run();`,
};

/** A file whose test fails, and leaves behind what its end would have closed. */
const LEFT_OPEN: Record<string, string> = {
  left_open: `test("a", () => {}); test("b", () => {
    setInterval(() => {}, 1000);
    assert.is(1, 2);
  }); test.run();`,
};

const EXPECTED: Record<string, [passed: number, failed: number, failure?: RegExp]> = {
  passing: [2, 0],
  failing: [1, 1, /1 of 2 tests failed/],
  crashing: [0, 1, /without a summary/],
  crashing_later: [1, 1, /exit code [1-9]/],
  exiting: [0, 1, /without a summary/],
  unsettled: [0, 1, /without a summary/],
  failing_hook: [0, 1, /1 of 1 tests failed/],
  no_test: [0, 1, /ran no test/],
  not_run: [0, 1, /without a summary/],
  empty: [0, 1, /without a summary/],
  hanging: [0, 1, /did not end within 6.0 s/],
  lingering: [1, 1, /did not end within 6.0 s/],
  left_open: [1, 1, /^1 of 2 tests failed$/],
};

const root = mkdtempSync(join(tmpdir(), "dinomo-runner-"));
mkdirSync(join(root, "test", "nested"), { recursive: true });
mkdirSync(join(root, "dist", "test"), { recursive: true });
writeFileSync(join(root, "package.json"), `{ "type": "module" }`);
symlinkSync(join(PROJECT_ROOT, "node_modules"), join(root, "node_modules"), "junction");
for (const [name, body] of Object.entries({ ...ENDING, ...HANGING, ...LEFT_OPEN })) {
  const code = name === "empty" ? body : `${HEADER}\n${body}\n`;
  writeFileSync(join(root, "test", `${name}.test.ts`), code);
  writeFileSync(join(root, "dist", "test", `${name}.test.js`), code);
}

async function run(names: string[], timeoutMs: number): Promise<[FileResult[], string[]]> {
  const lines: string[] = [];
  const results = await runTestFiles({
    root,
    runtimes: ["node"],
    only: names.map((name) => `/${name}.test`),
    jobCount: 2,
    timeoutMs,
    print: (text) => lines.push(...text.split("\n")),
  });
  return [results, lines];
}

/** Length of what the child of the lingering file has written. */
function readHeartbeat(): number {
  return statSync(join(root, "heartbeat")).size;
}

function checkResults(results: FileResult[], names: string[]): void {
  assert.is(results.length, names.length);
  for (const { file, passed, failed, failure, output } of results) {
    const name = file.slice("test/".length, -".test.ts".length);
    const [passedExpected, failedExpected, pattern] = EXPECTED[name]!;
    assert.is(passed, passedExpected, `${name}: passed\n${output}`);
    assert.is(failed, failedExpected, `${name}: failed\n${output}`);
    if (pattern === undefined) assert.is(failure, undefined, name);
    else assert.match(failure ?? "", pattern, name);
  }
}

test("counts each file that ends as what it is", async () => {
  const names = Object.keys(ENDING);
  const [results, lines] = await run(names, 60_000);
  checkResults(results, names);
  assert.is(lines.at(-1), "4 passed, 9 failed");
  assert.is(lines.at(-2), "node  10 files: 4 passed, 9 failed, 1 skipped");
  assert.ok(lines.some((line) => line.includes("crash on load")), "prints a failing file's output");
  assert.is(lines.filter((line) => line.startsWith("FAILED  ")).length, 9, "lists them again");
});

test("kills a file that does not end, with its children", async () => {
  const names = Object.keys(HANGING);
  const [results, lines] = await run(names, 6000);
  checkResults(results, names);
  assert.is(lines.at(-1), "1 passed, 2 failed");
  const beats = readHeartbeat();
  assert.ok(beats > 0, "the child ran");
  await setTimeout(200);
  assert.is(readHeartbeat(), beats, "the child still runs");
});

test("does not wait for what a failed test has left open", async () => {
  const [results, lines] = await run(Object.keys(LEFT_OPEN), 400_000);
  checkResults(results, Object.keys(LEFT_OPEN));
  assert.is(lines.at(-1), "1 passed, 1 failed");
});

test("passes when every file passes, and fails when no file matches", async () => {
  const [, passing] = await run(["passing"], 60_000);
  assert.is(passing.at(-1), "2 passed, 0 failed");
  const [, none] = await run(["nowhere"], 60_000);
  assert.is(none.at(-1), "0 passed, 1 failed");
});

test("finds test files in nested folders, in order", () => {
  writeFileSync(join(root, "test", "nested", "z.test.ts"), "");
  writeFileSync(join(root, "test", "nested", "helper.ts"), "");
  assert.equal(findTestFiles(root, ["nested", "/fail"]), [
    "test/failing.test.ts",
    "test/failing_hook.test.ts",
    "test/nested/z.test.ts",
  ]);
});

test("files take turns through the runtimes, and run on all where these differ", () => {
  const files = findTestFiles(PROJECT_ROOT, []);
  files.forEach((file, i) => {
    const runs = [5, 6, 7].map((turn) => runtimesOf(file, i, RUNTIMES, turn));
    if (EVERYWHERE.some((path) => file.startsWith(path))) {
      assert.equal(runs, [RUNTIMES, RUNTIMES, RUNTIMES], file);
    } else if (file.startsWith("test/planted/")) {
      const text = readFileSync(join(PROJECT_ROOT, file), "utf8");
      const own = /^definePlantedTests\(.*, "(\w+)"\);$/m.exec(text)?.[1] ?? "bun";
      assert.equal(runs, [[own], [own], [own]], file);
    } else {
      assert.equal(runs.flat().sort(), [...RUNTIMES], file);
    }
    assert.equal(runtimesOf(file, i, RUNTIMES, undefined), RUNTIMES, file);
  });
});

test("what runs everywhere is there, and is the smaller part", () => {
  const files = findTestFiles(PROJECT_ROOT, []);
  for (const path of EVERYWHERE) assert.ok(files.some((file) => file.startsWith(path)), path);
  const found = files.filter((file) => EVERYWHERE.some((path) => file.startsWith(path)));
  assert.ok(found.length < files.length / 3, `${found.length} of ${files.length} files`);
});

test("what shares a process is run in few of them, each file as often as alone", () => {
  const files = findTestFiles(PROJECT_ROOT, []);
  const jobs = planJobs(files, RUNTIMES, 1);
  const planned = jobs.flatMap(({ files, runtime }) => files.map((file) => `${file} ${runtime}`));
  const alone = files.flatMap((file, i) => {
    return runtimesOf(file, i, RUNTIMES, 1).map((runtime) => `${file} ${runtime}`);
  });
  assert.equal(planned.sort(), alone.sort());
  for (const { files } of jobs) {
    assert.ok(files.length === 1 || files.every(sharesProcess), files.join());
  }
  assert.ok(jobs.length < planned.length * 0.5, `${jobs.length} processes`);
});

test("what shares a process comes first", () => {
  const counts = planJobs(findTestFiles(PROJECT_ROOT, []), RUNTIMES, 1).map((job) =>
    job.files.length
  );
  assert.ok(counts[0]! > 1);
  assert.equal(counts, counts.toSorted((a, b) => b - a));
});

test("what shares a process starts no thread, no process and no store", () => {
  const starts = /worker_threads|child_process|(?<![.\w])open\(|storeSuite/;
  for (const file of findTestFiles(PROJECT_ROOT, []).filter(sharesProcess)) {
    const [found] = starts.exec(readFileSync(join(PROJECT_ROOT, file), "utf8")) ?? [];
    assert.is(found, undefined, `${file} has ${found}`);
  }
});

/** How files do, in this order, that one process begins with; see ENDING. */
const SHARING: readonly (readonly [name: string, failure: RegExp | undefined])[] = [
  ["passing", undefined],
  ["failing", /^1 of 2 tests failed$/],
  ["passing", undefined],
  ["crashing", /^ended without a summary, exit code 1; in one process after test/],
  // What follows a file that has broken the process runs in another one.
  ["exiting", /^ended without a summary, exit code 1$/],
  ["unsettled", /^ended without a summary, exit code 13$/],
  ["failing_hook", /^1 of 1 tests failed$/],
  ["no_test", /^ran no test/],
  ["not_run", /^ran no test/],
  ["empty", /^ran no test/],
  ["crashing_later", undefined],
  ["slow", /^ended without a summary, exit code 1; in one process .*crashing_later/],
  ["passing", undefined],
];

test("files that share a process are told apart, whatever one of them does", async () => {
  const files = SHARING.map(([name], i) => `test/gateway/${10 + i}_${name}.test.ts`);
  for (const folder of ["test", "dist/test"]) {
    mkdirSync(join(root, folder, "gateway"), { recursive: true });
  }
  files.forEach((file, i) => {
    const body = SHARING[i]![0] === "empty" ? "" : `${HEADER}\n${ENDING[SHARING[i]![0]] ?? SLOW}\n`;
    writeFileSync(join(root, file), "");
    writeFileSync(join(root, "dist", file.replace(/ts$/, "js")), body);
  });
  const [results, lines] = await run(files.map((file) => file.slice(5, -8)), 60_000);
  assert.equal(results.map(({ file }) => file), files);
  results.forEach(({ file, failure, output }, i) => {
    const expected = SHARING[i]![1];
    if (expected === undefined) assert.is(failure, undefined, `${file}\n${output}`);
    else assert.match(failure ?? "", expected, `${file}\n${output}`);
  });
  // What a file has registered and not run is run with the next one, beside its own failure.
  assert.is(lines.at(-1), "9 passed, 9 failed");
});

test("a quick run leaves out what does not fit, and says so", async () => {
  mkdirSync(join(root, "dist", "test", "unit"), { recursive: true });
  mkdirSync(join(root, "test", "unit"), { recursive: true });
  for (const [name, body] of [["short", ENDING["passing"]], ["unending", HANGING["hanging"]]]) {
    writeFileSync(join(root, "test", "unit", `${name}.test.ts`), "");
    writeFileSync(join(root, "dist", "test", "unit", `${name}.test.js`), `${HEADER}\n${body}\n`);
  }
  const lines: string[] = [];
  const results = await runTestFiles({
    root,
    runtimes: ["node"],
    only: ["unit/", "/fail"],
    jobCount: 2,
    timeoutMs: 60_000,
    quickMs: 10_000,
    print: (text) => lines.push(text),
  });
  assert.equal(results.map(({ file }) => file), ["test/unit/short.test.ts"]);
  assert.is(lines.at(-3), "left out, as time was up: test/unit/unending.test.ts");
  assert.is(lines.at(-2), "left out, as they take longer or tell less: 2 of test/");
  assert.is(lines.at(-1), "2 passed, 0 failed");
});

test("repeats names and messages of failed tests at the end", async () => {
  const [, lines] = await run(["failing", "crashing"], 60_000);
  const start = lines.findIndex((line) => line.startsWith("FAILED  "));
  const text = lines.slice(start).join("\n");
  assert.match(
    text,
    /FAILED {2}test\/failing.test.ts on node: 1 of 2 tests failed\n {4}FAIL {2}"b"\n/,
  );
  assert.match(text, /Expected values to be strictly equal/);
  assert.not.match(text, /^ +at .*uvu/m);
  assert.match(text, /FAILED {2}test\/crashing.test.ts on node: .*\n(.*\n)*.*crash on load/);
  assert.ok(lines.length - start < 40, "in short");
});

test("reads the last summary, colours or not", () => {
  const summary = (total: number) => `\n  Total:     ${total}\n  Passed:    1\n  Skipped:   0\n`;
  assert.equal(parseSummary(summary(7) + summary(3)), { total: 3, passed: 1, skipped: 0 });
  const coloured =
    "\n  Total:     2\x1b[32m\n  Passed:    2\x1b[39m\n  Skipped:   \x1b[33m1\x1b[39m\n";
  assert.equal(parseSummary(coloured), { total: 2, passed: 2, skipped: 1 });
  assert.is(parseSummary("Total: 1"), undefined);
});

test.after(() => rmSync(root, { recursive: true, force: true }));

test.run();
