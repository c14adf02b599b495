/**
 * The hot-key sketch against exact counts: its bounds, alone and merged, with whatever is offered.
 *
 * @module
 */
import { test } from "uvu";
import * as assert from "uvu/assert";
import { HOT_KEY_COUNT } from "../../lib/core/limits.ts";
import { KeyEncoder } from "../../lib/core/key_encoder.ts";
import {
  copySketch,
  HotKeySketch,
  type KeyCount,
  type KeyCounts,
  mergeSketches,
} from "../../lib/statistics/hot_key_sketch.ts";
import {
  CLIENT_REQUESTED_KEYS,
  clientOffset,
  SKETCH_SEQUENCE,
  STATISTICS_WINDOW,
  statisticsWords,
} from "../../lib/statistics/statistics_layout.ts";
import { type Random, seeded } from "../support/random.ts";

const AT = clientOffset(0) + CLIENT_REQUESTED_KEYS;
const key = new KeyEncoder(1, 2);
const textDecoder = new TextDecoder();

function makeWords(): Int32Array {
  return new Int32Array(new SharedArrayBuffer(statisticsWords(1) * 4));
}

function nameOf({ bytes }: KeyCount): string {
  return textDecoder.decode(bytes);
}

/** A sketch, and what it should know. */
class Counted {
  readonly words = makeWords();
  readonly sketch = new HotKeySketch(this.words, AT);
  readonly exact = new Map<string, number>();
  total = 0;

  offer(name: string, weight = 1): number {
    key.encode(name);
    this.exact.set(name, (this.exact.get(name) ?? 0) + weight);
    this.total += weight;
    return this.sketch.offer(key, weight);
  }

  copy(): KeyCounts {
    return copySketch(this.words, AT, 0)!;
  }
}

/** Offers keys whose frequency falls with their number, now and then with a weight. */
function offerMany(counted: Counted, random: Random, keyCount: number, operations: number): void {
  for (let i = 0; i < operations; i++) {
    const name = `key ${Math.floor(keyCount * random.next() ** 3)}`;
    counted.offer(name, 2 ** random.below(4));
  }
}

/** The bounds that Space-Saving promises. */
function checkBounds(counts: KeyCounts, exact: ReadonlyMap<string, number>, total: number): void {
  assert.is(counts.total, total);
  assert.ok(counts.counts.length <= HOT_KEY_COUNT);
  const bound = total / HOT_KEY_COUNT;
  for (const counted of counts.counts) {
    const name = nameOf(counted);
    const truth = exact.get(name) ?? 0;
    assert.ok(counted.count >= truth, `${name}: ${counted.count} is not below ${truth}`);
    assert.ok(counted.count - counted.error <= truth, `${name}: ${truth} is within its error`);
    assert.ok(counted.error <= bound, `${name}: an error of ${counted.error}, at most ${bound}`);
  }
  const names = new Set(counts.counts.map(nameOf));
  assert.is(names.size, counts.counts.length, "no key twice");
  for (const [name, truth] of exact) {
    if (truth > bound) assert.ok(names.has(name), `${name} with ${truth} of ${total} is known`);
  }
  const sorted = counts.counts.map(({ count }) => count);
  assert.equal(sorted, [...sorted].sort((a, b) => b - a), "the largest first");
}

test("few keys are counted exactly", () => {
  const counted = new Counted();
  for (let i = 0; i < HOT_KEY_COUNT; i++) for (let j = 0; j <= i; j++) counted.offer(`key ${i}`);
  for (const count of counted.copy().counts) {
    assert.is(count.count, counted.exact.get(nameOf(count)));
    assert.is(count.error, 0);
  }
});

test(
  "the bounds hold for one sketch",
  seeded((random) => {
    for (const keyCount of [1, 63, 64, 65, 200, 5000]) {
      const counted = new Counted();
      offerMany(counted, random, keyCount, 4000);
      checkBounds(counted.copy(), counted.exact, counted.total);
    }
  }),
);

test("a heavy key that comes late is found, and stays", () => {
  const counted = new Counted();
  for (let i = 0; i < 1000; i++) counted.offer(`key ${i}`);
  for (let i = 0; i < 300; i++) {
    counted.offer("heavy");
    counted.offer(`other ${i}`);
  }
  assert.is(nameOf(counted.copy().counts[0]!), "heavy");
  checkBounds(counted.copy(), counted.exact, counted.total);
});

