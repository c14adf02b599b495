/**
 * Readers that are let loose on a recording: they read and list keys while memory moves on under them.
 *
 * @module
 */
import type { Slot } from "../../lib/core/brands.ts";
import type { Random } from "./random.ts";
import { withAtomicHooks } from "./sim_atomics.ts";
import type { KeyModel } from "./sim_model.ts";
import { checkListing, SimEyes } from "./sim_reader.ts";
import type { Trajectory, TrajectoryPlayer } from "./sim_trajectory.ts";

/** How often a recording is played, and how often about each event. */
const ROUNDS = 4;
const EVENT_ROUNDS = 20;
/** Moments before and after an event. */
const MOMENTS_BEFORE = 40;
const MOMENTS_AFTER = 20;
/** Share of a reader's accesses at which memory moves on, and how far: as far as a power of two, mostly a small one. */
const ADVANCE_SHARE = 0.15;
const ADVANCE_LOG2_MAX = 8;
const LISTING_SHARE = 0.05;
/** How many changes of keys a change of this key may be away. */
const CHANGES_NEAR = 6;

/** Readers of one recording. */
export class TrajectoryReaders {
  readonly #trajectory: Trajectory;
  readonly #models: readonly KeyModel[];
  readonly #random: Random;
  readonly #player: TrajectoryPlayer;
  readonly #eyes: SimEyes;

  /** Makes readers whose choices follow from `random`. */
  constructor(trajectory: Trajectory, random: Random) {
    this.#trajectory = trajectory;
    this.#models = trajectory.models;
    this.#random = random;
    this.#player = trajectory.play();
    this.#eyes = new SimEyes(this.#player.pool, () => this.#nowMs);
  }

  /** Reads everywhere, and above all where readers are most likely to be led astray. */
  run(): void {
    withAtomicHooks({ onAccess: () => this.#moveOn() }, () => {
      for (let i = 0; i < ROUNDS; i++) this.#readUntil(0, Infinity, undefined);
      for (const { moment, slot } of this.#trajectory.events) {
        if (slot !== undefined && this.#modelsOf(slot).length === 0) continue;
        for (let i = 0; i < EVENT_ROUNDS; i++) {
          this.#readUntil(moment - MOMENTS_BEFORE, moment + MOMENTS_AFTER, slot);
        }
      }
    });
  }

  get #nowMs(): number {
    return this.#trajectory.timeAt(this.#player.moment);
  }

  #readUntil(start: number, end: number, slot: Slot | undefined): void {
    this.#player.seek(start);
    const versionsSeen = this.#models.map(() => 0);
    while (!this.#player.isAtEnd && this.#player.moment < end) {
      if (this.#random.next() < LISTING_SHARE) this.#list(slot ?? this.#random.pick(this.#models).key.slot);
      else this.#read(this.#pickModel(slot), versionsSeen);
      this.#moveOn();
    }
  }

  #read(i: number, versionsSeen: number[]): void {
    const begun = this.#trajectory.entryAt(i, this.#player.moment);
    const seen = this.#eyes.look(this.#models[i]!.key);
    const versionSeen = versionsSeen[i]!;
    this.#models[i]!.endRead({ ...begun, to: this.#issuedCount(i), versionSeen }, seen, this.#nowMs);
    versionsSeen[i] = seen?.version ?? versionSeen;
  }

  #list(slot: Slot): void {
    const inSlot = this.#modelsOf(slot);
    const begun = inSlot.map((i) => this.#trajectory.entryAt(i, this.#player.moment));
    const listed = this.#eyes.list(slot);
    const ended = begun.map((entry, j) => {
      return { ...entry, to: this.#issuedCount(inSlot[j]!), versionSeen: 0 };
    });
    checkListing(slot, listed, inSlot.map((i) => this.#models[i]!), ended, this.#nowMs);
  }

  /** Prefers keys that change, and keys of the slots that change. */
  #pickModel(slot: Slot | undefined): number {
    const random = this.#random.below(this.#models.length);
    const choice = this.#random.next();
    if (choice < 0.15) return random;
    const offset = this.#random.between(-CHANGES_NEAR, CHANGES_NEAR);
    const changing = this.#trajectory.changingAt(this.#player.moment, offset) ?? random;
    if (choice < 0.4) return changing;
    return this.#random.pick(this.#modelsOf(slot ?? this.#models[changing]!.key.slot));
  }

  #modelsOf(slot: Slot): number[] {
    return [...this.#models.keys()].filter((i) => this.#models[i]!.key.slot === slot);
  }

  #issuedCount(model: number): number {
    return this.#trajectory.entryAt(model, this.#player.moment).issuedCount;
  }

  #moveOn(): void {
    if (this.#random.next() >= ADVANCE_SHARE) return;
    const distance = this.#random.below(2 ** this.#random.below(ADVANCE_LOG2_MAX + 1));
    this.#player.seek(this.#player.moment + 1 + distance);
  }
}
