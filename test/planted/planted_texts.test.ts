/**
 * Every planted bug is one that runs: the text that it makes of a file can be parsed, and uses no
 * name that is gone; and the tests are there that are to notice it. Most of them are planted and
 * tried in few runs only, see planted_trials.ts.
 *
 * @module
 */
import { spawnSync } from "node:child_process";
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { findRuntime, PROJECT_ROOT } from "../../scripts/runtimes.ts";
import type { PlantedBug } from "../support/planted_bug.ts";
import { plant, PlantedCopy } from "../support/planted_copy.ts";
import { temporaryPath } from "../support/temporary.ts";

const SUPPORT = "test/support";
const LISTS = readdirSync(join(PROJECT_ROOT, SUPPORT)).filter((file) =>
  /^planted_.*_bugs\.ts$/.test(file)
);

/** The planted bugs of all lists. */
async function plantedBugs(): Promise<PlantedBug[]> {
  const suffix = import.meta.url.endsWith(".ts") ? ".ts" : ".js";
  const modules = await Promise.all(
    LISTS.map((file) =>
      import(new URL(`../support/${file.replace(/\.ts$/, suffix)}`, import.meta.url).href)
    ),
  ) as Record<string, unknown>[];
  return modules.flatMap((exported) => Object.values(exported).filter(Array.isArray)).flat();
}

/** What is wrong with the files of a folder; an empty text if nothing is. */
function findFaults(folder: string): string {
  const args = ["lint", "--rules-tags=", "--rules-include=no-undef", folder];
  const env = { ...process.env, NO_COLOR: "1", DENO_NO_UPDATE_CHECK: "1" };
  const options = { encoding: "utf8", env, maxBuffer: 1 << 24 } as const;
  const { status, stdout, stderr } = spawnSync(findRuntime("deno"), args, options);
  return status === 0 ? "" : stdout + stderr;
}

/** Writes the texts that bugs make of their files to a new folder, each below the bug's name. */
function writePlanted(bugs: readonly PlantedBug[]): string {
  const folder = temporaryPath("planted");
  mkdirSync(folder);
  for (const [i, bug] of bugs.entries()) {
    const text = plant(readFileSync(join(PROJECT_ROOT, bug.file), "utf8"), bug);
    writeFileSync(join(folder, `${i} ${bug.name.replaceAll(/\W+/g, " ")}.ts`), text);
  }
  return folder;
}

test("a planted bug can be parsed, and uses names that there are", async () => {
  const bugs = await plantedBugs();
  assert.ok(bugs.length > 600, `${bugs.length} bugs`);
  assert.is(findFaults(writePlanted(bugs)), "");
});

test("a planted bug that uses a name that is gone is found, and one that is no program", () => {
  const bug = { breaks: "", file: "mod.ts", caughtBy: [] };
  const from = 'from "./lib/store/open.ts"';
  const edits = [
    { name: "one uses a name", find: from, replace: `${from}; isGone(1)`, fault: /isGone/ },
    { name: "one is no program", find: from, replace: `${from} ((`, fault: /one is no program/ },
  ];
  for (const { name, find, replace, fault } of edits) {
    const folder = writePlanted([{ ...bug, name, edits: [[find, replace]] }]);
    assert.match(findFaults(folder), fault);
  }
});

/** Whose tests are listed, and what is run with a name that none of them has. */
const EXPLORED = "test/gateway/takeover_explored.test.ts";
/** Time for a file that runs no test. */
const TIMEOUT_MS = 100_000;

const copy = new PlantedCopy();
test.after(() => copy.remove());

/** The tests that planted bugs name, and that their files do not have. */
function findMissing(
  bugs: readonly Pick<PlantedBug, "caughtBy" | "inTest">[],
  names: Readonly<Record<string, readonly string[]>>,
): string[] {
  const missing = bugs.flatMap(({ caughtBy, inTest = "" }) =>
    caughtBy.filter((file) => !names[file]!.some((name) => name.includes(inTest)))
      .map((file) => `${file}: ${inTest}`)
  );
  return [...new Set(missing)];
}

test("each planted bug has a test that is to notice it, by the name that its list says", async () => {
  const bugs = await plantedBugs();
  const names = await copy.namesOf([...new Set(bugs.flatMap(({ caughtBy }) => caughtBy))]);
  assert.equal(findMissing(bugs, names), []);
  // What has another name by now is found.
  const renamed = ["each request is applied once, in random", "each once"];
  const named = renamed.map((inTest) => ({ caughtBy: [EXPLORED], inTest }));
  assert.equal(findMissing(named, names), [`${EXPLORED}: each once`]);
});

test("a planted bug for which no test is run has not been tried, and that is an error", async () => {
  const bug = { name: "none", breaks: "", file: "mod.ts", edits: [], caughtBy: [EXPLORED] };
  try {
    await copy.run(EXPLORED, { ...bug, inTest: "each once" }, TIMEOUT_MS);
    assert.unreachable();
  } catch (error) {
    assert.match(String(error), /no test of .* has "each once" in its name/);
  }
});

test.run();