test(
  "the bounds hold for several sketches together",
  seeded((random) => {
    for (const sketchCount of [0, 1, 2, 5]) {
      for (const keyCount of [10, 100, 3000]) {
        const all = Array.from({ length: sketchCount }, () => new Counted());
        const exact = new Map<string, number>();
        for (const counted of all) {
          offerMany(counted, random, keyCount, random.below(4000));
          for (const [name, count] of counted.exact) {
            exact.set(name, (exact.get(name) ?? 0) + count);
          }
        }
        const total = all.reduce((sum, counted) => sum + counted.total, 0);
        checkBounds(mergeSketches(all.map((counted) => counted.copy())), exact, total);
      }
    }
  }),
);

test("keys with the same hash are different keys, and so are a string and its bytes", () => {
  const counted = new Counted();
  const same = new KeyEncoder(1, 2);
  for (const name of ["one", "two", new TextEncoder().encode("one")]) {
    same.encode(name);
    same.hash = 5;
    counted.sketch.offer(same, 1);
  }
  assert.is(counted.copy().counts.length, 3);
});

test("a long key is named by its first bytes, and its length", () => {
  const counted = new Counted();
  const long = "x".repeat(1000);
  for (const name of [`${long}a`, `${long}b`, long, long]) counted.offer(name);
  const counts = counted.copy().counts;
  assert.equal(counts.map(({ keyBytes, count }) => [keyBytes, count]), [
    [1000, 2],
    [1001, 1],
    [1001, 1],
  ]);
  for (const { bytes } of counts) assert.is(bytes.length, 128);
});

test("latencies belong to the key, not to the entry", () => {
  const counted = new Counted();
  const entry = counted.offer("timed");
  const { hash } = key;
  counted.sketch.addLatency(entry, hash, 100);
  counted.sketch.addLatency(entry, hash, 300);
  assert.equal(
    counted.copy().counts.map(({ timedCount, nanos }) => [timedCount, nanos]),
    [[2, 400]],
  );
  for (let i = 0; i < 2 * HOT_KEY_COUNT; i++) counted.offer(`key ${i}`, 5);
  counted.sketch.addLatency(entry, hash, 1000);
  for (const { timedCount, nanos } of counted.copy().counts) {
    assert.equal([timedCount, nanos], [0, 0], "its entry is another key's by now");
  }
});

test("writes belong to the key, not to the entry, and are added up over clients", () => {
  const counted = new Counted();
  key.encode("written");
  counted.sketch.offer(key, 8, 8);
  counted.sketch.offer(key, 8);
  const copy = counted.copy();
  assert.equal(copy.counts.map(({ count, writes }) => [count, writes]), [[16, 8]]);
  const [merged] = mergeSketches([copy, copy]).counts;
  assert.equal([merged!.count, merged!.writes], [32, 16]);
  for (let i = 0; i < 2 * HOT_KEY_COUNT; i++) counted.offer(`key ${i}`, 20);
  for (const { writes } of counted.copy().counts) {
    assert.is(writes, 0, "it is another key's by now");
  }
});

test("each window begins anew, and an older one is not copied", () => {
  const counted = new Counted();
  counted.offer("old", 100);
  counted.words[STATISTICS_WINDOW] = 1;
  assert.is(copySketch(counted.words, AT, 1), undefined, "nothing was offered in it");
  counted.offer("new");
  assert.is(copySketch(counted.words, AT, 0), undefined);
  const { total, counts } = copySketch(counted.words, AT, 1)!;
  assert.equal([total, counts.map(nameOf)], [1, ["new"]]);
});

test("a sketch that is being changed is not copied, and the place's next client puts it in order", () => {
  const counted = new Counted();
  counted.offer("a");
  // Its thread has died within a change.
  counted.words[AT + SKETCH_SEQUENCE] += 1;
  assert.is(copySketch(counted.words, AT, 0), undefined);
  const next = new HotKeySketch(counted.words, AT);
  assert.equal(copySketch(counted.words, AT, 0), { total: 0, counts: [] });
  key.encode("b");
  next.offer(key, 1);
  assert.equal(copySketch(counted.words, AT, 0)!.counts.map(nameOf), ["b"]);
});

test.run();
