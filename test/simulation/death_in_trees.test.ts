/**
 * A writer of the ordered index dies before or after every access to shared memory of a change.
 * What it leaves is valid: scans see the same keys. Other writers go on at once, before anything is
 * repaired; a repair may itself be interrupted by death.
 *
 * @module
 */
import { test } from "uvu";
import * as assert from "uvu/assert";
import type { PoolAddress } from "../../lib/core/brands.ts";
import { BLOCK_WORDS, TABLE_LOCK, TABLE_NEXT, TABLE_PAGES } from "../../lib/ordered/page_layout.ts";
import { RangeCursor } from "../../lib/ordered/range_cursor.ts";
import { checkOrderedIndex, type OrderedIndexReport } from "../../lib/ordered/tree_check.ts";
import { repairOrderedIndex } from "../../lib/ordered/tree_repair.ts";
import { PageSpace } from "../../lib/ordered/page_space.ts";
import { CAMPAIGN_FACTOR, SHARE_COUNT } from "../support/campaign.ts";
import { keyOfRecord, OrderedFixture, scan } from "../support/ordered_fixture.ts";
import { bytesOfText, KEY_MAKERS, sorted } from "../support/ordered_keys.ts";
import { Random } from "../support/random.ts";
import { dieAt } from "../support/sim_death.ts";
import { interruptAt } from "../support/sim_duel.ts";
import { require } from "../support/sim_model.ts";
import { forEachSeed } from "../support/sim_seeds.ts";

const SEED_COUNT = 14;
const [DEAD, ALIVE, MAIN] = [0, 1, 2];
const KEY_COUNT = 26;
const CHANGE_COUNT = 28;
/** Of so many moments of a change one is tried; in a campaign more of them. */
const STRIDE = CAMPAIGN_FACTOR >= 1 && SHARE_COUNT === 1 ? 3 : 31;
const NOISE = 5;
const SIZES = { segmentCount: 16, segmentBytes: 16_384 };
const KINDS = ["digits", "ever increasing", "prefixes of each other", "of 2048 bytes"] as const;

/** How often what has to be tried has happened. */
const seen = { deaths: 0, afterFreeze: 0, dormant: 0 };

/** Accesses in which others are done with what they do. */
const ACCESSES_MAX = 40_000;

function mustEnd(body: () => void): void {
  require(!dieAt(2 * ACCESSES_MAX, body), "others are held up for ever");
}

class Trial {
  readonly #random: Random;
  readonly #fixture: OrderedFixture;
  readonly #records: readonly PoolAddress[];
  readonly #present = new Set<PoolAddress>();
  readonly #cursor: RangeCursor;
  readonly #buffers: readonly Int32Array[];

  constructor(seed: number) {
    const random = new Random(seed);
    this.#random = random;
    const make = KEY_MAKERS[random.pick(KINDS)]!;
    const isLong = make === KEY_MAKERS["of 2048 bytes"];
    const pageCount = isLong ? 2048 : 512;
    const fixture = OrderedFixture.make(SIZES, { entriesMax: 4, pageCount });
    this.#fixture = fixture;
    const texts = new Set<string>();
    for (let i = 0; texts.size < KEY_COUNT && i < 900; i++) texts.add(make(random, i));
    this.#records = [...texts].map((text) => fixture.record(bytesOfText(text)));
    this.#cursor = new RangeCursor(fixture.writer(9).pool);
    const { table, blocks } = fixture.pool.handle.ordered!;
    this.#buffers = [table, ...blocks].map((buffer) => new Int32Array(buffer));
  }

