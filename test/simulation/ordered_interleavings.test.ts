/**
 * Interleavings in the ordered index that chance does not come to: a page goes, and its number is
 * used again, at each access of a writer that is on its way to it.
 *
 * @module
 */
import { test } from "uvu";
import * as assert from "uvu/assert";
import type { PoolAddress } from "../../lib/core/brands.ts";
import { RECORD_KEY } from "../../lib/log/record_layout.ts";
import { KeyBuffer } from "../../lib/ordered/key_order.ts";
import { KeyResolver } from "../../lib/ordered/key_resolver.ts";
import { Edit, PageEditor } from "../../lib/ordered/page_editor.ts";
import { PageImage } from "../../lib/ordered/page_image.ts";
import { PageSpace } from "../../lib/ordered/page_space.ts";
import { PageView } from "../../lib/ordered/page_view.ts";
import { RangeCursor } from "../../lib/ordered/range_cursor.ts";
import { checkOrderedIndex } from "../../lib/ordered/tree_check.ts";
import { HAZARD_REPLACED, TreeStructure } from "../../lib/ordered/tree_structure.ts";
import { Side } from "../../lib/ordered/side.ts";
import { TreeWalk } from "../../lib/ordered/tree_walk.ts";
import { type OrderedAgent, OrderedFixture, scan } from "../support/ordered_fixture.ts";
import { bytesOfText, sorted } from "../support/ordered_keys.ts";
import { withAtomicHooks } from "../support/sim_atomics.ts";
import { interruptAt } from "../support/sim_duel.ts";

const SIZES = { segmentCount: 16, segmentBytes: 16_384 };
const ENTRIES_MAX = 4;
/** More than a writer makes to insert one key. */
const ACCESSES_MAX = 2000;
/** More than it takes to look at everything. */
const CHECK_ACCESSES_MAX = 200_000;

/** A tree of three levels, one that is interrupted, and one that comes in between. */
class Scene {
  readonly fixture = OrderedFixture.make(SIZES, { entriesMax: ENTRIES_MAX });
  readonly records = new Map<string, PoolAddress>();
  readonly first: OrderedAgent = this.fixture.writer(0);
  readonly second: OrderedAgent = this.fixture.writer(1);
  readonly space: PageSpace = PageSpace.of(this.second.pool);

  constructor() {
    for (let i = 0; i < 40; i++) this.insert(this.first, textOf(10 * i));
  }

  insert(agent: OrderedAgent, text: string): void {
    const record = this.fixture.record(bytesOfText(text));
    assert.ok(agent.insert(record), "there is room");
    this.records.set(text, record);
  }

  remove(agent: OrderedAgent, text: string): void {
    agent.remove(this.records.get(text)!);
    this.records.delete(text);
  }

  /** The page whose fences contain a key. */
  pageOf(text: string): PageView {
    const record = this.records.get(text) ?? this.fixture.record(bytesOfText(text));
    const { pool } = this.fixture;
    const words = pool.wordsOf(record);
    const start = pool.wordAt(record) + RECORD_KEY;
    const key = { words, start, byteLength: text.length };
    return new TreeWalk(this.space.memory).find(key, 0, Side.AT);
  }

  /** Removes all keys of a page. */
  emptyPage(page: number): void {
    for (const text of [...this.records.keys()]) {
      if (this.pageOf(text).page === page) this.remove(this.second, text);
    }
  }

  /** Lets a block that the second one has replaced be the next one that it fills. */
  fillNext(block: number): void {
    const taken: number[] = [];
    assert.ok(this.space.reserve(1 + 1), "there is room");
    for (let next = -1; next !== 0 && next !== block;) taken.push(next = this.space.takeBlock());
    for (const each of taken) if (each !== 0) this.space.putBack(each);
  }

  /** Uses the pages again that the second one has got: for keys above all others. */
  splitFarAway(): void {
    for (const text of this.textsOfLate()) this.insert(this.second, text);
  }

  textsOfLate(): string[] {
    return Array.from({ length: 24 }, (_, i) => textOf(5000 + i));
  }

  /** Freezes an empty page, if it is not frozen yet, and takes it out. */
  freeze(page: number): void {
    const { memory } = this.space;
    const editor = new PageEditor(this.space, 1, new KeyResolver(this.second.pool, memory));
    const view = new PageView(memory);
    if (!editor.hold(HAZARD_REPLACED, view, page) || view.isFrozen) return;
    assert.is(view.count, 0);
    const image = new PageImage();
    image.read(view);
    image.isFrozen = true;
    assert.is(editor.replace(view, image), Edit.DONE);
    assert.ok(new TreeStructure(memory, editor).takeOut(page));
  }

