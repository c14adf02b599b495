/**
 * The iterators of the near placement by themselves: what they do when they are asked for several
 * steps at one time, have to wait, fail, or are left.
 *
 * @module
 */
import { setTimeout } from "node:timers/promises";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { KeyEncoder } from "../../lib/core/key_encoder.ts";
import type { KeyRange } from "../../lib/store/arguments/key_range.ts";
import type { KeyWalk } from "../../lib/store/reads/key_walk.ts";
import { Scan, type ScanParts, type ScanPlan, SyncScan } from "../../lib/store/reads/near_scan.ts";

const NONE = new Uint8Array(0);
const DONE = { done: true, value: undefined };

/** A way through some keys, and what becomes of it. */
class World {
  endCount = 0;
  stepCount = 0;
  /** Keys that have to be waited for. */
  readonly pending = new Set<string>();
  readonly #keys: readonly string[];
  readonly #key = new KeyEncoder(1, 2);
  #at = -1;

  constructor(...keys: string[]) {
    this.#keys = keys;
  }

  get parts(): ScanParts {
    return {
      key: this.#key,
      assertOpen: () => {},
      begin: () => Promise.resolve(this.#walk),
      beginSync: () => this.#walk,
      isBusy: () => false,
      mustWait: () => this.pending.has(this.#keys[this.#at]!),
      whenReadable: async () => void await setTimeout(2),
      encodeSettled: (key) => void this.#key.encode(key),
    };
  }

  plan(limit: number, make: (key: string) => string | undefined = (key) => key): ScanPlan<string> {
    const range: KeyRange = { prefix: NONE, from: NONE, to: undefined, isReverse: false, limit };
    return { range: () => range, make: (key) => make(key as string) };
  }

  get #walk(): KeyWalk {
    return {
      isAtKey: true,
      stepBytes: 0,
      place: undefined,
      cursor: undefined,
      step: () => {
        this.stepCount += 1;
        return ++this.#at < this.#keys.length;
      },
      take: (encoder) => {
        encoder.encode(this.#keys[this.#at]!);
        return this.#keys[this.#at]!;
      },
      end: () => {
        this.endCount += 1;
      },
    };
  }
}

const fail = (key: string) => {
  if (key === "b") throw new Error("no b");
  return key;
};

test("steps that are asked for at one time give the keys in their order", async () => {
  for (const pending of [[], ["a"], ["b", "c"], ["a", "b", "c"]]) {
    const world = new World("a", "b", "c", "d");
    for (const key of pending) world.pending.add(key);
    const scan = new Scan(world.parts, world.plan(Infinity));
    const steps = Array.from({ length: 6 }, () => scan.next());
    const values = (await Promise.all(steps)).map(({ value }) => value);
    assert.equal(values, ["a", "b", "c", "d", undefined, undefined]);
    assert.is(world.endCount, 1);
  }
});

test("a scan that is left gives what it was asked for before, and ends once", async () => {
  const world = new World("a", "b", "c");
  world.pending.add("a");
  const scan = new Scan(world.parts, world.plan(Infinity));
  const steps = [scan.next(), scan.return(), scan.next()];
  assert.equal(await Promise.all(steps), [{ done: false, value: "a" }, DONE, DONE]);
  assert.equal([await scan.return(), world.endCount], [DONE, 1]);
  const sync = new SyncScan(world.parts, world.plan(Infinity));
  sync.next();
  assert.equal([sync.return(), sync.next(), world.endCount], [DONE, DONE, 2]);
});

test("a scan that is left before its first step has none", async () => {
  const world = new World("a");
  const scan = new Scan(world.parts, world.plan(Infinity));
  assert.equal([await scan.return(), await scan.next()], [DONE, DONE]);
  const sync = new SyncScan(world.parts, world.plan(Infinity));
  assert.equal([sync.return(), sync.next(), world.endCount], [DONE, DONE, 0]);
});

test("a scan that is left in the middle of a step, by what it calls, goes no further", async () => {
  const world = new World("a", "b", "c");
  const leave = () => void sync.return();
  const sync: SyncScan<string> = new SyncScan(world.parts, world.plan(Infinity, leave as never));
  assert.equal([sync.next(), sync.next(), world.endCount], [DONE, DONE, 1]);
  assert.is(world.stepCount, 1);
  const other = new World("a", "b", "c");
  const leaveLater = () => void scan.return();
  const scan: Scan<string> = new Scan(other.parts, other.plan(Infinity, leaveLater as never));
  assert.equal([await scan.next(), await scan.next(), other.endCount], [DONE, DONE, 1]);
});

test("a scan that fails has ended", async () => {
  const world = new World("a", "b", "c");
  const scan = new Scan(world.parts, world.plan(Infinity, fail));
  const steps = await Promise.allSettled([scan.next(), scan.next(), scan.next()]);
  assert.equal(steps.map(({ status }) => status), ["fulfilled", "rejected", "fulfilled"]);
  assert.equal([await scan.next(), world.endCount], [DONE, 1]);
  const other = new World("b", "c");
  const sync = new SyncScan(other.parts, other.plan(Infinity, fail));
  assert.throws(() => sync.next(), /no b/);
  assert.equal([sync.next(), other.endCount], [DONE, 1]);
});

test("keys of which nothing is made do not count for the limit", async () => {
  const make = (key: string) => key === "b" ? undefined : key;
  const world = new World("a", "b", "c", "d");
  assert.equal([...new SyncScan(world.parts, world.plan(2, make))], ["a", "c"]);
  const other = new World("a", "b", "c", "d");
  other.pending.add("b");
  const seen: string[] = [];
  for await (const key of new Scan(other.parts, other.plan(2, make))) seen.push(key);
  assert.equal([seen, world.endCount, other.endCount], [["a", "c"], 1, 1]);
});

test("they have what iterators of the runtime have", () => {
  const { parts } = new World();
  const ofArrays: unknown = Object.getPrototypeOf(Object.getPrototypeOf([][Symbol.iterator]()));
  assert.ok(
    Object.prototype.isPrototypeOf.call(ofArrays, new SyncScan(parts, new World().plan(1))),
  );
  assert.ok(Symbol.asyncIterator in new Scan(parts, new World().plan(1)));
});

test.run();
