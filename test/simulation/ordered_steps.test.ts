/**
 * Writers, scanners and deaths in the ordered index, which interrupt each other at every access to
 * shared memory.
 *
 * @module
 */
import { test } from "uvu";
import { orderedFigures } from "../../lib/ordered/tree_figures.ts";
import { BLOCK_BYTES } from "../../lib/ordered/page_layout.ts";
import { KEY_MAKERS } from "../support/ordered_keys.ts";
import { Random } from "../support/random.ts";
import { require } from "../support/sim_model.ts";
import { OrderedWorld } from "../support/sim_ordered.ts";
import { forEachSeed } from "../support/sim_seeds.ts";

const SEED_COUNT = 36;
const KINDS = Object.values(KEY_MAKERS);

test("scans see what was there all the time while writers interrupt each other and die", () => {
  forEachSeed(SEED_COUNT, (seed) => {
    const random = new Random(seed);
    const world = new OrderedWorld({
      random,
      make: random.pick(KINDS),
      keyCount: random.pick([12, 40, 90]),
      writerCount: 3,
      scannerCount: 2,
      entriesMax: random.pick([4, 4, 6]),
      interruptShare: random.pick([0.002, 0.02, 0.06]),
      deathShare: random.pick([0, 0.0005, 0.003]),
    });
    world.run(random.pick([150, 300]));
    world.empty();
  });
});

test("a queue of ever increasing keys takes no more pages than it needs", () => {
  forEachSeed(SEED_COUNT / 3, (seed) => {
    const random = new Random(seed);
    const world = new OrderedWorld({
      random,
      make: KEY_MAKERS["ever increasing"]!,
      keyCount: 500,
      writerCount: 2,
      scannerCount: 1,
      entriesMax: 4,
      interruptShare: random.pick([0, 0.01]),
      deathShare: 0,
      isQueue: true,
    });
    world.run(700);
    const { leaves } = world.check();
    const keys = world.keys.filter(({ isPresent }) => isPresent).length;
    require(leaves <= keys + 20, `${keys} keys take ${leaves} leaves`);
    const pages = orderedFigures(world.fixture.pool).allocated / (BLOCK_BYTES + 4);
    // What the writers keep, and the pages of the keys.
    require(pages < 2 * 60 + 3 * keys + 60, `${keys} keys take ${pages} pages`);
  });
});

test("a long queue leaves no thin pages behind, whatever the seed", () => {
  let keyCount = 0;
  let leafCount = 0;
  for (let seed = 1; seed <= 4; seed++) {
    const world = new OrderedWorld({
      random: new Random(seed),
      make: KEY_MAKERS["ever increasing"]!,
      keyCount: 1800,
      writerCount: 2,
      scannerCount: 1,
      entriesMax: 4,
      interruptShare: 0,
      deathShare: 0,
      isQueue: true,
    });
    world.run(2500);
    leafCount += world.check().leaves;
    keyCount += world.keys.filter(({ isPresent }) => isPresent).length;
  }
  // About 0.4 leaves a key are seen, and 1.1 where inner pages with one child stay.
  require(leafCount < 0.7 * keyCount, `${keyCount} keys take ${leafCount} leaves`);
});

test.run();
