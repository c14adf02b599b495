/**
 * Which operations are measured: all of a few, a bounded number of many, and without favour.
 *
 * @module
 */
import { test } from "uvu";
import * as assert from "uvu/assert";
import { STATISTICS_WINDOW } from "../../lib/statistics/statistics_layout.ts";
import { SAMPLES_PER_STRIDE, StrideSampler } from "../../lib/statistics/stride_sampler.ts";
import { SEED } from "../support/random.ts";

/** What a sampler takes of so many operations. */
function take(sampler: StrideSampler, operations: number): { samples: number; weight: number } {
  let samples = 0;
  let weight = 0;
  for (let i = 0; i < operations; i++) {
    const next = sampler.next();
    if (next > 0) samples += 1;
    weight += next;
  }
  return { samples, weight };
}

test("the first operations of a window are all measured", () => {
  const sampler = new StrideSampler(new Int32Array(8), SEED);
  assert.equal(take(sampler, SAMPLES_PER_STRIDE), {
    samples: SAMPLES_PER_STRIDE,
    weight: SAMPLES_PER_STRIDE,
  });
});

test("of many operations a bounded number is measured, and they stand for all", () => {
  for (let seed = SEED; seed < SEED + 5; seed++) {
    const sampler = new StrideSampler(new Int32Array(8), seed);
    const { samples, weight } = take(sampler, 1_000_000);
    const strides = Math.log2(1_000_000 / SAMPLES_PER_STRIDE);
    assert.ok(samples <= SAMPLES_PER_STRIDE * (strides + 1), `${samples} samples, seed ${seed}`);
    // The gaps of the last stride are a few thousand operations, and about 500 of them were drawn.
    assert.ok(weight > 900_000 && weight < 1_100_000, `weight ${weight}, seed ${seed}`);
  }
});

test("a window begins with the stride that would have suited the one before", () => {
  const words = new Int32Array(8);
  const sampler = new StrideSampler(words, SEED);
  take(sampler, 1_000_000);
  words[STATISTICS_WINDOW] += 1;
  const { samples, weight } = take(sampler, 1_000_000);
  assert.ok(samples <= 3 * SAMPLES_PER_STRIDE, `${samples} samples, seed ${SEED}`);
  assert.ok(samples >= SAMPLES_PER_STRIDE / 2, `${samples} samples, seed ${SEED}`);
  assert.ok(weight > 800_000 && weight < 1_200_000, `weight ${weight}, seed ${SEED}`);
});

test("a load that has fallen is measured at once, whatever the gap was", () => {
  const words = new Int32Array(8);
  const sampler = new StrideSampler(words, SEED);
  take(sampler, 1_000_000);
  words[STATISTICS_WINDOW] += 2;
  assert.equal(take(sampler, 10), { samples: 10, weight: 10 }, "a window has passed without any");
});

test("a program that goes round its keys has all of them measured", () => {
  for (const keys of [2, 8, 64]) {
    const sampler = new StrideSampler(new Int32Array(8), SEED);
    take(sampler, 100_000);
    const seen = new Set<number>();
    for (let i = 0; i < 1_000_000; i++) if (sampler.next() > 0) seen.add(i % keys);
    assert.is(seen.size, keys, `seed ${SEED}`);
  }
});

test("a longest stride is kept", () => {
  const sampler = new StrideSampler(new Int32Array(8), SEED, 4);
  const { samples } = take(sampler, 100_000);
  assert.ok(samples > 100_000 / 8, `${samples} samples, seed ${SEED}`);
});

test.run();
