/**
 * A writer of a table dies before and after every atomic access of everything that it does. The
 * table is repaired while readers look on, by someone who may die, too. Then it is as good as new:
 * it holds what it held before or after what the writer was doing, its counts are right, and it can
 * be changed further.
 *
 * @module
 */
import process from "node:process";
import { test } from "uvu";
import { repairIndexSpace } from "../../lib/index/index_space.ts";
import { metaLog2 } from "../../lib/index/slot_extents.ts";
import { SLOT_META } from "../../lib/pool/control_layout.ts";
import { Random } from "../support/random.ts";
import { withAtomicHooks } from "../support/sim_atomics.ts";
import { dieAt } from "../support/sim_death.ts";
import { interruptAt } from "../support/sim_duel.ts";
import {
  type Change,
  type Contents,
  isSame,
  MortalTable,
  type Saved,
  type TableAgent,
  type TableEyes,
} from "../support/sim_mortal_table.ts";
import { require } from "../support/sim_model.ts";
import { forEachSeed } from "../support/sim_seeds.ts";

const SEED_COUNT = 27;
/** One seed alone need not have seen everything. */
const IS_REPLAY = (process.env["DINOMO_SEED"] ?? "") !== "";
/** Changes of one table, and changes of a repaired one before it is given up. */
const CHANGE_COUNT = 90;
const CHANGES_AFTER_REPAIR = 12;
/**
 * Accesses of a read, and of a repair, among which the one is chosen at which something happens.
 */
const READ_ACCESSES_MAX = 16;
/** Deaths that are tried in a compaction, with reads of what it moves. */
const READS_OF_MOVED_KEYS = 300;
const REPAIR_ACCESSES_MAX = 60;
const [DEAD, ALIVE] = [0, 1];

/** How often what has to be tried has happened. */
const seen = { deaths: 0, undone: 0, done: 0, duringDoubling: 0, deadRepairs: 0, compacted: 0 };

/**
 * A read of a key that begins at one moment of a change, and is interrupted at one of its own
 * accesses.
 */
interface ReadMoment {
  readonly key: number;
  readonly beginsAt: number;
  readonly interruptedAt: number;
}

class Trial {
  readonly #random: Random;
  readonly #mortal: MortalTable;
  /** Of the reader that is interrupted, and of the one that looks on. */
  readonly #readEyes: TableEyes;
  readonly #lookEyes: TableEyes;

  constructor(seed: number) {
    this.#random = new Random(seed);
    this.#mortal = new MortalTable(this.#random);
    this.#readEyes = this.#mortal.eyes();
    this.#lookEyes = this.#mortal.eyes();
  }

