/**
 * Readers against tables that double and are compacted: every order of a reader's accesses and the
 * writer's.
 *
 * @module
 */
import { test } from "uvu";
import type { Slot } from "../../lib/core/brands.ts";
import { geometryOf } from "../../lib/pool/geometry.ts";
import { Pool } from "../../lib/pool/pool.ts";
import { Random } from "../support/random.ts";
import { withAtomicHooks } from "../support/sim_atomics.ts";
import { HASH_KEY, keysOfSlots } from "../support/sim_keys.ts";
import { KeyModel } from "../support/sim_model.ts";
import { forEachSeed } from "../support/sim_seeds.ts";
import { TableWriter } from "../support/sim_table_writer.ts";
import { Trajectory } from "../support/sim_trajectory.ts";
import { TrajectoryReaders } from "../support/sim_trajectory_readers.ts";

const SEED_COUNT = 14;
const OPERATION_COUNT = 400;
const SEGMENT_COUNT = 16;
const SLOTS = [17, 1200, 2400] as Slot[];
const KEYS = keysOfSlots(SLOTS, 60);

test("a key that exists is found while its table doubles and is compacted", () => {
  forEachSeed(SEED_COUNT, (seed) => {
    const random = new Random(seed);
    const pool = Pool.create(geometryOf(SEGMENT_COUNT * 4096, 4096), HASH_KEY);
    const models = KEYS.map((key) => new KeyModel(key));
    const writer = new TableWriter(pool, random, models);
    const trajectory = new Trajectory(pool, SLOTS, models, 0);
    let isRecording = false;
    const onAccess = (isWrite: boolean) => {
      if (!isWrite || isRecording) return;
      isRecording = true;
      trajectory.record(0);
      isRecording = false;
    };
    withAtomicHooks({ onAccess }, () => {
      for (let i = 0; i < OPERATION_COUNT; i++) writer.step();
    });
    new TrajectoryReaders(trajectory, random).run({ rounds: 2, events: 16 });
  });
});

test.run();
