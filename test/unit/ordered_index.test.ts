/**
 * The ordered index where it is full, worn out, or held by the dead.
 *
 * @module
 */
import { test } from "uvu";
import * as assert from "uvu/assert";
import type { PoolAddress } from "../../lib/core/brands.ts";
import { RecordKey } from "../../lib/log/record_key.ts";
import { boundsOfPrefix, intersectBounds } from "../../lib/ordered/key_bounds.ts";
import { isOrdered } from "../../lib/ordered/ordered_index.ts";
import {
  agentWord,
  BLOCK_BYTES,
  BLOCK_GENERATION,
  GENERATION_MAX,
  TABLE_FREE_COUNT,
  TABLE_LOCK,
} from "../../lib/ordered/page_layout.ts";
import { PageSpace } from "../../lib/ordered/page_space.ts";
import { KeyBuffer } from "../../lib/ordered/key_order.ts";
import { KeyResolver } from "../../lib/ordered/key_resolver.ts";
import { guessLeaf } from "../../lib/ordered/leaf_guess.ts";
import { PageEditor } from "../../lib/ordered/page_editor.ts";
import { PageView } from "../../lib/ordered/page_view.ts";
import { RangeCursor } from "../../lib/ordered/range_cursor.ts";
import { checkOrderedIndex } from "../../lib/ordered/tree_check.ts";
import { orderedFigures } from "../../lib/ordered/tree_figures.ts";
import { repairOrderedIndex } from "../../lib/ordered/tree_repair.ts";
import { Side } from "../../lib/ordered/side.ts";
import { TreeWalk } from "../../lib/ordered/tree_walk.ts";
import { type OrderedAgent, OrderedFixture, scan } from "../support/ordered_fixture.ts";
import { bytesOfText, sorted } from "../support/ordered_keys.ts";
import { PoolFixture } from "../support/pool_fixture.ts";
import { interruptAt } from "../support/sim_duel.ts";
import { seeded } from "../support/random.ts";

const SIZES = { segmentCount: 128, segmentBytes: 16_384 };
const PAGE_BYTES = BLOCK_BYTES + 4;

test("a pool is ordered or not, and says so", () => {
  assert.not(isOrdered(new PoolFixture().pool));
  assert.equal(orderedFigures(new PoolFixture().pool), { sharedBytes: 0, allocated: 0, free: 0 });
  const { pool } = OrderedFixture.make(SIZES);
  assert.ok(isOrdered(pool));
  assert.ok(pool.sharedBytes > orderedFigures(pool).sharedBytes);
});

test("keys that a slice does not tell apart come in order wherever they are in a page", () => {
  const cursors = Array.from({ length: 40 }, (_, before) => {
    const fixture = OrderedFixture.make(SIZES);
    const agent = fixture.writer(0);
    const first = Array.from({ length: before }, (_, i) => `a${String(i).padStart(2, "0")}`);
    const tied = Array.from({ length: 20 }, (_, i) => `b: the same bytes ${i + 10}`);
    const keys = [...first, ...tied, "c"];
    for (const key of keys) agent.insert(fixture.record(bytesOfText(key)));
    return { keys, cursor: new RangeCursor(fixture.pool) };
  });
  for (const { keys, cursor } of cursors) {
    assert.equal(scan(cursor, {}), keys);
    assert.equal(scan(cursor, {}, true), keys.toReversed());
    cursor.seek({ lower: bytesOfText("b") }, false, 1);
    assert.ok(cursor.next());
    assert.equal(cursor.key.bytes, bytesOfText("b: the same bytes 10"));
    for (const wanted of [1, 3, 16]) {
      for (let end = 0; end < keys.length; end++) {
        const upper = bytesOfText(keys[end]!);
        assert.equal(scan(cursor, { upper }, true, wanted), keys.slice(0, end).reverse());
      }
    }
  }
});

test("a scan begins at its bound where slices do not tell the leaves apart", () => {
  const fixture = OrderedFixture.make(SIZES, { entriesMax: 4 });
  const agent = fixture.writer(0);
  const tied = Array.from({ length: 200 }, (_, i) => `b: the same bytes ${i + 100}`);
  const keys = ["a", ...tied, "c"];
  for (const key of keys) agent.insert(fixture.record(bytesOfText(key)));
  const cursor = new RangeCursor(fixture.pool);
  for (const [i, key] of keys.entries()) {
    const bound = bytesOfText(key);
    assert.equal(scan(cursor, { lower: bound }, false, 3).slice(0, 3), keys.slice(i, i + 3));
    const before = keys.slice(Math.max(0, i - 3), i).reverse();
    assert.equal(scan(cursor, { upper: bound }, true, 3).slice(0, 3), before);
  }
});

