/**
 * The benchmark of the adapters runs, at a small size. No test looks at how large a figure is: that depends on the machine.
 *
 * @module
 */
import { test } from "uvu";
import * as assert from "uvu/assert";
import { formatAdapters, measureAdapters } from "../bench/adapters/adapters.ts";
import { LeastPuts } from "../bench/adapters/least_put.ts";

test("sets and gets of Keyv are timed, on Dinomo and on a Map", async () => {
  const figures = await measureAdapters({ keyCount: 20, roundCount: 2 });
  assert.is(figures.size, 13);
  assert.ok(figures.has("6, Dinomo, plain"));
  for (const [name, { setMicros, getMicros }] of figures) {
    assert.ok(setMicros > 0 && getMicros > 0, name);
  }
  assert.is(formatAdapters(figures).split("\n").length, 15);
});

test("the least that a set does stores what it is given", async () => {
  const puts = new LeastPuts();
  for (let round = 0; round < 3; round++) {
    for (let i = 0; i < 300; i++) await puts.set(`key:${i}`, `"${"é".repeat(i % 50)}${i + round}"`);
  }
  for (let i = 0; i < 300; i++) {
    assert.is(puts.textOf(`key:${i}`), `"${"é".repeat(i % 50)}${i + 2}"`);
  }
  assert.is(puts.textOf("another"), undefined);
});

test.run();
