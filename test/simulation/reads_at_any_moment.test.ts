/**
 * Readers against every order of everybody else's accesses: recorded simulations, in which
 * interrupted KNs, cleaner and M-node change tables, move records and reuse segments, are played
 * back under readers.
 *
 * @module
 */
import { test } from "uvu";
import { Random } from "../support/random.ts";
import { forEachSeed } from "../support/sim_seeds.ts";
import { Trajectory } from "../support/sim_trajectory.ts";
import { TrajectoryReaders } from "../support/sim_trajectory_readers.ts";
import { type SimOptions, SimWorld } from "../support/sim_world.ts";

/** A kind of simulation, and how many of it. */
interface Recording extends Omit<SimOptions, "seed"> {
  readonly name: string;
  readonly seedCount: number;
  /** Steps made before the recording starts, at most, and steps recorded. */
  readonly warmUpSteps: number;
  readonly steps: number;
}

const RECORDINGS: readonly Recording[] = [
  {
    name: "everything",
    seedCount: 8,
    warmUpSteps: 400,
    steps: 60,
    interruptShare: 0.02,
    segmentCount: 9,
  },
  {
    name: "segments that are reused",
    seedCount: 8,
    warmUpSteps: 100,
    steps: 80,
    interruptShare: 0.02,
    segmentCount: 14,
    keysPerSlot: 4,
    valueBytesMax: 1900,
  },
];

for (const { name, seedCount, warmUpSteps, steps, ...options } of RECORDINGS) {
  test(`a read that races with everything returns what was there meanwhile: ${name}`, () => {
    forEachSeed(seedCount, (seed) => {
      const world = new SimWorld({ seed, ...options });
      if (warmUpSteps > 0) world.run(world.random.below(warmUpSteps));
      const trajectory = new Trajectory(world.pool, world.slots, world.models, world.nowMs);
      world.scheduler.observer = () => trajectory.record(world.nowMs);
      world.run(steps);
      world.scheduler.observer = undefined;
      world.finish();
      new TrajectoryReaders(trajectory, new Random(seed)).run({ rounds: 4, events: 40 });
    });
  });
}

test.run();
