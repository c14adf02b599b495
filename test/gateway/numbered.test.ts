/**
 * Things in flight by their numbers do what a map does whose keys are near each other.
 *
 * @module
 */
import { test } from "uvu";
import * as assert from "uvu/assert";
import { Numbered } from "../../lib/gateway/numbered.ts";
import { seeded } from "../support/random.ts";

/** How far numbers that are there at one time are from each other, at most. */
const SPAN = 300;

test(
  "things are found by their numbers, and the lowest is known",
  seeded((random) => {
    const numbered = new Numbered<{ readonly number: number }>();
    const known = new Map<number, { readonly number: number }>();
    const lowest = () => known.size === 0 ? undefined : Math.min(...known.keys());
    let next = 2 ** 31 - 5000;
    for (let step = 0; step < 20_000; step++) {
      const isFull = known.size > 0 && next - lowest()! >= SPAN;
      if (!isFull && random.below(2) === 0) {
        const thing = { number: next++ };
        numbered.add(thing);
        known.set(thing.number, thing);
      } else {
        const number = next - 1 - random.below(SPAN);
        const thing = known.get(number);
        assert.is(numbered.get(number), thing);
        numbered.delete(number);
        known.delete(number);
        // Some come back later.
        if (thing !== undefined && random.below(3) === 0) {
          numbered.add(thing);
          known.set(number, thing);
        }
      }
      assert.is(numbered.size, known.size);
      assert.is(numbered.lowest, lowest());
      if (step % 1000 > 0) continue;
      assert.equal(numbered.all(), [...known.values()].sort((a, b) => a.number - b.number));
      if (random.below(4) > 0) continue;
      numbered.clear();
      known.clear();
    }
  }),
);

test.run();
