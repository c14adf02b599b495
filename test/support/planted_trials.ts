/**
 * The tests of concurrency and durability are tested: each of many bugs is planted into a copy of
 * the library, and the test that is there for it has to fail. Without a bug they have to pass in
 * the copy.
 *
 * These tests run in one thread and do the same everywhere, so bugs are tried on one runtime each,
 * and a part of them in each run, which is decided by the seed; of the others it is only looked
 * whether they could be planted. A third of the tests that have failed are run again without their
 * bugs, to show that it is not the copy which makes them fail: all tests are run as they are
 * anyhow. So is each test that a bug has made hang. `DINOMO_CAMPAIGN=1 npm test -- --only planted`
 * tries all bugs, and all of their test files without one.
 *
 * @module
 */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { PROJECT_ROOT, type Runtime, THIS_RUNTIME } from "../../scripts/runtimes.ts";
import { SHARE_COUNT } from "./campaign.ts";
import type { PlantedBug } from "./planted_bug.ts";
import { type CopyRun, plant, PlantedCopy } from "./planted_copy.ts";
import { SEED } from "./random.ts";

/** Time that one test in a copy has. A bug that makes it hang is caught by that. */
const TIMEOUT_MS = 10_000;
/** The same without a bug. */
const UNCHANGED_TIMEOUT_MS = 150_000;
/** Copies that are used at the same time. */
const COPY_COUNT = 2;
/** Of so many bugs one is tried in a run. */
const PARTS = 36;
/** Of so many of those one is compared: its test is run without it, too. */
const COMPARED_PARTS = 3;
/** What every test file prints that ran to its end. */
const SUMMARY = /Total: +\d+/;
/** How often a bug is tried before it counts as not noticed. */
const TRIES_MAX = 3;
/** Simulations in which something dies at each so many accesses. */
const FAILOVERS = /failovers/;
const NAME_IS_GONE = /is not defined|Can't find variable|is not a function/;

interface Trial {
  readonly testFile: string;
  /** Undefined: the library as it is. */
  readonly bug: PlantedBug | undefined;
  /** Whether the test that has noticed the bug is run without it, too. */
  readonly isCompared: boolean;
  /** What went wrong; undefined if all is as it should be. */
  failure: string | undefined;
}

/**
 * Copies that no trial uses now: one takes a second to make, and the files of a process share them.
 */
const unused: PlantedCopy[] = [];
process.once("exit", () => unused.forEach((copy) => copy.remove()));

async function tryInTurn(queue: Trial[]): Promise<void> {
  const copy = unused.pop() ?? new PlantedCopy();
  try {
    for (let trial = queue.shift(); trial !== undefined; trial = queue.shift()) {
      trial.failure = await run(copy, trial);
    }
  } finally {
    unused.push(copy);
  }
}

/**
 * Runs a test file with a bug until it fails, a few times at most: with real threads, and with
 * accesses that are not the same ones each time, a test that notices a bug need not do so at the
 * first try.
 */
async function runUntilNoticed(
  copy: PlantedCopy,
  testFile: string,
  bug: PlantedBug,
): Promise<CopyRun> {
  let result = await copy.run(testFile, bug, TIMEOUT_MS);
  const closer = FAILOVERS.test(testFile) ? { ...bug, failoverStride: 1 } : bug;
  const timeoutMs = FAILOVERS.test(testFile) ? UNCHANGED_TIMEOUT_MS : TIMEOUT_MS;
  for (let i = 1; i < TRIES_MAX && hasPassed(result); i++) {
    console.error(`${testFile} did not notice at try ${i} that ${bug.name}`);
    result = await copy.run(testFile, closer, timeoutMs);
  }
  return result;
}

function hasPassed({ exitCode, timedOut }: CopyRun): boolean {
  return exitCode === 0 && !timedOut;
}

