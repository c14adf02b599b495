/**
 * Pools that are restored ahead by another process, while the store works, is killed, is closed, or
 * loses its power: what is taken over is what an ordinary opening makes, and has what was
 * acknowledged.
 *
 * @module
 */
import process from "node:process";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { DurabilityLevel } from "../../lib/pool/durability.ts";
import { DurableWorld, keptAtPowerLoss } from "../support/durable_world.ts";
import { Random } from "../support/random.ts";
import { forEachSeed } from "../support/sim_seeds.ts";
import { StandbyBeside, type StandbyFigures } from "../support/standby_world.ts";

const SEED_COUNT = Number(process.env["DINOMO_STANDBY_SEEDS"] ?? 40);
const IS_REPLAY = (process.env["DINOMO_SEED"] ?? "") !== "";
const LIFE_COUNT = 5;
const LEVELS = [DurabilityLevel.OS, DurabilityLevel.DISK] as const;

type Ending = "power" | "kill" | "close";

const seen: StandbyFigures = { refreshes: 0, warm: 0, takenOver: 0, restoredAnew: 0 };

/** Lets a store live and end several times, each time with a standby that takes it over. */
function live(seed: number, endings: readonly Ending[], grows = false): void {
  const level = LEVELS[seed % 2]!;
  const world = new DurableWorld({ seed, level, grows });
  const random = new Random(seed ^ 0x5eed);
  const standby = new StandbyBeside(world, random, seen);
  assert.ok(world.open());
  for (let i = 0; i < LIFE_COUNT; i++) {
    const ending = random.pick(endings);
    if (ending !== "close") world.endAfter(random.between(1, random.pick([20, 100, 300])));
    for (let j = random.between(1, 6); j > 0 && !world.isDown; j--) {
      world.run(random.between(5, 80));
      if (random.next() < 0.7 && !world.isDown) standby.refresh(true);
    }
    if (ending === "close") {
      world.close();
      // As the store's host does it, most times.
      if (!world.isDown && random.next() < 0.7) world.checkpoint();
    }
    world.end();
    if (random.next() < 0.5) standby.refresh(false);
    // A standby lives on when the machine does; and where a disk forgets what it could not sync.
    if (ending === "power") world.disk.losePower(random);
    world.endAfter(random.next() < 0.15 ? random.below(70) : Infinity);
    while (!world.open()) world.endAfter(Infinity);
    world.checkRecovered(ending === "power" ? keptAtPowerLoss(level) : "acknowledged");
  }
  world.run(60);
  world.drain();
  world.checkVisible();
}

test("a pool is taken over from a process that was killed, or has closed it, and most are warm", () => {
  forEachSeed(SEED_COUNT, (seed) => live(seed, ["kill", "close"]));
  assert.ok(IS_REPLAY || seen.warm > seen.refreshes / 2, JSON.stringify(seen));
  assert.ok(IS_REPLAY || seen.takenOver > seen.restoredAnew, JSON.stringify(seen));
});

test("a pool that grows is taken over", () => {
  forEachSeed(Math.ceil(SEED_COUNT / 4), (seed) => live(seed + 1_000_000, ["kill", "close"], true));
});

test("what a disk has forgotten is not taken over", () => {
  forEachSeed(Math.ceil(SEED_COUNT / 2), (seed) => live(seed + 2_000_000, ["power", "kill"]));
});

test.run();
