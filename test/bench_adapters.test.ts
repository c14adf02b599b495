/**
 * The benchmark of the adapters runs, at a small size. No test looks at how large a figure is: that
 * depends on the machine.
 *
 * @module
 */
import { test } from "uvu";
import * as assert from "uvu/assert";
import { formatAdapters, measureAdapters } from "../bench/adapters/adapters.ts";
import { LeastPuts } from "../bench/adapters/least_put.ts";
import { SUBJECTS } from "../bench/adapters/subjects.ts";

test("sets and gets of Keyv are timed, each in a process of its own", () => {
  const names = ["5, Map", "6, Map", "6 alone, Dinomo, plain"];
  const rounds = { keyCount: 20, warmUpCount: 1, roundCount: 2 };
  const figures = measureAdapters({ names, ...rounds, repetitionCount: 2 });
  assert.equal([...figures.keys()], names);
  for (const [name, { setMicros, setRatio, getMicros, getRatio }] of figures) {
    assert.ok(setMicros > 0 && getMicros > 0, name);
    const isMap = name.endsWith("Map");
    assert.is(setRatio === 1 && getRatio === 1, isMap, `${name}: ${setRatio}, ${getRatio}`);
  }
  assert.is(formatAdapters(figures).split("\n").length, names.length + 1);
});

test("each of what is measured stores what it is given, or the least of it", async () => {
  for (const [name, make] of SUBJECTS) {
    const keyv = make({ capacity: "1MiB" });
    for (let i = 0; i < 3; i++) assert.is(await keyv.set("key", { i }), true, name);
    if (!name.includes("least")) assert.equal(await keyv.get("key"), { i: 2 }, name);
    await keyv.disconnect();
  }
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