  run(): void {
    const mortal = this.#mortal;
    const agent = mortal.agent(ALIVE);
    let contents: Contents = new Map();
    for (let i = 0; i < CHANGE_COUNT; i++) {
      const change = mortal.nextChange(this.#random, contents);
      const saved = mortal.save();
      let at = 0;
      while (this.#dieDuring(change, contents, at, saved, this.#anyRead(at))) at += 1;
      mortal.restore(saved);
      const moved = this.#overflowKeys;
      const next = this.#make(agent, change, contents);
      if (this.#overflowKeys.length < moved.length) {
        this.#readWhatMoves(change, contents, saved, at, moved);
      }
      contents = next;
    }
    require(isSame(mortal.walk(), contents), "the model is right");
  }

  /**
   * Reads the keys that a compaction moves, at many moments: a read may be too early for the copy
   * and too late for the original.
   */
  #readWhatMoves(
    change: Change,
    contents: Contents,
    saved: Saved,
    momentCount: number,
    keys: readonly number[],
  ): void {
    const after = this.#mortal.save();
    seen.compacted += 1;
    for (let i = 0; i < READS_OF_MOVED_KEYS; i++) {
      const at = this.#random.below(momentCount);
      const moment = { ...this.#anyRead(at), key: this.#random.pick(keys) };
      require(this.#dieDuring(change, contents, at, saved, moment), "it dies again");
    }
    this.#mortal.restore(after);
  }

  /** Lets a writer die at one moment of a change; false when the change was over before. */
  #dieDuring(
    change: Change,
    before: Contents,
    at: number,
    saved: Saved,
    moment: ReadMoment,
  ): boolean {
    const mortal = this.#mortal;
    const survivor = mortal.agent(ALIVE);
    const after = mortal.after(before, change);
    const diesAt = (at: number): boolean => {
      const agent = mortal.agent(DEAD);
      mortal.restore(saved);
      return dieAt(at, () => mortal.change(agent, change));
    };
    // Both times the writer passes the same states, so to the reader that begins here this is one
    // writer.
    diesAt(moment.beginsAt);
    let hasDied = false;
    this.#readWhile(
      () => {
        hasDied = diesAt(at);
        if (!hasDied) return;
        if (this.#log2 !== metaLog2(saved.slot[SLOT_META]!)) seen.duringDoubling += 1;
        repairIndexSpace(mortal.fixture.pool, DEAD);
        this.#repair(survivor, before, after);
      },
      [before, after],
      moment,
    );
    if (!hasDied) return false;
    seen.deaths += 1;
    const found = mortal.walk();
    require(isSame(found, before) || isSame(found, after), "it holds what it held before or after");
    if (isSame(found, before)) seen.undone += 1;
    else seen.done += 1;
    this.#goOn(survivor, found);
    return true;
  }

  /** Repairs the table, after somebody may have died in the middle of doing so; readers look on. */
  #repair(survivor: TableAgent, before: Contents, after: Contents): void {
    const mortal = this.#mortal;
    const at = this.#random.below(REPAIR_ACCESSES_MAX);
    if (dieAt(at, () => survivor.table.repair(mortal.slotAt))) seen.deadRepairs += 1;
    let isReading = false;
    const onAccess = (isWrite: boolean) => {
      if (isReading || !isWrite) return;
      isReading = true;
      for (let key = 0; key < mortal.keyCount; key++) {
        mortal.read(this.#lookEyes, key, [before, after]);
      }
      isReading = false;
    };
    withAtomicHooks({ onAccess }, () => survivor.table.repair(mortal.slotAt));
  }

  #anyRead(at: number): ReadMoment {
    const key = this.#random.below(this.#mortal.keyCount);
    const beginsAt = this.#random.below(at + 1);
    return { key, beginsAt, interruptedAt: this.#random.below(READ_ACCESSES_MAX) };
  }

  /** Does something in the middle of a read. */
  #readWhile(body: () => void, allowed: readonly Contents[], moment: ReadMoment): void {
    const read = () => this.#mortal.read(this.#readEyes, moment.key, allowed);
    if (!interruptAt(moment.interruptedAt, read, body)) body();
  }

  #goOn(agent: TableAgent, contents: Contents): void {
    let now = contents;
    for (let i = 0; i < CHANGES_AFTER_REPAIR; i++) {
      const change = this.#mortal.nextChange(this.#random, now);
      const next = this.#mortal.after(now, change);
      this.#readWhile(() => this.#make(agent, change, now), [now, next], this.#anyRead(0));
      now = next;
    }
    require(isSame(this.#mortal.walk(), now), "a repaired table is changed like any other");
  }

  #make(agent: TableAgent, change: Change, contents: Contents): Contents {
    require(this.#mortal.change(agent, change), "the index has room for all keys");
    return this.#mortal.after(contents, change);
  }

  /** Keys in overflow buckets. */
  get #overflowKeys(): number[] {
    this.#mortal.walk();
    return this.#mortal.overflowKeys;
  }

  get #log2(): number {
    return metaLog2(this.#mortal.fixture.pool.control[this.#mortal.slotAt + SLOT_META]!);
  }
}

test("a table whose writer has died is as good as new after its repair", () => {
  forEachSeed(SEED_COUNT, (seed) => new Trial(seed).run());
  const hasSeenAll = Object.values(seen).every((count) => count > 0);
  require(hasSeenAll || IS_REPLAY, `everything happens: ${JSON.stringify(seen)}`);
});

test.run();
