/**
 * Power that goes, and processes that are killed, at any call of the file system, again and again:
 * under load, during checkpoints, and while the store is being opened after the last time.
 *
 * What must be found: at the level "disk", and after a kill, everything that was acknowledged; at
 * the level "os" after a loss of power, everything that was synced. Instead of that it may be what
 * was issued later, and nothing else.
 *
 * @module
 */
import process from "node:process";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { SEGMENT_COUNT_MIN } from "../../lib/core/limits.ts";
import { DurabilityLevel } from "../../lib/pool/durability.ts";
import { Status } from "../../lib/rings/ring_layout.ts";
import type { DurableKey } from "../support/durable_model.ts";
import { DurableWorld, keptAtPowerLoss } from "../support/durable_world.ts";
import { SHARE_COUNT } from "../support/campaign.ts";
import { forEachSeed } from "../support/sim_seeds.ts";

const SEED_COUNT = Number(process.env["DINOMO_POWER_SEEDS"] ?? 150);
const IS_REPLAY = (process.env["DINOMO_SEED"] ?? "") !== "";
const SYNC_SEED_COUNT = 12;
const GROWING_SEED_COUNT = 12;
const GENERATION_COUNT = 5;
/** Of the worlds' segments, and of values, of which a few fill one. */
const SEGMENT_BYTES = 4096;
const RECORD_BYTES = 900;
const LEVELS = [DurabilityLevel.OS, DurabilityLevel.DISK] as const;

/** What has happened in all worlds, so that a test that tests nothing is noticed. */
const seen = { generations: 0, endedOpenings: 0, checkpoints: 0, segmentsGrown: 0, commits: 0 };

/** Calls, and how many of them, at which a checkpoint is neither there nor not. */
const MOMENTS: readonly [string, number][] = [
  ["create", 1],
  ["sync", 1],
  ["sync", 2],
  ["syncDirectory", 1],
  ["rename", 1],
  ["syncDirectory", 2],
  ["list", 1],
];

type Ending = "power" | "kill" | "close";

/** Works on a store until its process ends. */
function workUntilEnd(world: DurableWorld, ending: Ending): void {
  const { random } = world;
  if (ending !== "close") world.endAfter(random.between(1, random.pick([20, 100, 300])));
  world.run(random.between(20, 400));
  if (ending === "close") world.close();
  world.end();
  if (ending === "power") world.disk.losePower(random);
}

/** Opens the store, which may take several attempts. */
function openAgain(world: DurableWorld, mayLosePower: boolean): boolean {
  const { random, disk } = world;
  let hasLostPower = false;
  for (;;) {
    const choice = random.next();
    world.endAfter(choice < 0.3 ? random.below(70) : Infinity);
    if (choice > 0.8) world.endAtCall(...random.pick(MOMENTS));
    if (world.open()) return hasLostPower;
    seen.endedOpenings += 1;
    if (!mayLosePower || random.next() < 0.5) continue;
    disk.losePower(random);
    hasLostPower = true;
  }
}

/** Lets a store live and end several times. */
function runGenerations(
  seed: number,
  endings: readonly Ending[],
  honoursSync = true,
  grows = false,
): void {
  const level = LEVELS[seed % 2]!;
  const world = new DurableWorld({ seed, level, grows });
  world.disk.honoursSync = honoursSync;
  const mayLosePower = endings.includes("power");
  openAgain(world, mayLosePower);
  for (let i = 0; i < GENERATION_COUNT; i++) {
    const ending = world.random.pick(endings);
    workUntilEnd(world, ending);
    const hasLostPower = openAgain(world, mayLosePower) || ending === "power";
    world.checkRecovered(hasLostPower ? keptAtPowerLoss(level) : "acknowledged");
    seen.generations += 1;
  }
  world.run(100);
  world.drain();
  world.checkVisible();
  seen.checkpoints += world.checkpointCount;
  seen.commits += world.wholeCommits;
  if (grows) seen.segmentsGrown += Math.max(0, world.segmentsSeen - SEGMENT_COUNT_MIN);
}

test("power goes, or the process is killed, at any call of a store that grows", () => {
  // Of the few worlds of one run it may be that none grows: then there are others.
  for (let round = 0; round < 8 && seen.segmentsGrown === 0; round++) {
    forEachSeed(
      GROWING_SEED_COUNT,
      (seed) => runGenerations(seed + round * 2_000_000, ["power", "kill", "close"], true, true),
    );
  }
  assert.ok(IS_REPLAY || seen.segmentsGrown > 0, `${seen.segmentsGrown} segments`);
});

test("power goes at any call, in several lives of a store", () => {
  forEachSeed(
    Math.ceil(SEED_COUNT * 0.6),
    (seed) => runGenerations(seed, ["power", "power", "close"]),
  );
});

test("a process is killed at any call, and loses nothing that was acknowledged", () => {
  forEachSeed(
    Math.ceil(SEED_COUNT * 0.2),
    (seed) => runGenerations(seed, ["kill", "kill", "close"]),
  );
});

test("the power goes, or the process is killed, in turn", () => {
  forEachSeed(
    Math.ceil(SEED_COUNT * 0.2),
    (seed) => runGenerations(seed + 1_000_000, ["kill", "power", "close"]),
  );
});

test("a checkpoint that a killed process has just renamed is durable when the next one goes on", () => {
  forEachSeed(20, (seed) => {
    const world = new DurableWorld({ seed, level: DurabilityLevel.DISK });
    world.endAtCall("syncDirectory", 2);
    assert.is(world.open(), false);
    assert.ok(world.open());
    world.put(world.models[0]!, 100);
    world.drain();
    world.end();
    world.disk.losePower(world.random);
    assert.ok(world.open());
    world.checkRecovered("acknowledged");
  });
});