async function run(
  copy: PlantedCopy,
  { testFile, bug, isCompared }: Trial,
): Promise<string | undefined> {
  try {
    if (bug === undefined) {
      const unchanged = await copy.run(testFile, undefined, UNCHANGED_TIMEOUT_MS);
      return hasPassed(unchanged) ? undefined : `${testFile} fails by itself:\n${unchanged.output}`;
    }
    const changed = await runUntilNoticed(copy, testFile, bug);
    if (hasPassed(changed)) return `${testFile} does not notice it`;
    const { timedOut, output, lastTest } = changed;
    // A file that does not even start proves nothing, nor does a replacement that names something
    // that is gone.
    const hasRun = timedOut || (SUMMARY.test(output) && !NAME_IS_GONE.test(output));
    if (!hasRun) return `${testFile} did not run:\n${output}`;
    // Nor does a test that would hang anyhow.
    const mustCompare = isCompared || timedOut;
    return mustCompare ? await runWithout(copy, testFile, bug, lastTest ?? "") : undefined;
  } catch (error) {
    return String(error);
  }
}

/** Runs the test that has noticed a bug without it. */
async function runWithout(
  copy: PlantedCopy,
  testFile: string,
  bug: PlantedBug,
  inTest: string,
): Promise<string | undefined> {
  const unchanged = await copy.run(testFile, { ...bug, edits: [], inTest }, UNCHANGED_TIMEOUT_MS);
  if (hasPassed(unchanged)) return undefined;
  return `"${inTest}" of ${testFile} fails without the bug, too:\n${unchanged.output}`;
}

/** Defines and runs the tests of bugs that are tried on one runtime. */
export function definePlantedTests(bugs: readonly PlantedBug[], runtime: Runtime): void {
  const tried = THIS_RUNTIME === runtime ? bugs.filter((_, i) => isTried(i)) : [];
  if (tried.length > 0) defineTrials(tried);
  bugs.filter((bug) => !tried.includes(bug)).forEach(definePlanting);
  test.run();
}

/** Whether it is the turn of a bug in this run. */
function isTried(index: number): boolean {
  return SHARE_COUNT === 1 || (index + SEED) % PARTS === 0;
}

function definePlanting(bug: PlantedBug): void {
  test(`it can be planted that ${bug.name}`, () => {
    const source = readFileSync(join(PROJECT_ROOT, bug.file), "utf8");
    assert.is.not(plant(source, bug), source);
  });
}

/**
 * Defines a test for each bug and test file; in a campaign also one for each test file in an
 * unchanged copy, and otherwise some tests are tried with their bugs and without.
 */
function defineTrials(bugs: readonly PlantedBug[]): void {
  const isCampaign = SHARE_COUNT === 1;
  const changed = bugs.flatMap((bug) => bug.caughtBy.map((testFile) => ({ testFile, bug })));
  const testFiles = [...new Set(changed.map(({ testFile }) => testFile))].sort();
  const unchanged = isCampaign ? testFiles : [];
  const trials: readonly Trial[] = [
    ...unchanged.map((testFile) => ({ testFile, bug: undefined, isCompared: false })),
    ...changed.map((trial, i) => ({
      ...trial,
      // By the number of the bugs of this file, too: not in all files at once.
      isCompared: !isCampaign && (i + bugs.length + SEED) % COMPARED_PARTS === 0,
    })),
  ].map((trial) => ({ ...trial, failure: "was not tried" }));
  test.before(async () => {
    const queue = [...trials];
    const copyCount = Math.min(COPY_COUNT, queue.length);
    await Promise.all(Array.from({ length: copyCount }, () => tryInTurn(queue)));
  });
  for (const trial of trials) {
    const { testFile, bug, isCompared } = trial;
    const name = bug === undefined
      ? `${testFile} passes in a copy`
      : `${testFile} notices that ${bug.name} (${bug.breaks})${
        isCompared ? ", and only then" : ""
      }`;
    test(name, () => assert.is(trial.failure, undefined));
  }
}
