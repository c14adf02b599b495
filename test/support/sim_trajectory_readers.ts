/**
 * Readers that are let loose on a recording: they read and list keys while memory moves on under
 * them.
 *
 * @module
 */
import { NO_BUCKET, type Slot } from "../../lib/core/brands.ts";
import { BUCKET_OVERFLOW, BUCKET_WORDS } from "../../lib/index/bucket_layout.ts";
import type { Random } from "./random.ts";
import { withAtomicHooks } from "./sim_atomics.ts";
import type { KeyModel } from "./sim_model.ts";
import { checkListing, SimEyes } from "./sim_reader.ts";
import type { Trajectory, TrajectoryEvent, TrajectoryPlayer } from "./sim_trajectory.ts";

/** How much is read in a recording. */
export interface ReadingEffort {
  /** How often it is played from beginning to end. */
  readonly rounds: number;
  /** Events that are looked at, chosen at random. */
  readonly events: number;
}

/** How often a recording is played about an event. */
const EVENT_ROUNDS = 12;
/** Moments before and after an event. */
const MOMENTS_BEFORE = 40;
const MOMENTS_AFTER = 20;
/**
 * Share of a reader's accesses at which memory moves on, and how far: by up to a power of two,
 * about events a small one.
 */
const ADVANCE_SHARE = 0.15;
const FAR_LOG2_MAX = 8;
const NEAR_LOG2_MAX = 4;
/** Share of the rounds about an event in which memory may move on far all the same. */
const FAR_SHARE = 0.2;
const LISTING_SHARE = 0.05;
/** How many changes of keys a change of this key may be away. */
const CHANGES_NEAR = 6;
/** Both sides of the atomic accesses of a read that finds its key at once. */
const READ_ACCESSES = 12;
/**
 * Listings about a compaction that are preempted in an overflow bucket, how long, and when they
 * begin.
 */
const PREEMPTED_LISTINGS = 100;
const PREEMPTED_LOG2_MAX = 11;
const PREEMPTED_LINKS_MAX = 2;
const PREEMPTED_MOMENTS_BEFORE = 4;
const PREEMPTED_MOMENTS_AFTER = 8;

/** Readers of one recording. */
export class TrajectoryReaders {
  readonly #trajectory: Trajectory;
  readonly #models: readonly KeyModel[];
  readonly #modelsOfSlot = new Map<Slot, number[]>();
  readonly #random: Random;
  readonly #player: TrajectoryPlayer;
  readonly #eyes: SimEyes;
  #advanceLog2Max = FAR_LOG2_MAX;
  #accessesToLeap = 0;
  #leapTo = 0;
  /**
   * Set for a listing that is to be preempted: links to follow before, and the moment at which it
   * goes on.
   */
  #preemption: { linkCount: number; readonly until: number } | undefined;

  /** Makes readers whose choices follow from `random`. */
  constructor(trajectory: Trajectory, random: Random) {
    this.#trajectory = trajectory;
    this.#models = trajectory.models;
    for (const [i, { key }] of this.#models.entries()) {
      this.#modelsOfSlot.set(key.slot, [...this.#modelsOfSlot.get(key.slot) ?? [], i]);
    }
    this.#random = random;
    this.#player = trajectory.play();
    this.#eyes = new SimEyes(this.#player.pool, () => this.#nowMs);
  }