test("a disk that does not honour sync is noticed at the level disk", () => {
  let noticed = 0;
  for (let seed = 1; seed < 40; seed += 2) {
    try {
      runGenerations(seed, ["power"], false);
    } catch {
      noticed += 1;
    }
  }
  assert.ok(noticed > 10, `noticed ${noticed} times of 20`);
});

test("a sync that lasts while segments begin new lives claims nothing about those", () => {
  forEachSeed(SYNC_SEED_COUNT, (seed) => {
    const level = DurabilityLevel.OS;
    const world = new DurableWorld({ seed, level, segmentCount: 10, livesPerSync: 4 });
    assert.ok(world.open());
    for (let i = 0; i < 20; i++) {
      for (const model of world.models) world.put(model, 100);
      world.drain();
      world.flush();
      // Each in a frame of its own: some of them are lost, and what is behind them is not.
      for (const model of world.models) {
        world.put(model, 100);
        world.drain();
      }
      world.end();
      world.disk.losePower(world.random);
      assert.ok(world.open());
      world.checkRecovered("durable");
    }
  });
});

test("a group for which the index has no room takes nothing away from others", () => {
  let fullCount = 0;
  forEachSeed(30, (seed) => {
    const world = new DurableWorld({ seed, level: DurabilityLevel.OS, bucketCount: 5 });
    assert.ok(world.open());
    world.run(300);
    world.drain();
    world.checkVisible();
    fullCount += world.ended.get(Status.INDEX_FULL) ?? 0;
  });
  assert.ok(fullCount > 0 || IS_REPLAY, "the index was full");
});

/**
 * A store of one node's keys, in which a commit stands in a segment that is worth cleaning: one key
 * of it is live there, and the other is not, as it is deleted by the commit, or was put again.
 */
class TornCommit {
  readonly world = new DurableWorld({
    seed: 1,
    level: DurabilityLevel.OS,
    segmentCount: 12,
    intrudes: false,
  });
  readonly #keys = this.world.models.filter(({ key }) =>
    key.slot === this.world.models[0]!.key.slot
  );
  /** The key that a cleaner moves. */
  readonly moved = this.#keys[0]!;

  constructor(deletes: boolean) {
    const { world, moved } = this;
    const [, other, filler] = this.#keys;
    assert.ok(world.open());
    this.#put(other!);
    assert.ok(world.flush());
    world.commit(deletes ? [moved] : [moved, other!], deletes ? [other!] : [], RECORD_BYTES);
    world.drain();
    for (let i = 0; i < 6; i++) this.#put(filler!);
    if (!deletes) this.#put(other!);
  }

  #put(model: DurableKey): void {
    this.world.put(model, RECORD_BYTES);
    this.world.drain();
  }

  /**
   * Cleans until nothing is left to clean; the power goes when what was moved has arrived on the
   * disk, and nothing else.
   */
  cleanAndLosePower(): { readonly looked: number } {
    const { world } = this;
    let looked = 0;
    for (let step = world.cleanStep(); step > 0; step = world.cleanStep()) looked += step;
    const start = world.cleanerSegment * SEGMENT_BYTES;
    world.end();
    world.disk.losePowerExcept((position) => position >= start && position < start + SEGMENT_BYTES);
    assert.ok(world.open());
    world.checkRecovered("durable");
    return { looked };
  }
}

for (const deletes of [true, false]) {
  const which = deletes ? "that deletes a key" : "of which a key was put again";
  test(`a commit ${which} is not torn when the copy of its other key arrives first`, () => {
    const torn = new TornCommit(deletes);
    torn.cleanAndLosePower();
    assert.is(torn.world.find(torn.moved), undefined, "nothing of it had been synced");
  });

  test(`a commit ${which} is cleaned, and is whole, when it has been synced`, () => {
    const torn = new TornCommit(deletes);
    assert.ok(torn.world.flush());
    assert.ok(torn.cleanAndLosePower().looked > 0, "it is cleaned");
    assert.is.not(torn.world.find(torn.moved), undefined);
  });
}

test("a KN syncs what it cannot go on without cleaning, when no other thread does", () => {
  const world = new DurableWorld({
    seed: 1,
    level: DurabilityLevel.OS,
    segmentCount: 12,
    intrudes: false,
  });
  assert.ok(world.open());
  const [hot, ...cold] = world.models.filter(({ key }) => key.slot === world.models[0]!.key.slot);
  const puts = cold.flatMap((model) => [model, hot!, hot!, hot!]);
  // In each segment something is live, so that none is free before it has been cleaned.
  for (const model of [...puts, ...puts.map(() => hot!)]) {
    world.put(model, RECORD_BYTES);
    world.drain();
    assert.equal([...world.ended.keys()], [Status.OK]);
  }
  world.checkVisible();
});

test("that was about something", () => {
  // One seed alone need not have seen everything.
  if (IS_REPLAY) return;
  assert.ok(seen.generations >= SEED_COUNT / SHARE_COUNT, `${seen.generations} lives`);
  assert.ok(
    seen.endedOpenings > SEED_COUNT / SHARE_COUNT / 4,
    `${seen.endedOpenings} openings that ended early`,
  );
  assert.ok(seen.checkpoints > SEED_COUNT, `${seen.checkpoints} checkpoints`);
  assert.ok(seen.commits > SEED_COUNT / SHARE_COUNT / 4, `${seen.commits} commits found whole`);
});

test.run();
