/**
 * What the benchmarks measure with: keys and values, YCSB's distributions, medians and quantiles.
 *
 * @module
 */
import { Packr } from "msgpackr";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { LatencyRecorder } from "../bench/measure/latency_recorder.ts";
import { median, quantileOfSorted } from "../bench/measure/statistics.ts";
import { KeyChooser } from "../bench/workloads/key_chooser.ts";
import { createRandom, randomBelow } from "../bench/workloads/random.ts";
import {
  makeKey,
  makeValues,
  VALUE_BYTES_LARGE,
  VALUE_BYTES_SMALL,
} from "../bench/workloads/records.ts";
import { createScrambledZipfian, createZipfian, fnv64Modulo } from "../bench/workloads/zipfian.ts";

const SEED = 7;

test("keys have 16 bytes and differ", () => {
  const keys = new Set<string>();
  for (let index = 0; index < 100_000; index++) keys.add(makeKey(index));
  assert.is(keys.size, 100_000);
  for (const key of keys) assert.match(key, /^user\d{12}$/);
  assert.throws(() => makeKey(1e9), /key index: must be below/);
});

test("values have the wanted size in msgpack", () => {
  const packr = new Packr({ useRecords: false });
  for (const valueBytes of [VALUE_BYTES_SMALL, VALUE_BYTES_LARGE]) {
    for (const value of makeValues(SEED, valueBytes)) {
      assert.ok(Math.abs(packr.pack(value).length - valueBytes) <= 1);
    }
  }
});

test("the same seed gives the same numbers, another seed others", () => {
  const first = createRandom(SEED);
  const same = createRandom(SEED);
  const other = createRandom(SEED + 1);
  const draw = (random: () => number) =>
    Array.from({ length: 100 }, () => randomBelow(random, 1e9));
  const numbers = draw(first);
  assert.equal(draw(same), numbers);
  assert.not.equal(draw(other), numbers);
});

test("the hash that scatters popular items is YCSB's", () => {
  const random = createRandom(SEED);
  for (let i = 0; i < 2000; i++) {
    const value = randomBelow(random, 1e10);
    const modulus = 1 + randomBelow(random, 5e6);
    assert.is(fnv64Modulo(value, modulus), Number(fnv64AsYcsb(value) % BigInt(modulus)));
  }
});

test("a Zipfian draw favours low ranks as much as its constant says", () => {
  const itemCount = 1000;
  const drawCount = 200_000;
  const rank = createZipfian(createRandom(SEED), itemCount);
  const counts = new Array<number>(itemCount).fill(0);
  for (let i = 0; i < drawCount; i++) counts[rank()]++;
  let zeta = 0;
  for (let i = 1; i <= itemCount; i++) zeta += 1 / i ** 0.99;
  // Ranks 0 and 1 are exact in the algorithm; further ones are an approximation.
  assert.ok(Math.abs(counts[0] / drawCount - 1 / zeta) < 0.01);
  assert.ok(Math.abs(counts[1] / drawCount - 1 / zeta / 2 ** 0.99) < 0.01);
  assert.ok(counts[500] < counts[5]);
});

test("a scrambled draw stays within the items and reaches nearly all", () => {
  const itemCount = 1000;
  const draw = createScrambledZipfian(createRandom(SEED), itemCount);
  const seen = new Set<number>();
  for (let i = 0; i < 100_000; i++) seen.add(draw());
  assert.ok(seen.size > 0.9 * itemCount);
  assert.ok(Math.max(...seen) < itemCount && Math.min(...seen) >= 0);
});

test("reads choose only records whose inserts, and all before them, are acknowledged", () => {
  const keyCount = 10;
  const chooser = new KeyChooser(createRandom(SEED), keyCount, keyCount + 3);
  const [first, second, third] = [
    chooser.issueInsert(),
    chooser.issueInsert(),
    chooser.issueInsert(),
  ];
  assert.equal([first, second, third], [10, 11, 12]);
  const newestRead = () => {
    const read = new Set(Array.from({ length: 1000 }, () => chooser.latestKey()));
    return [12, 11, 10, 9].find((index) => read.has(makeKey(index)));
  };
  chooser.acknowledgeInsert(second);
  assert.is(newestRead(), 9);
  chooser.acknowledgeInsert(first);
  assert.is(newestRead(), 11);
  assert.is(chooser.issueInsert(), third, "a full store gets its newest record again");
  chooser.acknowledgeInsert(third);
  assert.is(newestRead(), 12);
});

test("medians and nearest-rank quantiles", () => {
  assert.is(median([5, 1, 3]), 3);
  assert.is(median([4, 1, 3, 2]), 2.5);
  assert.throws(() => median([]), /at least one figure/);
  const sorted = Float64Array.from({ length: 100 }, (_, i) => i + 1);
  assert.is(quantileOfSorted(sorted, 0.5), 50);
  assert.is(quantileOfSorted(sorted, 0.99), 99);
  assert.is(quantileOfSorted(sorted.subarray(0, 1), 0.99), 1);
});

test("latencies are reported in microseconds, and forgotten on reset", () => {
  const recorder = new LatencyRecorder();
  recorder.record(1000);
  recorder.reset();
  for (let i = 1; i <= 100; i++) recorder.record(i / 1000);
  assert.equal(recorder.figures(), { p50Us: 50, p99Us: 99 });
});

test.run();

/** `Math.abs` of the signed 64-bit hash in YCSB's Utils.fnvhash64. */
function fnv64AsYcsb(value: number): bigint {
  let hash = 0xcbf29ce484222325n;
  let rest = BigInt(value);
  for (let octet = 0; octet < 8; octet++) {
    hash = BigInt.asUintN(64, (hash ^ (rest & 255n)) * 1099511628211n);
    rest >>= 8n;
  }
  const signed = BigInt.asIntN(64, hash);
  return signed < 0n ? -signed : signed;
}
