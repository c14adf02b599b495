/**
 * Small pools, in which little is live, that are restarted, scaled, killed, and lose KNs: nothing
 * is refused, and nothing is lost.
 *
 * `npm run lives -- 200` does more of it.
 *
 * @module
 */
import { test } from "uvu";
import * as assert from "uvu/assert";
import { runtimeShare } from "../support/campaign.ts";
import { EVICTING_SIZES, LIFE_KINDS, Lives } from "../support/lives.ts";
import { Random, SEED } from "../support/random.ts";

/** Twelve segments of the smallest kind of pool are used up by as many lives. */
const SIZES = { capacity: "192KiB", segmentBytes: "16KiB", keyCount: 10, valueBytes: 800 } as const;
/** Lives of each kind: a process of its own takes longest. */
const COUNTS: Readonly<Record<string, number>> = { "restarts": 16, "kills": 6 };
const COUNT = 8;

/** The runtimes share the far ones, which take longer. */
const KINDS = { near: LIFE_KINDS, far: runtimeShare(LIFE_KINDS) };

for (const placement of ["near", "far"] as const) {
  for (const [name, run] of KINDS[placement]) {
    test(`${name}, ${placement}: nothing is refused, and nothing is lost`, async () => {
      const random = new Random(SEED);
      try {
        await run(new Lives({ ...SIZES, placement }, random), COUNTS[name] ?? COUNT);
      } catch (error) {
        console.error(`seed ${SEED}`);
        throw error;
      }
    });
  }
}

/** Kills are in persistence/killed_while_logging. */
const EVICTING_KINDS = LIFE_KINDS.filter(([name]) => name !== "kills");
const EVICTING_COUNT = 6;

for (const [name, run] of runtimeShare(EVICTING_KINDS)) {
  test(`${name}, evicting: nothing is refused, and nothing older comes back`, async () => {
    const lives = new Lives(EVICTING_SIZES, new Random(SEED));
    try {
      await run(lives, EVICTING_COUNT);
    } catch (error) {
      console.error(`seed ${SEED}`);
      throw error;
    }
    assert.ok(lives.evictedCount > 0, `${lives.count} changes, and nothing was evicted`);
  });
}

test.run();
