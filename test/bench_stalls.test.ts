/**
 * The benchmark of the event loop's turns: it measures every operation, and the gaps are those of
 * its run.
 *
 * @module
 */
import { test } from "uvu";
import * as assert from "uvu/assert";
import { measureStalls } from "../bench/stalls.ts";

test("every operation has its gaps", async () => {
  const stalls = await measureStalls(1000, { capacity: "16MiB" });
  assert.is(new Set(stalls.map(({ name }) => name)).size, stalls.length);
  for (const name of ["putMany", "getMany", "entries", "clear"]) {
    assert.ok(stalls.some((stall) => stall.name === name), name);
  }
  for (const { name, timersMs, ioMs, runMs } of stalls) {
    assert.ok(timersMs > 0 && ioMs > 0, name);
    assert.ok(runMs === undefined || runMs > 0, name);
  }
});

test.run();
