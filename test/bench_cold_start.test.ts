/**
 * The benchmark of cold starts runs, at a small size. No test looks at how large a figure is: that
 * depends on the machine.
 *
 * @module
 */
import { test } from "uvu";
import * as assert from "uvu/assert";
import { formatColdStarts, measureColdStarts } from "../bench/cold_start/cold_start.ts";
import { THIS_RUNTIME } from "../scripts/runtimes.ts";

test("the import, the first put and the whole process are timed, beside LMDB's", () => {
  const figures = measureColdStarts({ runtimes: [THIS_RUNTIME], sampleCount: 1 });
  const programs = ["Dinomo", "Dinomo, path", "Dinomo, again", "LMDB"];
  assert.equal(figures.map(({ program }) => program), programs);
  for (const { program, importMs, firstPutMs } of figures) {
    assert.ok(importMs > 0 && firstPutMs > 0, program);
  }
  assert.is(formatColdStarts(figures).split("\n").length, 6);
});

test.run();
