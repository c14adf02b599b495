/**
 * Buckets of latencies: every latency has one, they are as narrow as they are said to be, and
 * figures come out right.
 *
 * @module
 */
import { test } from "uvu";
import * as assert from "uvu/assert";
import { bucketNanos, bucketOf, LatencyHistogram } from "../../lib/statistics/latency_histogram.ts";
import { BUCKET_COUNT } from "../../lib/statistics/statistics_layout.ts";
import { seeded } from "../support/random.ts";

const NANOS_MAX = 2 ** 32 - 1;

test("buckets are in order, without a gap, from 0 to the longest latency", () => {
  assert.is(bucketOf(0), 0);
  assert.is(bucketOf(NANOS_MAX), BUCKET_COUNT - 1);
  // Around every power of two, where the width changes.
  for (let exponent = 1; exponent < 32; exponent++) {
    const first = bucketOf(2 ** exponent);
    assert.is(bucketOf(2 ** exponent - 1), first - 1, `2^${exponent}`);
  }
  for (let bucket = 0; bucket < BUCKET_COUNT; bucket++) {
    assert.is(bucketOf(Math.floor(bucketNanos(bucket))), bucket);
  }
});

test("latencies that are no latencies have a bucket, too", () => {
  assert.is(bucketOf(-5), 0);
  assert.is(bucketOf(1e15), BUCKET_COUNT - 1);
  assert.is(bucketOf(Infinity), BUCKET_COUNT - 1);
});

test(
  "the middle of its bucket is within 1/64 of a latency",
  seeded((random) => {
    for (let i = 0; i < 10_000; i++) {
      const nanos = Math.floor(2 ** (random.next() * 32));
      const error = Math.abs(bucketNanos(bucketOf(nanos)) - nanos);
      assert.ok(error <= nanos / 64, `${nanos} ns is off by ${error}`);
    }
  }),
);

test(
  "mean and quantiles are those of the sorted latencies, but for the width of buckets",
  seeded((random) => {
    for (const count of [1, 2, 99, 100, 101, 5000]) {
      const histogram = new LatencyHistogram();
      const latencies = Array.from({ length: count }, () => Math.floor(10 ** (9 * random.next())));
      for (const nanos of latencies) histogram.add(bucketOf(nanos), 1);
      latencies.sort((a, b) => a - b);
      assert.is(histogram.total, count);
      const mean = latencies.reduce((sum, nanos) => sum + nanos, 0) / count;
      assert.ok(Math.abs(histogram.mean()! - mean) <= mean / 64, "mean");
      for (const share of [0, 0.5, 0.99, 1]) {
        const exact = latencies[Math.max(1, Math.ceil(share * count)) - 1]!;
        const error = Math.abs(histogram.quantile(share)! - exact);
        assert.ok(error <= exact / 64, `${share} of ${count}: off by ${error} of ${exact}`);
      }
    }
  }),
);

test("weights count", () => {
  const histogram = new LatencyHistogram();
  histogram.add(bucketOf(10), 98);
  histogram.add(bucketOf(20), 2);
  assert.is(histogram.total, 100);
  assert.is(histogram.mean(), 10.2);
  assert.equal([0.5, 0.98, 0.99].map((share) => histogram.quantile(share)), [10, 10, 20]);
});

test("an empty histogram says nothing", () => {
  const histogram = new LatencyHistogram();
  assert.equal([histogram.mean(), histogram.quantile(0.99), histogram.total], [
    undefined,
    undefined,
    0,
  ]);
});

test.run();