  run(): void {
    const main = this.#fixture.writer(MAIN);
    for (let i = 0; i < CHANGE_COUNT; i++) {
      // It grows, and then it shrinks.
      const mustAdd = this.#present.size === 0 || this.#random.next() < (i < 16 ? 0.85 : 0.2);
      const candidates = this.#records.filter((record) => this.#present.has(record) !== mustAdd);
      if (candidates.length === 0) continue;
      const record = this.#random.pick(candidates);
      // A pair comes after its entry, and goes before it: the hash index stands still in between.
      if (!mustAdd) this.#removePair(record);
      const change = (agent: number) => {
        const { ordered } = this.#fixture.writer(agent);
        return mustAdd ? () => void ordered.insert(record) : () => ordered.remove(record);
      };
      const saved = this.#save();
      const offset = this.#random.below(STRIDE);
      for (let at = offset; this.#dieDuring(change(DEAD), change(ALIVE), at); at += STRIDE) {
        this.#restore(saved);
      }
      this.#restore(saved);
      this.#readDuring(
        mustAdd ? () => main.ordered.insert(record) : () => main.ordered.remove(record),
      );
      if (mustAdd) {
        require(main.insertPair(record), "there is room");
        this.#present.add(record);
      }
      this.#check();
    }
  }

  /** Lets a writer die at one moment; false when the change was over before. */
  #dieDuring(change: () => void, again: () => void, at: number): boolean {
    const { pool } = this.#fixture;
    if (!dieAt(at, change)) return false;
    seen.deaths += 1;
    const report = this.#check();
    if (report.frozenPages > 0) seen.afterFreeze += 1;
    if (report.dormantPages > 0) seen.dormant += 1;
    // Others go on, over what it has left.
    mustEnd(() => {
      this.#makeNoise();
      again();
    });
    this.#check();
    dieAt(this.#random.below(8), () => repairOrderedIndex(pool, DEAD));
    repairOrderedIndex(pool, DEAD);
    const { table } = PageSpace.of(pool).memory;
    require(table[TABLE_LOCK] === 0, "no lock is left");
    mustEnd(() => this.#makeNoise());
    this.#check();
    return true;
  }

  /** Reads while a whole change is made in the middle of it. */
  #readDuring(change: () => void): void {
    const at = this.#random.below(120);
    const expected = this.#expected;
    const isReverse = this.#random.next() < 0.5;
    let found: string[] = [];
    const isDone = interruptAt(at, () => found = scan(this.#cursor, {}, isReverse), change);
    if (!isDone) change();
    require(found.join() === (isReverse ? expected.reverse() : expected).join(), "a scan sees all");
  }

  /** Adds and removes entries of keys that the hash index does not have. */
  #makeNoise(): void {
    const agent = this.#fixture.writer(ALIVE);
    const absent = this.#records.filter((record) => !this.#present.has(record));
    const noise = Array.from({ length: Math.min(NOISE, absent.length) }, () => {
      return this.#random.pick(absent);
    });
    for (const record of noise) require(agent.ordered.insert(record), "there is room");
    for (const record of noise) agent.ordered.remove(record);
  }

  #check(): OrderedIndexReport {
    const report = checkOrderedIndex(this.#fixture.pool);
    require(report.problems.length === 0, report.problems.join("; "));
    const expected = this.#expected;
    require(scan(this.#cursor, {}).join() === expected.join(), "a scan sees the keys");
    const reverse = scan(this.#cursor, {}, true).reverse();
    require(reverse.join() === expected.join(), "a scan sees the keys from the end");
    return report;
  }

  get #expected(): string[] {
    return sorted([...this.#present].map((record) => keyOfRecord(this.#fixture.pool, record)));
  }

  #removePair(record: PoolAddress): void {
    const agent = this.#fixture.writer(MAIN);
    agent.removePair(record);
    this.#present.delete(record);
  }

  #save(): Int32Array[] {
    // What was never handed out is as good as new, whatever is in it.
    const next = this.#buffers[0]![TABLE_NEXT]!;
    return this.#buffers.map((words, i) => {
      return words.slice(0, i === 0 ? TABLE_PAGES + next : next * BLOCK_WORDS);
    });
  }

  #restore(saved: readonly Int32Array[]): void {
    this.#buffers.forEach((words, i) => words.set(saved[i]!));
  }
}

test("what a writer leaves that dies is valid, and others go on", () => {
  forEachSeed(SEED_COUNT, (seed) => new Trial(seed).run());
  // One seed alone need not have seen everything.
  const hasSeenAll = Object.values(seen).every((count) => count > 0);
  assert.ok(seen.deaths > 20 && (hasSeenAll || SHARE_COUNT > 1), JSON.stringify(seen));
});

test.run();