  check(at: number): void {
    let count = 0;
    const onAccess = () => assert.ok(count++ < CHECK_ACCESSES_MAX, `searches end, at access ${at}`);
    withAtomicHooks({ onAccess }, () => this.#check(at));
  }

  #check(at: number): void {
    assert.equal(checkOrderedIndex(this.fixture.pool).problems, [], `at access ${at}`);
    const expected = sorted(this.records.keys());
    assert.equal(scan(new RangeCursor(this.fixture.pool), {}), expected, `at access ${at}`);
  }
}

function textOf(number: number): string {
  return `key:${String(number).padStart(4, "0")}`;
}

test("a page is used again while a writer is on its way to it", () => {
  let reusedCount = 0;
  atEachAccess(textOf(155), (scene, insert) => {
    const { page } = scene.pageOf(textOf(155));
    insert(() => {
      scene.emptyPage(page);
      scene.splitFarAway();
    });
    const isReused = scene.textsOfLate().some((text) => scene.pageOf(text).page === page);
    if (isReused) reusedCount += 1;
  });
  assert.ok(reusedCount > 10, `${reusedCount} times the page was used again`);
});

test("a page is used again while a search is on its way to it", () => {
  let reusedCount = 0;
  let isInterrupted = true;
  for (let at = 1; isInterrupted; at += 2) {
    const scene = new Scene();
    const { page } = scene.pageOf(textOf(155));
    const key = new KeyBuffer();
    key.setRaw(bytesOfText(textOf(155)));
    const walk = new TreeWalk(PageSpace.of(scene.first.pool).memory);
    const search = () => void walk.find(key, 0, Side.AT);
    isInterrupted = interruptAt(at, search, () => {
      scene.emptyPage(page);
      scene.splitFarAway();
    });
    if (scene.textsOfLate().some((text) => scene.pageOf(text).page === page)) reusedCount += 1;
    if (walk.view.isIntact) assert.ok(walk.contains(walk.view, key, Side.AT), `at access ${at}`);
  }
  assert.ok(reusedCount > 5, `${reusedCount} times the page was used again`);
});

test("a page goes while its writer adds it to its parent", () => {
  let goneCount = 0;
  // The leaf has room for no more: its upper keys move to a new page.
  atEachAccess(textOf(125), (scene, insert) => {
    const full = scene.pageOf(textOf(140)).page;
    insert(() => {
      const { page } = scene.pageOf(textOf(140));
      if (page === full) return;
      scene.emptyPage(page);
      // A writer that has seen an entry of a former page of that number.
      scene.freeze(page);
      goneCount += 1;
    });
    scene.splitFarAway();
  });
  assert.ok(goneCount > 10, `${goneCount} times the page has gone`);
});

test("the block of a page becomes that of its new neighbour, which a writer adds to the parent", () => {
  let reusedCount = 0;
  atEachAccess(textOf(125), (scene, insert) => {
    const full = scene.pageOf(textOf(140)).page;
    insert(() => {
      if (scene.pageOf(textOf(140)).page === full) return;
      const { page, block } = scene.pageOf(textOf(120));
      assert.is(page, full);
      scene.insert(scene.second, "key:0120x");
      // Elsewhere, so that it holds the block no longer.
      scene.insert(scene.second, textOf(5000));
      scene.fillNext(block);
      // No insert: that would add the page to its parent itself.
      scene.remove(scene.second, textOf(140));
      if (scene.pageOf(textOf(150)).block === block) reusedCount += 1;
    });
  });
  assert.ok(reusedCount > 10, `${reusedCount} times the block was used again`);
});

/**
 * Plays a scene for each atomic access right after which the insert of a key can be interrupted.
 */
function atEachAccess(
  text: string,
  play: (scene: Scene, insert: (meanwhile: () => void) => void) => void,
): void {
  let isInterrupted = true;
  for (let at = 1; isInterrupted; at += 2) {
    assert.ok(at < ACCESSES_MAX, "an insert ends");
    const scene = new Scene();
    const record = scene.fixture.record(bytesOfText(text));
    play(scene, (meanwhile) => {
      const insert = () => assert.ok(scene.first.insert(record), "there is room");
      isInterrupted = interruptAt(at, insert, meanwhile);
      scene.records.set(text, record);
    });
    scene.check(at);
  }
}

test.run();
