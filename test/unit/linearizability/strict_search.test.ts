/**
 * The checker of operations on several keys: it accepts histories that come from an order, and
 * refuses those for which there is none, a torn commit among them.
 *
 * @module
 */
import { test } from "uvu";
import * as assert from "uvu/assert";
import { seeded } from "../../support/random.ts";
import {
  isStrictlySerializable,
  NO_VALUE,
  type StrictOperation,
} from "../../support/linearizability/strict_search.ts";

const BASE = { client: 1, reads: [], checks: [], writes: [], isMade: true } as const;

function read(callAt: number, returnAt: number, ...reads: [string, number][]): StrictOperation {
  return { ...BASE, callAt, returnAt, reads };
}

function commit(
  callAt: number,
  returnAt: number,
  writes: [string, number][],
  checks: [string, number][] = [],
  isMade = true,
): StrictOperation {
  return { ...BASE, callAt, returnAt, writes, checks, isMade };
}

const both: [string, number][] = [["a", 1], ["b", 1]];

test("reads beside a commit may come before it or after it", () => {
  for (const [a, b] of [[NO_VALUE, NO_VALUE], [NO_VALUE, 1], [1, 1]] as const) {
    assert.ok(
      isStrictlySerializable([commit(0, 9, both), read(1, 2, ["a", a]), read(3, 4, ["b", b])]),
    );
  }
});

test("a torn commit has no order", () => {
  const torn = [commit(0, 9, both), read(1, 2, ["a", 1]), read(3, 4, ["b", NO_VALUE])];
  assert.not.ok(isStrictlySerializable(torn));
  assert.not.ok(
    isStrictlySerializable([commit(0, 9, both), read(1, 5, ["a", 1], ["b", NO_VALUE])]),
  );
  assert.not.ok(isStrictlySerializable([commit(0, 1, both), read(2, 3, ["a", NO_VALUE])]));
});

test("of two commits that expect the same one is made", () => {
  const expect = (isMade: boolean, value: number) =>
    commit(0, 9, [["a", value]], [["b", NO_VALUE]], isMade);
  const put = (isMade: boolean) => commit(0, 9, [["b", 5]], [["a", NO_VALUE]], isMade);
  assert.ok(isStrictlySerializable([expect(true, 1), put(false)]));
  assert.not.ok(isStrictlySerializable([expect(true, 1), put(true)]), "write skew");
  assert.not.ok(isStrictlySerializable([expect(false, 1), put(false)]));
});

test("a commit that nobody knows of may have been made or not, whole", () => {
  const pending = { ...commit(0, 1, both), returnAt: Infinity };
  for (const value of [NO_VALUE, 1]) {
    assert.ok(isStrictlySerializable([pending, read(2, 3, ["a", value], ["b", value])]));
  }
  assert.not.ok(
    isStrictlySerializable([pending, read(2, 3, ["a", 1]), read(4, 5, ["b", NO_VALUE])]),
  );
});

test(
  "histories that come from an order have one, and most have none when an answer is another one",
  seeded((random) => {
    let refused = 0;
    for (let round = 0; round < 300; round++) {
      const contents = new Map<string, number>();
      const operations: StrictOperation[] = [];
      for (let i = 1; i <= 9; i++) {
        const keys = [...new Set([random.pick(["a", "b", "c"]), random.pick(["a", "b", "c"])])];
        const now = (key: string) => contents.get(key) ?? NO_VALUE;
        const callAt = i * 10 - random.below(25);
        const returnAt = i * 10 + 1 + random.below(25);
        if (random.below(2) === 0) {
          operations.push(
            read(callAt, returnAt, ...keys.map((key): [string, number] => [key, now(key)])),
          );
          continue;
        }
        const checks = keys.map((
          key,
        ): [string, number] => [key, random.below(3) > 0 ? now(key) : 77]);
        const isMade = checks.every(([key, value]) => now(key) === value);
        const writes = keys.map((
          key,
        ): [string, number] => [key, random.below(4) === 0 ? NO_VALUE : i]);
        operations.push(commit(callAt, returnAt, writes, checks, isMade));
        if (!isMade) continue;
        for (const [key, value] of writes) contents.set(key, value);
      }
      assert.ok(isStrictlySerializable(operations));
      const at = operations.findLastIndex(({ reads }) => reads.length === 2);
      if (at === -1) continue;
      const [[key], other] = operations[at]!.reads as [[string, number], [string, number]];
      operations[at] = { ...operations[at]!, reads: [[key, 99], other] };
      if (!isStrictlySerializable(operations)) refused += 1;
    }
    assert.ok(refused > 150, `${refused} were refused`);
  }),
);

test.run();
