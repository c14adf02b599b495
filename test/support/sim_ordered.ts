/**
 * Writers and scanners of one ordered index in one thread, which interrupt each other at their
 * accesses to shared memory, and of which some die there. Pages hold few entries, so they are split
 * and taken out all the time.
 *
 * @module
 */
import type { PoolAddress } from "../../lib/core/brands.ts";
import { repairOrderedIndex } from "../../lib/ordered/tree_repair.ts";
import { RangeCursor } from "../../lib/ordered/range_cursor.ts";
import { checkOrderedIndex, type OrderedIndexReport } from "../../lib/ordered/tree_check.ts";
import { RECORD_HASH } from "../../lib/log/record_layout.ts";
import { type OrderedAgent, OrderedFixture, scan } from "./ordered_fixture.ts";
import { bytesOfText, type KeyMaker, sorted } from "./ordered_keys.ts";
import type { Random } from "./random.ts";
import { withAtomicHooks } from "./sim_atomics.ts";
import { require } from "./sim_model.ts";

const SIZES = { segmentCount: 64, segmentBytes: 16_384 };
const DEPTH_MAX = 4;
/** How many keys a cursor is told that it will be asked for, though it is asked for all. */
const WANTED = [1, 3, Infinity] as const;
/** Steps of a long interruption, and their share. */
const LONG_STEPS = 40;
const LONG_SHARE = 0.1;
/** Steps, those within others included, for each of those that a run makes. */
const NESTED_STEPS = 6;
/** Accesses of one step, beyond which it does not end. */
const ACCESSES_MAX = 2_000_000;

/** What a world is like. */
export interface OrderedWorldOptions {
  readonly random: Random;
  readonly make: KeyMaker;
  readonly keyCount: number;
  readonly writerCount: number;
  readonly scannerCount: number;
  readonly entriesMax: number;
  /** Share of the accesses at which another one makes a step, and at which a writer dies. */
  readonly interruptShare: number;
  readonly deathShare: number;
  /** Whether keys come in their order, and the oldest go: as in a queue. */
  readonly isQueue?: boolean;
}

class Death extends Error {}

/** One key, and what is known of it. */
interface SimKey {
  readonly text: string;
  readonly record: PoolAddress;
  readonly writer: number;
  isPresent: boolean;
}

/** A scan that is going on: the keys that have changed since it began. */
interface Scan {
  readonly touched: Set<SimKey>;
}

/** The world. */
export class OrderedWorld {
  readonly fixture: OrderedFixture;
  deathCount = 0;
  interruptCount = 0;
  stepCount = 0;
  readonly keys: readonly SimKey[];
  readonly #options: OrderedWorldOptions;
  readonly #random: Random;
  readonly #writers: OrderedAgent[];
  readonly #cursors: RangeCursor[];
  readonly #scans = new Set<Scan>();
  readonly #inChange = new Set<SimKey>();
  /** Numbers of the writers, and behind them of the scanners, that are in the middle of a step. */
  readonly #active = new Set<number>();
  #mortal = -1;
  #accessCount = 0;
  #stepsMax = 0;

