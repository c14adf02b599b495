/**
 * The demo runs at its smoke size, says what it is meant to show, and fails when a city is not what
 * it must be.
 *
 * @module
 */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { availableParallelism, tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { createInterface } from "node:readline";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { type City, differenceOf, loadCities, revise } from "../examples/cities/cities.ts";
import { CityModel, MismatchError } from "../examples/cities/city_model.ts";
import { describeSteps, nodeCountsFor } from "../examples/cities/node_counts.ts";
import { createRandom, createZipfian } from "../examples/cities/zipfian.ts";
import { PROJECT_ROOT, runtimeCommand } from "../scripts/runtimes.ts";
import { currentRuntime, type ProgramEnd, runProgram } from "./support/program.ts";

const DEMO = "examples/cities/main.ts";
const SEED = 3;

interface Context {
  path: string;
  end: ProgramEnd;
}

const test = suite<Context>("demo");

test.before(async (context) => {
  context.path = mkdtempSync(join(tmpdir(), "dinomo-demo-test-"));
  context.end = await runProgram(DEMO, ["--smoke", "--seed", String(SEED), "--path", context.path]);
});

test.after(({ path }) => rmSync(path, { recursive: true, force: true }));

test("it succeeds, without a word on the error output", ({ end }) => {
  assert.is(end.stderr, "");
  assert.is(end.exitCode, 0);
  assert.match(end.stdout, /operations, 0 mismatches, \d+\.\d s\n$/);
});

test("it shows progress without a terminal", ({ end }) => {
  assert.match(end.stdout, /^loading +25% 50% 75% 100% {2}3,000 cities in \d+\.\d\d s$/m);
  assert.match(end.stdout, /^checking +25% 50% 75% 100% {2}3,000 cities/m);
  assert.not.match(end.stdout, "\r");
  assert.not.match(end.stdout, "\x1b");
});

test("it scales to the number of processors and back, and moves no bytes", ({ end }) => {
  const reports = [...end.stdout.matchAll(
    /^ {2}(\d) -> (\d) KNs?: (\d+) slots and (\d+) bytes moved .* longest pause of a slot (\d+) us$/gm,
  )];
  const counts = nodeCountsFor(availableParallelism()).map(String);
  const steps = counts.slice(1).map((count, i) => [counts[i], count]);
  assert.equal(reports.map((report) => [report[1], report[2]]), steps);
  assert.match(end.stdout, /^ {2}from 1 KN to \d on \d+ processors?: \w+/m);
  for (const report of reports) {
    assert.ok(Number(report[3]) > 0, "slots moved");
    assert.is(report[4], "0", "bytes moved");
  }
});

test("it snapshots, and a second process finds every city", ({ end }) => {
  assert.match(end.stdout, /^snapshot +[\d.]+ MiB in \d+ ms/m);
  assert.match(end.stdout, /^ {2}process \d+ opened the pool in \d+ ms$/m);
  assert.match(end.stdout, /^ {2}every field of every city is as [\d,]+ updates have left it$/m);
});

test("its table has a row with figures for every phase", ({ end }) => {
  const phases = [
    "load, per batch of 500",
    "read, sync",
    "read, awaited",
    "put, sync",
    "put, awaited",
    "update, awaited",
    "64 clients, 1 KN",
    "64 clients, 2 KNs",
    "64 clients, while scaling",
  ];
  for (const phase of phases) {
    assert.match(end.stdout, new RegExp(`^${phase} +[1-9][\\d,]*( +[\\d,.]+){4}$`, "m"));
  }
});

test("a pool that does not hold what it must fails the second process", async ({ path, end }) => {
  const updates = /as ([\d,]+) updates have left/.exec(end.stdout)![1].replaceAll(",", "");
  const check = (...options: string[]) =>
    runProgram(DEMO, ["--check", "--path", path, "--cities", "3000", ...options]);
  const right = await check("--seed", String(SEED), "--updates", updates);
  assert.is(right.exitCode, 0);
  const oneMore = await check("--seed", String(SEED), "--updates", String(Number(updates) + 1));
  assert.is(oneMore.exitCode, 1);
  assert.match(oneMore.stderr, /MismatchError: city:\d+ must have revision/);
});

test("a temporary pool is removed, also after a failure", async () => {
  const folder = mkdtempSync(join(tmpdir(), "dinomo-demo-test-"));
  try {
    for (const [cityCount, exitCode] of [["50", 0], ["0", 1]] as const) {
      const end = await runProgram(DEMO, ["--smoke", "--cities", cityCount], { TMPDIR: folder });
      assert.is(end.exitCode, exitCode, end.stderr);
      assert.equal(readdirSync(folder), []);
    }
  } finally {
    rmSync(folder, { recursive: true });
  }
});

test("there are no more KNs than processors, but two at least, and eight at most", () => {
  assert.equal(nodeCountsFor(1), [1, 2, 1]);
  assert.equal(nodeCountsFor(2), [1, 2, 1]);
  assert.equal(nodeCountsFor(7), [1, 2, 4, 1]);
  assert.equal(nodeCountsFor(64), [1, 2, 4, 8, 1]);
  assert.match(describeSteps(2), /^from 1 KN to 2 on 2 processors: more KNs than processors take/);
});

test("with --inspect it is shown until Ctrl-C, at one address", async () => {
  const command = runtimeCommand(currentRuntime(), DEMO);
  const child = spawn(process.execPath, [...command.args, "--smoke", "--inspect"], {
    cwd: PROJECT_ROOT,
    stdio: ["ignore", "pipe", "inherit"],
  });
  const ended = once(child, "close");
  let stdout = "";
  const urls: string[] = [];
  for await (const line of createInterface({ input: child.stdout })) {
    stdout += `${line}\n`;
    const url = /^inspector: open (\S+)$/.exec(line)?.[1];
    if (url !== undefined) urls.push(url);
    if (!line.startsWith("clients read and update until Ctrl-C")) continue;
    const { origin, hash } = new URL(urls[0]!);
    const headers = { authorization: `Bearer ${hash.slice(1)}` };
    const answer = await fetch(`${origin}/sample`, { headers });
    const sample = await answer.json() as { keys: number };
    assert.is(sample.keys, 3000);
    // Not child.kill: Deno says then that the signal has ended it.
    process.kill(child.pid!, "SIGINT");
  }
  assert.equal(urls, [urls[0], urls[0]], stdout);
  assert.match(stdout, /every field of every city is what it must be\n$/);
  assert.equal(await ended, [0, null]);
});

test("options that mean nothing are refused", async () => {
  const end = await runProgram(DEMO, ["--seed", "x"]);
  assert.is(end.exitCode, 1);
  assert.match(end.stderr, '--seed must be a whole number, got "x"');
});

test("a difference in any field of a city is found", () => {
  const cities = loadCities(Infinity);
  const city = cities.find(({ muni, muniSub }) => muni !== undefined && muniSub !== undefined)!;
  const expected = revise(city, 2);
  assert.is(differenceOf(expected, structuredClone(expected)), undefined);
  const fields = Object.keys(expected) as (keyof typeof expected)[];
  assert.is(fields.length, 11);
  for (const field of fields) {
    const changed = structuredClone(expected);
    if (field === "loc") changed.loc.coordinates[1] += 1e-5;
    else Object.assign(changed, { [field]: `${expected[field]}x` });
    assert.is(differenceOf(expected, changed), field);
    delete (changed as Partial<City>)[field as keyof City];
    if (field !== "loc") assert.is(differenceOf(expected, changed), field);
  }
});

test("the model accepts what it expects, and a later state only where one is possible", () => {
  const cities = loadCities(10);
  const model = new CityModel(cities, SEED);
  for (let city = 0; city < 10; city++) model.check(city, revise(cities[city], 0));
  const city = model.update();
  model.check(city, revise(cities[city], 1));
  model.check(city, revise(cities[city], 0), 0);
  for (const found of [undefined, revise(cities[city], 0), revise(cities[city], 2)]) {
    assert.throws(
      () => model.check(city, found),
      (error: unknown) => error instanceof MismatchError,
    );
  }
});

test("draws follow Zipf's law, and the seed", () => {
  const draw = createZipfian(1000, createRandom(SEED));
  const again = createZipfian(1000, createRandom(SEED));
  const counts = new Uint32Array(1000);
  for (let i = 0; i < 100_000; i++) {
    const item = draw();
    assert.is(item, again());
    counts[item] += 1;
  }
  counts.sort().reverse();
  let zeta = 0;
  for (let rank = 1; rank <= 1000; rank++) zeta += 1 / rank ** 0.99;
  for (const rank of [1, 2, 10]) {
    const share = counts[rank - 1] / 100_000;
    assert.ok(Math.abs(share * zeta * rank ** 0.99 - 1) < 0.2, `rank ${rank} has ${share}`);
  }
});

test.run();