test(
  "a key for which there is no page is refused before anything changes",
  seeded((random) => {
    const fixture = OrderedFixture.make(SIZES, { entriesMax: 4, pageCount: 140 });
    const agent = fixture.writer(0);
    const records = new Map<string, PoolAddress>();
    const keyOf = () => `key:${random.below(1e9)}`;
    let refused: PoolAddress | undefined;
    while (refused === undefined) {
      const key = keyOf();
      if (records.has(key)) continue;
      const record = fixture.record(bytesOfText(key));
      if (agent.insert(record)) records.set(key, record);
      else refused = record;
    }
    assert.ok(records.size > 100, `${records.size} keys`);
    const cursor = new RangeCursor(fixture.pool);
    const look = () => {
      assert.equal(checkOrderedIndex(fixture.pool).problems, []);
      assert.equal(scan(cursor, {}), sorted(records.keys()));
    };
    look();
    assert.not(agent.insert(refused));
    look();
    // Removing needs no room; what it frees is enough for others.
    for (const key of sorted(records.keys()).slice(20)) {
      agent.remove(records.get(key)!);
      records.delete(key);
    }
    look();
    assert.ok(agent.insert(refused));
  }),
);

test("keys that come and go for ever take the pages that were there", () => {
  const fixture = OrderedFixture.make(SIZES, { entriesMax: 5, pageCount: 2048 });
  const agent = fixture.writer(0);
  const window: PoolAddress[] = [];
  const records = Array.from({ length: 900 }, (_, i) => {
    return fixture.record(`job:${String(i).padStart(9, "0")}`);
  });
  let allocated = 0;
  for (let i = 0; i < 9000; i++) {
    const record = records[i % records.length]!;
    assert.ok(agent.insert(record));
    window.push(record);
    if (window.length > 60) agent.remove(window.shift()!);
    if (i === 2000) allocated = orderedFigures(fixture.pool).allocated;
  }
  const { leaves, keys, problems } = checkOrderedIndex(fixture.pool);
  assert.equal(problems, []);
  assert.is(keys, 60);
  assert.ok(leaves <= 30, `${leaves} leaves`);
  assert.is(orderedFigures(fixture.pool).allocated, allocated);
});

test("a block is not used any more when its generations are used up", () => {
  const fixture = OrderedFixture.make(SIZES, { entriesMax: 4 });
  const agent = fixture.writer(0);
  const space = PageSpace.of(agent.pool);
  const { memory } = space;
  assert.ok(agent.insert(fixture.record("first")));
  const worn = memory.loadPage(1);
  memory.regionOf(worn)[memory.wordOf(worn) + BLOCK_GENERATION] = GENERATION_MAX;
  for (let i = 0; i < 300; i++) {
    const record = fixture.record(`key ${i}`);
    assert.ok(agent.insert(record));
    agent.remove(record);
    assert.is.not(memory.loadPage(1), worn);
  }
  assert.is(memory.loadGeneration(worn), GENERATION_MAX);
});

/** Publishes version after version of the first page, so that blocks are filled again. */
function replaceAgainAndAgain(agent: OrderedAgent, record: PoolAddress): void {
  for (let i = 0; i < 60; i++) {
    agent.ordered.insert(record);
    agent.ordered.remove(record);
  }
}

test("a reader notices that the page has another version, or its block was filled again", () => {
  const fixture = OrderedFixture.make(SIZES, { entriesMax: 4 });
  const agent = fixture.writer(0);
  const record = fixture.record("key");
  assert.ok(agent.insert(fixture.record("other")));
  const { memory } = PageSpace.of(fixture.pool);
  const view = new PageView(memory);
  const word = memory.loadPage(1);
  assert.ok(view.begin(1, word));
  assert.ok(view.isIntact);
  replaceAgainAndAgain(agent, record);
  assert.not(view.isIntact);
  // Before the page word is looked at again anything may happen.
  for (let at = 0; at < 4; at++) {
    const seen = memory.loadPage(1);
    let isBegun = false;
    const read = () => void (isBegun = view.begin(1, seen));
    const isInterrupted = interruptAt(at, read, () => replaceAgainAndAgain(agent, record));
    assert.ok(isInterrupted);
    const isSound = at === 3 || !isBegun || memory.loadPage(1) === seen;
    assert.ok(isSound, `a version that was gone was read, at access ${at}`);
  }
});

