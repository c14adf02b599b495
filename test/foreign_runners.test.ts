/**
 * A suite that uses a store passes in other test runners, and they find nothing that it leaves
 * behind: those of the runtimes here, others in `npm run runners`.
 *
 * @module
 */
import { join } from "node:path";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { FOREIGN_RUNNERS, SUITE, tryForeignRunner } from "../scripts/foreign_runners.ts";
import { PROJECT_ROOT } from "../scripts/runtimes.ts";

const MODULES = join(PROJECT_ROOT, "node_modules");
const INSTALLED = FOREIGN_RUNNERS.filter(({ packages }) => packages.length === 0);
/** A test that passes, and leaves a timer. */
const LEAKING_SUITE = `${SUITE}
test("a leak", () => void setTimeout(() => {}, 500));`;

for (const runner of INSTALLED) {
  test(`${runner.name} runs a suite`, () => {
    assert.is(tryForeignRunner(runner, MODULES), undefined);
  });
}

for (const runner of INSTALLED.filter(({ name }) => name !== "bun test")) {
  test(`${runner.name} would say what is left behind`, () => {
    assert.match(tryForeignRunner(runner, MODULES, LEAKING_SUITE) ?? "", /Timeout|timer/);
  });
}

test("each runtime's runner is tried", () => {
  assert.equal(INSTALLED.map(({ runtime }) => runtime).sort(), ["bun", "deno", "node"]);
});

test.run();