  /** Makes a world without keys. */
  constructor(options: OrderedWorldOptions) {
    this.#options = options;
    this.#random = options.random;
    const { entriesMax, keyCount, writerCount, scannerCount, make, random } = options;
    const fixture = OrderedFixture.make(SIZES, { entriesMax, pageCount: 2 ** 17 });
    this.fixture = fixture;
    const texts = new Set<string>();
    for (let i = 0; texts.size < keyCount && i < 20 * keyCount; i++) {
      texts.add(make(random, i) || "-");
    }
    // In the order in which they were made.
    this.keys = [...texts].map((text) => {
      const record = fixture.record(bytesOfText(text));
      const hash = fixture.pool.wordsOf(record)[fixture.pool.wordAt(record) + RECORD_HASH]!;
      // Of keys of one slot one at a time is changed.
      return { text, record, writer: (hash >>> 20) % writerCount, isPresent: false };
    });
    this.#writers = Array.from({ length: writerCount }, (_, i) => fixture.writer(i));
    this.#cursors = Array.from(
      { length: scannerCount },
      (_, i) => new RangeCursor(fixture.writer(60 + i).pool),
    );
  }

  /** Makes so many steps, and several times as many within them. */
  run(stepCount: number): void {
    this.#stepsMax = NESTED_STEPS * stepCount;
    withAtomicHooks({ onAccess: () => this.#onAccess() }, () => {
      for (let i = 0; i < stepCount; i++) {
        this.#accessCount = 0;
        this.#step();
      }
    });
    this.check();
  }

  /** Removes all keys, whole. */
  empty(): void {
    withAtomicHooks({ onAccess: () => this.#onAccess() }, () => {
      for (const key of this.keys) {
        this.#accessCount = 0;
        if (key.isPresent) this.#change(key.writer, key);
      }
    });
    this.check();
  }

  /** Checks everything, in a moment of rest. */
  check(): OrderedIndexReport {
    const report = checkOrderedIndex(this.fixture.pool);
    require(report.problems.length === 0, report.problems.join("; "));
    const expected = sorted(this.keys.filter(({ isPresent }) => isPresent).map(({ text }) => text));
    require(report.keys === expected.length, "the hash index holds the keys");
    for (const isReverse of [false, true]) {
      const found = scan(this.#cursors[0]!, {}, isReverse);
      if (isReverse) found.reverse();
      require(found.join() === expected.join(), "a scan at rest sees the keys in their order");
    }
    return report;
  }

  #onAccess(): void {
    require(this.#accessCount++ < ACCESSES_MAX, "a step does not end");
    if (this.#active.size === 0 || this.#active.size >= DEPTH_MAX) return;
    // Interruptions of interruptions would go on for very long.
    if (this.stepCount >= this.#stepsMax) return;
    const { interruptShare, deathShare } = this.#options;
    if (this.#mortal >= 0 && this.#random.next() < deathShare) throw new Death();
    if (this.#random.next() >= interruptShare) return;
    const mortal = this.#mortal;
    const isLong = this.#random.next() < LONG_SHARE;
    for (let i = isLong ? this.#random.below(LONG_STEPS) : 1; i > 0; i--) this.#step();
    this.interruptCount += 1;
    this.#mortal = mortal;
  }

  /** Lets one make a step that is not in the middle of one. */
  #step(): void {
    const number = this.#random.below(this.#writers.length + this.#cursors.length);
    if (this.#active.has(number)) return;
    this.#active.add(number);
    this.stepCount += 1;
    if (number < this.#writers.length) this.#write(number);
    else this.#scan(this.#cursors[number - this.#writers.length]!);
    this.#active.delete(number);
  }

  #write(writer: number): void {
    const key = this.#options.isQueue ? this.#nextOfQueue(writer) : this.#anyOf(writer);
    if (key === undefined) return;
    this.#mortal = writer;
    this.#inChange.add(key);
    for (const { touched } of this.#scans) touched.add(key);
    try {
      this.#change(writer, key);
    } catch (error) {
      if (!(error instanceof Death)) throw error;
      this.deathCount += 1;
      this.#mortal = -1;
      this.#recover(writer, key);
    }
    this.#mortal = -1;
    this.#inChange.delete(key);
  }

  #anyOf(writer: number): SimKey | undefined {
    const own = this.keys.filter((key) => key.writer === writer);
    return own.length === 0 ? undefined : this.#random.pick(own);
  }

  /** The oldest key that is there, or the next one that was never there. */
  #nextOfQueue(writer: number): SimKey | undefined {
    const own = this.keys.filter((key) => key.writer === writer);
    const oldest = own.find(({ isPresent }) => isPresent);
    if (this.#random.next() < 0.5 && oldest !== undefined) return oldest;
    const last = own.findLastIndex(({ isPresent }) => isPresent);
    return own[last + 1];
  }

  #change(writer: number, key: SimKey): void {
    const agent = this.#writers[writer]!;
    if (key.isPresent) agent.remove(key.record);
    else require(agent.insert(key.record), "there is room");
    key.isPresent = !key.isPresent;
  }

  /** What the M-node does: repairs, and completes the change. */
  #recover(writer: number, key: SimKey): void {
    const { fixture } = this;
    const agent = fixture.writer(writer);
    this.#writers[writer] = agent;
    const slotAt = fixture.slotAt(this.#hashOf(key));
    agent.table.repair(slotAt);
    const isThere = agent.table.findAddress(slotAt, this.#hashOf(key), key.record);
    // A record that was about to be published is published by its successor; a removed pair stays
    // away.
    if (key.isPresent && isThere) agent.remove(key.record);
    if (!key.isPresent && !isThere) require(agent.insert(key.record), "there is room");
    key.isPresent = !key.isPresent;
    repairOrderedIndex(fixture.pool, writer);
    repairOrderedIndex(fixture.pool, writer);
  }

  #hashOf({ record }: SimKey): number {
    const { pool } = this.fixture;
    return pool.wordsOf(record)[pool.wordAt(record) + RECORD_HASH]!;
  }

  /** Scans, and checks that what it saw is allowed. */
  #scan(cursor: RangeCursor): void {
    const random = this.#random;
    this.#mortal = -1;
    const isReverse = random.next() < 0.4;
    const lower = random.next() < 0.4 ? random.pick(this.keys).text : "";
    const atStart = this.keys.filter(({ isPresent, text }) => isPresent && text >= lower);
    // Those that are being changed just now may be seen or not.
    const scanning: Scan = { touched: new Set(this.#inChange) };
    this.#scans.add(scanning);
    const found = scan(
      cursor,
      { lower: bytesOfText(lower) },
      isReverse,
      WANTED[this.stepCount % WANTED.length],
    );
    this.#scans.delete(scanning);
    if (isReverse) found.reverse();
    const seen = new Set(found);
    require(seen.size === found.length, "a scan sees no key twice");
    require(sorted(found).join() === found.join(), "a scan sees keys in their order");
    for (const key of atStart) {
      const isSeen = seen.delete(key.text) || scanning.touched.has(key);
      require(isSeen, `a scan sees ${key.text}, which was there all the time`);
    }
    const touched = new Set([...scanning.touched].map(({ text }) => text));
    for (const text of seen) {
      require(
        touched.has(text) && text >= lower,
        `a scan does not see ${text}, which was not there`,
      );
    }
  }
}