test("a block that a writer holds is not filled again, whenever others have come in between", () => {
  for (let at = 0; at < 6; at++) {
    const fixture = OrderedFixture.make(SIZES, { entriesMax: 4 });
    const agent = fixture.writer(0);
    const record = fixture.record("key");
    assert.ok(agent.insert(fixture.record("other")));
    const space = PageSpace.of(fixture.writer(1).pool);
    const resolver = new KeyResolver(fixture.pool, space.memory);
    const editor = new PageEditor(space, 1, resolver);
    const view = new PageView(space.memory);
    let isHeld = false;
    const hold = () => void (isHeld = editor.hold(0, view, 1));
    interruptAt(at, hold, () => replaceAgainAndAgain(agent, record));
    if (!isHeld) continue;
    // Of the moments only the last one is after the page word was looked at again.
    if (at < 5) assert.is(space.memory.loadPage(1), view.word, `at access ${at}`);
    const generation = space.memory.loadGeneration(view.block);
    const count = view.count;
    replaceAgainAndAgain(agent, record);
    assert.is(space.memory.loadGeneration(view.block), generation, `at access ${at}`);
    view.show(1, view.word);
    assert.is(view.count, count);
  }
});

test("what was read before its block was held counts only if it was not filled again", () => {
  const fixture = OrderedFixture.make(SIZES, { entriesMax: 4 });
  const agent = fixture.writer(0);
  const record = fixture.record("key");
  assert.ok(agent.insert(fixture.record("other")));
  const space = PageSpace.of(fixture.writer(1).pool);
  const { memory } = space;
  const editor = new PageEditor(space, 1, new KeyResolver(fixture.pool, memory));
  const view = new PageView(memory);
  const word = memory.loadPage(1);
  assert.ok(view.begin(1, word));
  agent.ordered.insert(record);
  assert.not(editor.holdShown(0, view), "the page has another version");
  // What names a block that is not the page's version keeps it from being filled again.
  Atomics.store(memory.table, agentWord(1), 0);
  let isBack = false;
  for (let i = 0; i < 200 && !isBack; i++) {
    agent.ordered.insert(record);
    isBack = memory.loadPage(1) === word;
  }
  assert.ok(isBack, "the block is the page's version again");
  assert.not(editor.holdShown(0, view));
  assert.ok(view.begin(1, word));
  assert.ok(editor.holdShown(0, view));
  replaceAgainAndAgain(agent, record);
  assert.is(memory.loadGeneration(view.block), view.generation);
});

test("texts of a version are whole, though versions that followed it have shared its blocks", () => {
  let reusedCount = 0;
  for (const isHeld of [false, true]) {
    for (let changes = 1; changes <= 12; changes++) {
      for (let at = 0; at < 8; at++) if (readLongTexts(isHeld, changes, at)) reusedCount += 1;
    }
  }
  assert.ok(reusedCount > 10, `${reusedCount} times the texts alone were filled again`);
});

/**
 * Reads a leaf whose fences are long, while it is changed so many times: first by versions with the
 * same texts.
 *
 * @returns whether a block of its texts was filled again, and its own was not
 */
