/**
 * The ordered index against a sorted array, with keys of every kind, in pages of few entries and of
 * as many as fit.
 *
 * @module
 */
import { test } from "uvu";
import * as assert from "uvu/assert";
import type { PoolAddress } from "../../lib/core/brands.ts";
import { boundsOfPrefix, intersectBounds, type KeyBounds } from "../../lib/ordered/key_bounds.ts";
import { compareRecordKeys } from "../../lib/ordered/key_order.ts";
import { RangeCursor } from "../../lib/ordered/range_cursor.ts";
import { checkOrderedIndex } from "../../lib/ordered/tree_check.ts";
import { TreeLoader } from "../../lib/ordered/tree_loader.ts";
import { runtimeShare } from "../support/campaign.ts";
import { type OrderedAgent, OrderedFixture, scan } from "../support/ordered_fixture.ts";
import { bytesOfText, KEY_MAKERS, type KeyMaker, sorted } from "../support/ordered_keys.ts";
import { type Random, seeded } from "../support/random.ts";

const CHANGE_COUNT = 260;
const RANGES_PER_LOOK = 3;
const ENTRIES = [4, 5, 9, 83] as const;
/** How many keys a cursor is told that it will be asked for, though it is asked for all. */
const WANTED = [1, 2, 7, Infinity] as const;
const SIZES = { segmentCount: 400, segmentBytes: 16_384 };

/** What is in a pool, and its records. */
class Model {
  readonly fixture: OrderedFixture;
  readonly records = new Map<string, PoolAddress>();
  readonly #cursor: RangeCursor;

  constructor(fixture: OrderedFixture) {
    this.fixture = fixture;
    this.#cursor = new RangeCursor(fixture.writer(9).pool);
  }

  /** Puts a key unless it is there. */
  put(agent: OrderedAgent, key: string, hash?: number): void {
    if (this.records.has(key)) return;
    const { fixture } = this;
    const record = key === "" ? fixture.systemRecord() : fixture.record(bytesOfText(key), hash);
    assert.ok(agent.insert(record));
    this.records.set(key, record);
  }

  remove(agent: OrderedAgent, key: string): void {
    agent.remove(this.records.get(key)!);
    this.records.delete(key);
  }

  /** Compares the whole, and some ranges. */
  look(random: Random): void {
    const report = checkOrderedIndex(this.fixture.pool);
    assert.equal(report.problems, []);
    assert.is(report.keys, this.records.size);
    const keys = sorted(this.records.keys());
    this.#compare(random, {}, keys, () => true);
    for (let i = 0; keys.length > 0 && i < RANGES_PER_LOOK; i++) {
      const ends = sorted([this.#someText(random, keys), this.#someText(random, keys)]);
      const [lower, upper] = random.next() < 0.1 ? ends.reverse() : ends;
      const bounds: KeyBounds = {
        lower: random.next() < 0.2 ? undefined : bytesOfText(lower!),
        lowerInclusive: random.pick([undefined, true, false]),
        upper: random.next() < 0.2 ? undefined : bytesOfText(upper!),
        upperInclusive: random.pick([undefined, true, false]),
      };
      const isInside = (key: string) =>
        (bounds.lower === undefined || key > lower! ||
          (key === lower! && bounds.lowerInclusive !== false)) &&
        (bounds.upper === undefined || key < upper! ||
          (key === upper! && bounds.upperInclusive === true));
      this.#compare(random, bounds, keys, isInside);
      const prefix = lower!.slice(0, random.below(lower!.length + 1));
      const ofPrefix = boundsOfPrefix(bytesOfText(prefix));
      this.#compare(random, ofPrefix, keys, (key) => key.startsWith(prefix));
      this.#compare(
        random,
        intersectBounds(bounds, ofPrefix),
        keys,
        (key) => key.startsWith(prefix) && isInside(key),
      );
    }
  }

  #compare(
    random: Random,
    bounds: KeyBounds,
    keys: readonly string[],
    isInside: (key: string) => boolean,
  ): void {
    const expected = keys.filter(isInside);
    const wanted = random.pick(WANTED);
    assert.equal(scan(this.#cursor, bounds, false, wanted), expected);
    assert.equal(scan(this.#cursor, bounds, true, wanted), expected.reverse());
  }

  /** A key, or one that is not there, but near one. */
  #someText(random: Random, keys: readonly string[]): string {
    const key = random.pick(keys);
    if (random.next() < 0.6) return key;
    return key.slice(0, random.below(key.length + 1)) + random.pick(["", "\x00", "\xff", "m"]);
  }
}

function change(model: Model, agent: OrderedAgent, random: Random, make: KeyMaker): void {
  for (let i = 0; i < CHANGE_COUNT; i++) {
    const removeShare = i < CHANGE_COUNT / 2 ? 0.25 : 0.6;
    if (random.next() < removeShare && model.records.size > 0) {
      model.remove(agent, random.pick([...model.records.keys()]));
    } else {
      // Now and then all keys have one of few hashes.
      const hash = random.next() < 0.35 ? 0x12300000 + random.below(3) : undefined;
      model.put(agent, make(random, i), hash);
    }
    if (i % 65 === 64) model.look(random);
  }
}

for (const [kind, make] of runtimeShare(Object.entries(KEY_MAKERS))) {
  test(
    `keys that are ${kind} are found in their order`,
    seeded((random) => {
      const entriesMax = random.pick(ENTRIES);
      const model = new Model(OrderedFixture.make(SIZES, { entriesMax }));
      const agent = model.fixture.writer(0);
      change(model, agent, random, make);
      for (const key of [...model.records.keys()]) model.remove(agent, key);
      model.look(random);
      const { entries, emptyLeaves, pages } = checkOrderedIndex(model.fixture.pool);
      assert.is(entries, 0);
      assert.ok(emptyLeaves <= pages && pages < 40, `${pages} pages are left`);
    }),
  );

  test(
    `keys that are ${kind} are loaded in their order, and changed afterwards`,
    seeded((random) => {
      const entriesMax = random.pick(ENTRIES);
      const model = new Model(OrderedFixture.make(SIZES, { entriesMax }));
      const { fixture, records } = model;
      const agent = fixture.writer(0);
      for (let i = random.pick([0, 1, 5, 300]); i > 0; i--) {
        const key = make(random, i);
        if (records.has(key)) continue;
        const isEmpty = key === "";
        const record = isEmpty ? fixture.systemRecord() : fixture.record(bytesOfText(key));
        agent.insertPair(record);
        records.set(key, record);
      }
      const loader = new TreeLoader(fixture.pool);
      const inOrder = [...records.values()].sort((a, b) => compareRecordKeys(fixture.pool, a, b));
      for (const record of inOrder) assert.ok(loader.add(record));
      assert.ok(loader.finish());
      model.look(random);
      change(model, agent, random, make);
    }),
  );
}

test.run();