  /** Reads everywhere, and above all where readers are most likely to be led astray. */
  run({ rounds, events }: ReadingEffort): void {
    const onAccess = (_: boolean, array: Int32Array, index: number) => {
      if (this.#preemption === undefined) this.#moveOn();
      else this.#mayBePreempted(array, index);
    };
    withAtomicHooks({ onAccess }, () => {
      for (let i = 0; i < rounds; i++) this.#readUntil(0, Infinity, undefined);
      for (let i = 0; i < events && this.#trajectory.events.length > 0; i++) {
        this.#readAbout(this.#random.pick(this.#trajectory.events));
      }
      for (const { kind, moment, slot } of this.#trajectory.events) {
        if (kind === "table compacted" && this.#modelsOfSlot.has(slot!)) {
          this.#listPreempted(moment, slot!);
        }
      }
    });
  }

  /**
   * Reads one key from every moment on, with memory leaping once, at every access, to a later
   * moment.
   */
  readWithOneLeap(model: number): void {
    const { momentCount } = this.#trajectory;
    const onAccess = () => {
      if (this.#accessesToLeap-- === 0) this.#player.seek(this.#leapTo);
    };
    withAtomicHooks({ onAccess }, () => {
      for (let moment = 0; moment < momentCount; moment++) {
        for (let access = 0; access < READ_ACCESSES; access++) {
          this.#player.seek(moment);
          this.#accessesToLeap = access;
          this.#leapTo = moment + 1 + this.#random.below(momentCount - moment);
          this.#read(model, this.#models.map(() => 0));
        }
      }
    });
  }

  #readAbout({ moment, slot }: TrajectoryEvent): void {
    if (slot !== undefined && !this.#modelsOfSlot.has(slot)) return;
    for (let i = 0; i < EVENT_ROUNDS; i++) {
      this.#advanceLog2Max = this.#random.next() < FAR_SHARE ? FAR_LOG2_MAX : NEAR_LOG2_MAX;
      this.#readUntil(moment - MOMENTS_BEFORE, moment + MOMENTS_AFTER, slot);
    }
  }

  get #nowMs(): number {
    return this.#trajectory.timeAt(this.#player.moment);
  }

  #readUntil(start: number, end: number, slot: Slot | undefined): void {
    this.#player.seek(start);
    const versionsSeen = this.#models.map(() => 0);
    while (!this.#player.isAtEnd && this.#player.moment < end) {
      if (this.#random.next() < LISTING_SHARE) {
        this.#list(slot ?? this.#random.pick(this.#models).key.slot);
      } else this.#read(this.#pickModel(slot), versionsSeen);
      this.#moveOn();
    }
  }

  /**
   * Lists a slot while the reader is preempted once, just after it has followed a link to an
   * overflow bucket.
   */
  #listPreempted(moment: number, slot: Slot): void {
    for (let i = 0; i < PREEMPTED_LISTINGS; i++) {
      const offset = this.#random.between(-PREEMPTED_MOMENTS_BEFORE, PREEMPTED_MOMENTS_AFTER);
      this.#player.seek(moment + offset);
      const distance = 1 + this.#random.below(2 ** this.#random.between(1, PREEMPTED_LOG2_MAX));
      this.#preemption = {
        linkCount: this.#random.between(1, PREEMPTED_LINKS_MAX),
        until: this.#player.moment + distance,
      };
      this.#list(slot);
      this.#preemption = undefined;
    }
  }

  #read(i: number, versionsSeen: number[]): void {
    const begun = this.#trajectory.entryAt(i, this.#player.moment);
    const seen = this.#eyes.look(this.#models[i]!.key);
    const versionSeen = versionsSeen[i]!;
    this.#models[i]!.endRead(
      { ...begun, to: this.#issuedCount(i), versionSeen },
      seen,
      this.#nowMs,
    );
    versionsSeen[i] = seen?.version ?? versionSeen;
  }

  #list(slot: Slot): void {
    const inSlot = this.#modelsOfSlot.get(slot)!;
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
    return this.#random.pick(this.#modelsOfSlot.get(slot ?? this.#models[changing]!.key.slot)!);
  }

  #issuedCount(model: number): number {
    return this.#trajectory.entryAt(model, this.#player.moment).issuedCount;
  }

  #mayBePreempted(array: Int32Array, index: number): void {
    const preemption = this.#preemption!;
    const isLink = array === this.#player.pool.index[0] && index % BUCKET_WORDS === BUCKET_OVERFLOW;
    if (!isLink || array[index] === NO_BUCKET || --preemption.linkCount !== 0) return;
    this.#player.seek(preemption.until);
  }

  #moveOn(): void {
    if (this.#random.next() >= ADVANCE_SHARE) return;
    const distance = this.#random.below(2 ** this.#random.below(this.#advanceLog2Max + 1));
    this.#player.seek(this.#player.moment + 1 + distance);
  }
}