function readLongTexts(isHeld: boolean, changes: number, at: number): boolean {
  const fixture = OrderedFixture.make({ segmentCount: 8, segmentBytes: 16_384 }, { entriesMax: 4 });
  const agent = fixture.writer(0);
  const recordOf = (end: string) => fixture.record("x".repeat(900) + end);
  for (const end of ["a", "b", "c", "d", "e"]) assert.ok(agent.insert(recordOf(end)));
  const space = PageSpace.of(fixture.writer(1).pool);
  const { memory } = space;
  const view = new PageView(memory);
  const last = new RecordKey();
  const { pool } = fixture;
  const record = recordOf("f");
  last.show(pool.wordsOf(record), pool.wordAt(record));
  const { page } = new TreeWalk(memory).find(last, 0, Side.AT);
  const seen = memory.loadPage(page);
  assert.ok(view.begin(page, seen) && view.textBlocks > 0 && view.lowBytes > 900);
  const low = new KeyBuffer();
  low.set(view.text, view.textAt, view.lowBytes);
  const texts = view.textBlock(0);
  // One that sleeps: so the block itself is not filled again.
  const sleeper = new PageEditor(space, 2, new KeyResolver(pool, memory));
  assert.ok(sleeper.hold(0, new PageView(memory), page));
  const before = [memory.loadGeneration(seen), memory.loadGeneration(texts)];
  // The second one makes the prefix shorter, so that the version has other texts.
  const others = [record, fixture.record("y")];
  for (let i = 0; i < 10; i++) others.push(recordOf(`c${i}`));
  const change = () => others.slice(0, changes).forEach((other) => agent.insert(other));
  const editor = new PageEditor(space, 1, new KeyResolver(pool, memory));
  let isRead = false;
  const read = () => void (isRead = isHeld ? editor.hold(0, view, page) : view.begin(page, seen));
  interruptAt(at, read, change);
  const isWhole = view.lowBytes === low.byteLength && view.compareLow(low) === 0;
  const isNoticed = !isRead || (!isHeld && !view.isIntact);
  assert.ok(isWhole || isNoticed, `${changes} changes at access ${at}`);
  return memory.loadGeneration(seen) === before[0] && memory.loadGeneration(texts) !== before[1];
}

test("entries whose keys are gone are dropped, and harm no other", () => {
  const fixture = OrderedFixture.make(SIZES, { entriesMax: 4 });
  const agent = fixture.writer(0);
  const gone = Array.from({ length: 300 }, (_, i) => fixture.record(`tenant/session/gone/${i}`));
  for (const record of gone) assert.ok(agent.ordered.insert(record));
  assert.equal(checkOrderedIndex(fixture.pool).problems, []);
  assert.ok(checkOrderedIndex(fixture.pool).entries < gone.length, "some were dropped");
  const texts = Array.from(
    { length: 200 },
    (_, i) => `tenant/session/${i % 2 ? "gone" : "h"}/x${i}`,
  );
  for (const text of texts) assert.ok(agent.insert(fixture.record(bytesOfText(text))));
  assert.equal(checkOrderedIndex(fixture.pool).problems, []);
  assert.equal(scan(new RangeCursor(fixture.pool), {}), sorted(texts));
  for (const record of gone) agent.ordered.remove(record);
  assert.is(checkOrderedIndex(fixture.pool).entries, texts.length);
});

test("a half that has lost all entries is still a page", () => {
  const fixture = OrderedFixture.make(SIZES, { entriesMax: 4 });
  const agent = fixture.writer(0);
  // The last ones have the same slice, so that their keys are looked for, and none is found.
  for (const text of ["m00000001", "m00000002", "m00000003", "a", "b"]) {
    assert.ok(agent.ordered.insert(fixture.record(text)));
  }
  const { leaves, entries, problems } = checkOrderedIndex(fixture.pool);
  assert.equal(problems, []);
  assert.is(leaves, 2);
  assert.is(entries, 2);
  const texts = ["m00000002", "c", "n"];
  for (const text of texts) assert.ok(agent.insert(fixture.record(text)));
  assert.equal(scan(new RangeCursor(fixture.pool), {}), sorted(texts));
});

test("keys that slices do not tell apart stay in one page when it is divided", () => {
  const fixture = OrderedFixture.make(SIZES, { entriesMax: 4 });
  const agent = fixture.writer(0);
  // The middle of the five is between two of the three.
  const texts = ["m00000001", "a", "z", "m00000002", "m00000003"];
  for (const text of texts) assert.ok(agent.insert(fixture.record(bytesOfText(text))));
  const { leaves, problems } = checkOrderedIndex(fixture.pool);
  assert.equal(problems, []);
  assert.is(leaves, 2);
  assert.equal(scan(new RangeCursor(fixture.pool), {}), sorted(texts));
});

test("entries that a shorter prefix does not tell apart any more are in the order of their hashes", () => {
  const fixture = OrderedFixture.make(SIZES, { entriesMax: 8 });
  const agent = fixture.writer(0);
  const texts: string[] = [];
  const insert = (text: string, hash: number) => {
    assert.ok(agent.insert(fixture.record(bytesOfText(text), hash)));
    texts.push(text);
  };
  // Nine keys with one slice: the page is divided, and what they have in common is its prefix now.
  for (const i of [1, 2, 3, 4, 6, 7, 8, 9, 5]) insert(`same beginning ${i}`, 1000 - 100 * i);
  // Two of one hash.
  insert("same beginning 22", 800);
  const before = checkOrderedIndex(fixture.pool);
  assert.is(before.leaves, 2);
  // Their slices are what they were at first.
  insert("same", 1);
  const after = checkOrderedIndex(fixture.pool);
  assert.equal(after.problems, []);
  assert.is(after.entries, before.entries);
  assert.equal(scan(new RangeCursor(fixture.pool), {}), sorted(texts));
});

