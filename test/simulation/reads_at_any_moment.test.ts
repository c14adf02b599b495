/**
 * Readers against every order of everybody else's accesses: recorded simulations, in which interrupted KNs, cleaner and
 * M-node change tables, move records and reuse segments, are played back under readers.
 *
 * @module
 */
import { test } from "uvu";
import { OneSidedReader } from "../../lib/index/one_sided_reader.ts";
import { Random } from "../support/random.ts";
import { withAtomicHooks } from "../support/sim_atomics.ts";
import { SimEyes } from "../support/sim_reader.ts";
import { forEachSeed } from "../support/sim_seeds.ts";
import { Trajectory } from "../support/sim_trajectory.ts";
import { SimWorld } from "../support/sim_world.ts";

const SEED_COUNT = 30;
/** Steps made before the recording starts, at most, and steps recorded. */
const WARM_UP_STEPS_MAX = 300;
const RECORDED_STEPS = 60;
const SEGMENT_COUNT = 9;
const INTERRUPT_SHARE = 0.02;
/** How often a recording is played. */
const ROUNDS = 12;
/** Share of a reader's accesses at which memory moves on, and how far: mostly a little, sometimes past whole steps. */
const ADVANCE_SHARE = 0.3;
const FAR_SHARE = 0.2;
const FAR_MOMENTS_MAX = 300;
const LISTING_SHARE = 0.05;

class Readers {
  readonly #trajectory: Trajectory;
  readonly #random: Random;

  constructor(trajectory: Trajectory, random: Random) {
    this.#trajectory = trajectory;
    this.#random = random;
  }

  /** Reads from the beginning of the recording to its end. */
  readOnce(): void {
    const trajectory = this.#trajectory;
    const player = trajectory.play();
    const clock = () => trajectory.timeAt(player.moment);
    const eyes = new SimEyes(player.pool, clock);
    const lister = new OneSidedReader(player.pool, clock);
    const versionsSeen = trajectory.models.map(() => 0);
    const onAccess = () => player.advance(this.#stride());
    while (!player.isAtEnd) {
      player.advance(this.#stride());
      if (this.#random.next() < LISTING_SHARE) {
        // TODO
        void lister;
        continue;
      }
      const i = this.#random.below(trajectory.models.length);
      const model = trajectory.models[i]!;
      const { state, from } = trajectory.entryAt(i, player.moment);
      const seen = withAtomicHooks({ onAccess }, () => eyes.look(model.key));
      const to = trajectory.entryAt(i, player.moment).issuedCount;
      model.endRead({ state, from, to, versionSeen: versionsSeen[i]! }, seen, clock());
      versionsSeen[i] = seen?.version ?? versionsSeen[i]!;
    }
  }

  #stride(): number {
    if (this.#random.next() >= ADVANCE_SHARE) return 0;
    return this.#random.next() < FAR_SHARE ? this.#random.below(FAR_MOMENTS_MAX) : 1;
  }
}

test("a read that races with everything returns what was there meanwhile", () => {
  forEachSeed(SEED_COUNT, (seed) => {
    const world = new SimWorld({
      seed,
      interruptShare: INTERRUPT_SHARE,
      segmentCount: SEGMENT_COUNT,
    });
    world.run(world.random.below(WARM_UP_STEPS_MAX));
    const trajectory = new Trajectory(world.pool, world.slots, world.models);
    world.onAccess = () => trajectory.record(world.nowMs);
    world.run(RECORDED_STEPS);
    world.onAccess = undefined;
    world.finish();
    const readers = new Readers(trajectory, new Random(seed));
    for (let i = 0; i < ROUNDS; i++) readers.readOnce();
  });
});

test.run();
