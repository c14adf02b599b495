/**
 * Readers against every order of everybody else's accesses: recorded simulations, in which interrupted KNs, cleaner and
 * M-node change tables, move records and reuse segments, are played back under readers.
 *
 * @module
 */
import { test } from "uvu";
import type { Slot } from "../../lib/core/brands.ts";
import { Random } from "../support/random.ts";
import { withAtomicHooks } from "../support/sim_atomics.ts";
import { checkListing, SimEyes } from "../support/sim_reader.ts";
import { forEachSeed } from "../support/sim_seeds.ts";
import { Trajectory, type TrajectoryPlayer } from "../support/sim_trajectory.ts";
import { SimWorld } from "../support/sim_world.ts";

const SEED_COUNT = 24;
/** Steps made before the recording starts, if it does not start with the empty pool, and steps recorded. */
const WARM_UP_STEPS_MAX = 400;
const RECORDED_STEPS = 60;
const SEGMENT_COUNT = 9;
const INTERRUPT_SHARE = 0.02;
/** How often a recording is played. */
const ROUNDS = 4;
/** Share of a reader's accesses at which memory moves on, and how far: mostly a little, sometimes past whole steps. */
const ADVANCE_SHARE = 0.15;
const FAR_SHARE = 0.04;
const FAR_MOMENTS_MAX = 300;
const LISTING_SHARE = 0.03;
/** How many changes of keys a change of this key may be away. */
const CHANGES_NEAR = 6;

/** Readers of one recording. */
class Readers {
  readonly #trajectory: Trajectory;
  readonly #slots: readonly Slot[];
  readonly #random: Random;

  constructor(trajectory: Trajectory, slots: readonly Slot[], random: Random) {
    this.#trajectory = trajectory;
    this.#slots = slots;
    this.#random = random;
  }

  /** Reads from the beginning of the recording to its end. */
  readOnce(): void {
    const player = this.#trajectory.play();
    const eyes = new SimEyes(player.pool, () => this.#trajectory.timeAt(player.moment));
    const versionsSeen = this.#trajectory.models.map(() => 0);
    while (!player.isAtEnd) {
      player.advance(this.#stride());
      if (this.#random.next() < LISTING_SHARE) this.#list(player, eyes);
      else this.#read(player, eyes, versionsSeen);
    }
  }

  #read(player: TrajectoryPlayer, eyes: SimEyes, versionsSeen: number[]): void {
    const { models } = this.#trajectory;
    const i = this.#pickModel(player.moment);
    const begun = this.#trajectory.entryAt(i, player.moment);
    const seen = this.#whileMovingOn(player, () => eyes.look(models[i]!.key));
    const versionSeen = versionsSeen[i]!;
    const nowMs = this.#trajectory.timeAt(player.moment);
    models[i]!.endRead({ ...begun, to: this.#issuedCount(i, player), versionSeen }, seen, nowMs);
    versionsSeen[i] = seen?.version ?? versionSeen;
  }

  #list(player: TrajectoryPlayer, eyes: SimEyes): void {
    const trajectory = this.#trajectory;
    const slot = this.#random.pick(this.#slots);
    const inSlot = [...trajectory.models.keys()].filter((i) => trajectory.models[i]!.key.slot === slot);
    const begun = inSlot.map((i) => trajectory.entryAt(i, player.moment));
    const listed = this.#whileMovingOn(player, () => eyes.list(slot));
    checkListing(
      slot,
      listed,
      inSlot.map((i) => trajectory.models[i]!),
      begun.map((entry, j) => {
        return { ...entry, to: this.#issuedCount(inSlot[j]!, player), versionSeen: 0 };
      }),
      trajectory.timeAt(player.moment),
    );
  }

  /** Prefers keys that change, and keys of the slots that change. */
  #pickModel(moment: number): number {
    const { models } = this.#trajectory;
    const random = this.#random.below(models.length);
    const choice = this.#random.next();
    if (choice < 0.25) return random;
    const offset = this.#random.between(-CHANGES_NEAR, CHANGES_NEAR);
    const changing = this.#trajectory.changingAt(moment, offset) ?? random;
    if (choice < 0.6) return changing;
    const isInSlot = (i: number) => models[i]!.key.slot === models[changing]!.key.slot;
    return this.#random.pick([...models.keys()].filter(isInSlot));
  }

  #issuedCount(model: number, player: TrajectoryPlayer): number {
    return this.#trajectory.entryAt(model, player.moment).issuedCount;
  }

  #whileMovingOn<Result>(player: TrajectoryPlayer, body: () => Result): Result {
    return withAtomicHooks({ onAccess: () => player.advance(this.#stride()) }, body);
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
    if (seed % 2 === 0) world.run(world.random.below(WARM_UP_STEPS_MAX));
    const trajectory = new Trajectory(world.pool, world.slots, world.models, world.nowMs);
    world.onAccess = () => trajectory.record(world.nowMs);
    world.run(RECORDED_STEPS);
    world.onAccess = undefined;
    world.finish();
    const readers = new Readers(trajectory, world.slots.slice(0, 3), new Random(seed));
    for (let i = 0; i < ROUNDS; i++) readers.readOnce();
  });
});

test.run();