test("the lock of the free pages is taken from the dead, and from no one else", () => {
  const fixture = OrderedFixture.make(SIZES, { entriesMax: 4 });
  const agent = fixture.writer(3);
  const records = Array.from({ length: 400 }, (_, i) => fixture.record(`key ${i}`));
  for (const record of records) assert.ok(agent.insert(record));
  for (const record of records) agent.remove(record);
  agent.ordered.returnPages();
  const { table } = PageSpace.of(fixture.pool).memory;
  const free = table[TABLE_FREE_COUNT]!;
  assert.ok(free > 100, `${free} pages`);
  assert.is(orderedFigures(fixture.pool).free, free * PAGE_BYTES);
  table[TABLE_LOCK] = 3 + 1;
  table[TABLE_FREE_COUNT] = 7;
  repairOrderedIndex(fixture.pool, 2);
  assert.is(table[TABLE_LOCK], 3 + 1);
  for (let i = 0; i < 2; i++) {
    repairOrderedIndex(fixture.pool, 3);
    assert.is(table[TABLE_LOCK], 0);
    assert.is(table[TABLE_FREE_COUNT], free);
  }
  // Nothing to do where there is no tree.
  repairOrderedIndex(new PoolFixture().pool, 3);
});

test("writers go on while the lock of the free pages is held", () => {
  const fixture = OrderedFixture.make(SIZES, { entriesMax: 4 });
  const { table } = PageSpace.of(fixture.pool).memory;
  const agent = fixture.writer(0);
  table[TABLE_LOCK] = 9;
  for (let i = 0; i < 200; i++) {
    const record = fixture.record(`key ${i}`);
    assert.ok(agent.insert(record));
    agent.remove(record);
  }
  assert.is(table[TABLE_LOCK], 9);
});

test(
  "a leaf is guessed at once in a tree at rest, and a guess ends whatever it meets",
  seeded((random) => {
    const fixture = OrderedFixture.make(SIZES, { entriesMax: 8 });
    const agent = fixture.writer(0);
    const records = Array.from({ length: 1000 }, (_, i) => fixture.record(`key ${i}`));
    for (const record of records) assert.ok(agent.insert(record));
    const { memory } = PageSpace.of(fixture.pool);
    const walk = new TreeWalk(memory);
    const key = new RecordKey();
    const show = (record: PoolAddress) => {
      return key.show(fixture.pool.wordsOf(record), fixture.pool.wordAt(record));
    };
    for (const record of records) {
      assert.is(guessLeaf(memory, show(record), Side.AT), walk.find(show(record), 0, Side.AT).page);
    }
    const { allocated } = orderedFigures(fixture.pool);
    for (let round = 0; round < 100; round++) {
      for (let page = 0; page < allocated / PAGE_BYTES; page++) {
        const region = memory.regionOf(page);
        const from = memory.wordOf(page);
        for (let i = 1; i < BLOCK_BYTES / 4; i++) region[from + i] = random.below(2 ** 32) | 0;
      }
      guessLeaf(memory, show(random.pick(records)), Side.AT);
    }
  }),
);

test("a prefix is a range, and ranges have one in common", () => {
  const bytes = (...values: number[]) => Uint8Array.from(values);
  assert.equal(boundsOfPrefix(bytes(1, 2)), { lower: bytes(1, 2), upper: bytes(1, 3) });
  assert.equal(boundsOfPrefix(bytes(1, 255, 255)), {
    lower: bytes(1, 255, 255),
    upper: bytes(2),
  });
  assert.equal(boundsOfPrefix(bytes(255)), { lower: bytes(255) });
  assert.equal(
    intersectBounds(
      { lower: bytes(5), lowerInclusive: false, upper: bytes(9), upperInclusive: true },
      { lower: bytes(5), upper: bytes(9) },
    ),
    {
      lower: bytes(5),
      lowerInclusive: false,
      upper: bytes(9),
      upperInclusive: undefined,
    },
  );
});

test.run();
