/**
 * The benchmark of the adapters runs, at a small size. No test looks at how large a figure is: that depends on the machine.
 *
 * @module
 */
import { test } from "uvu";
import * as assert from "uvu/assert";
import { formatAdapters, measureAdapters } from "../bench/adapters/adapters.ts";

test("sets and gets of Keyv are timed, on Dinomo and on a Map", async () => {
  const figures = await measureAdapters({ keyCount: 20, roundCount: 2 });
  assert.is(figures.size, 10);
  assert.ok(figures.has("6, Dinomo, plain"));
  for (const [name, { setMicros, getMicros }] of figures) {
    assert.ok(setMicros > 0 && getMicros > 0, name);
  }
  assert.is(formatAdapters(figures).split("\n").length, 12);
});

test.run();
