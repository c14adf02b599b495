/**
 * Watchers and those who change keys, interrupted by each other at every access to shared memory;
 * and changes that are never ended. A watcher knows the last state of each key in the end, never
 * reads an older one after a newer one, and is woken.
 *
 * @module
 */
import { test } from "uvu";
import * as assert from "uvu/assert";
import { NO_ADDRESS, type PoolAddress, type Slot } from "../../lib/core/brands.ts";
import { KeyEncoder } from "../../lib/core/key_encoder.ts";
import { SLOT_SHIFT } from "../../lib/core/limits.ts";
import { IndexSpace } from "../../lib/index/index_space.ts";
import { SlotTable } from "../../lib/index/slot_table.ts";
import { packRecordClient } from "../../lib/routing/client_registry.ts";
import { SlotWriter } from "../../lib/agent/slot_writer.ts";
import { Pool } from "../../lib/pool/pool.ts";
import { SegmentTable } from "../../lib/pool/segment_table.ts";
import { Bells } from "../../lib/watch/bells.ts";
import { endRingsOf, markSlot } from "../../lib/watch/watch_marks.ts";
import { releasePlacesOf } from "../../lib/watch/watch_place.ts";
import { hashIn, PoolFixture, valueOf } from "../support/pool_fixture.ts";
import { Random } from "../support/random.ts";
import { dieAt } from "../support/sim_death.ts";
import { interruptAt } from "../support/sim_duel.ts";
import { forEachSeed } from "../support/sim_seeds.ts";
import { SimMirror } from "../support/sim_mirror.ts";
import { SimWatcher, type WatchedKey } from "../support/sim_watcher.ts";

const SEED_COUNT = 9;

/** So many operations that end before the access in question say that none is as long. */
const MISSES_MAX = 8;

/**
 * Moments before and after a look at WANTED, MARKS, DIRTY, PENDING, SLEEPING and PREFIX COUNT, of a
 * mark that is set.
 */
const ACCESSES_OF_MARK = 2 * 6;

/** Two keys in one part, one in another part of the slot, and one in another slot. */
const KEYS: readonly WatchedKey[] = [
  { text: "a", hash: hashIn(77, 5) },
  { text: "b", hash: hashIn(77, 6) },
  { text: "c", hash: hashIn(77, 0x80000) },
  { text: "d", hash: hashIn(78, 5) },
];
const SLOTS = [77, 78] as Slot[];
/** The one that dies. */
const AGENT = 0;

/** A party that changes keys, with a view of the pool of its own, as a thread has. */
class Changer {
  readonly table: SlotTable;
  readonly #pool: Pool;
  readonly #slots: SlotWriter;
  readonly #keys: KeyEncoder;

  constructor(pool: Pool, agent = AGENT) {
    this.#pool = pool;
    this.table = new SlotTable(pool, new IndexSpace(pool, agent));
    this.#slots = new SlotWriter(pool, this.table, new SegmentTable(pool), () => 0);
    this.#keys = new KeyEncoder(...pool.hashKey);
  }

  /** Points a key at a record, or removes it, under the slot's lock, and leaves the step. */
  change({ text, hash }: WatchedKey, record: PoolAddress): void {
    const slotAt = this.#pool.slotAt((hash >>> SLOT_SHIFT) as Slot);
    this.#keys.encode(text);
    const { words, byteLength } = this.#keys;
    const old = this.#slots.find(slotAt, hash, words, 0, byteLength);
    if (record !== NO_ADDRESS) {
      assert.ok(this.#slots.point(slotAt, hash, old, record, this.#slots.metaOf(record)));
    } else if (old !== NO_ADDRESS) this.#slots.remove(slotAt, old);
    this.#pool.afterStep?.();
  }
}

/** A pool, one who changes keys, and one who watches. */
class World {
  readonly pools: readonly Pool[];
  readonly random: Random;
  readonly watcher: SimWatcher;
  /** Appends records, of which each has a higher version than the one before. */
  readonly #log = new PoolFixture({ segmentCount: 512, segmentBytes: 4096 });
  #changer: Changer;

  constructor(seed: number) {
    this.pools = Array.from({ length: 3 }, () => Pool.attach(this.#log.pool.handle));
    this.random = new Random(seed);
    this.#changer = new Changer(this.pools[1]!);
    this.watcher = this.newWatcher();
    this.watcher.begin();
  }

  newWatcher(): SimWatcher {
    return new SimWatcher(this.pools[0]!, KEYS);
  }

  /** One who watches the prefix of all keys. */
  mirror(): SimMirror {
    const mirror = new SimMirror(this.pools[0]!, KEYS);
    mirror.begin();
    return mirror;
  }

  /** A change of one of some keys, ready to be made. */
  change(keys: readonly WatchedKey[] = KEYS, changer = this.#changer): () => void {
    const key = this.random.pick(keys);
    const record = this.random.next() < 0.4 ? NO_ADDRESS : this.#append(key);
    return () => changer.change(key, record);
  }

  /** Accesses of a put of the first key. */
  accessesOfPut(): number {
    const key = KEYS[0]!;
    const record = this.#append(key);
    return accessesOf(() => this.#changer.change(key, record));
  }

  #append({ text, hash }: WatchedKey): PoolAddress {
    const record = this.#log.append(text, valueOf(1), hash);
    // Its segment is never reused.
    this.#log.segments.addLive(record, 2 * this.#log.recordBytes(record));
    return record;
  }

  /**
   * What the M-node does about a changer that has died while it had the slots locked. What that one
   * was about to do when it left its step is not done.
   */
  recover(): void {
    const [, , pool] = this.pools;
    const successor = Pool.attach(pool!.handle);
    this.#changer = new Changer(successor);
    for (const slot of SLOTS) {
      this.#changer.table.repair(pool!.slotAt(slot));
      markSlot(pool!, slot);
    }
    endRingsOf(pool!, AGENT);
    Bells.of(pool!).ringAll();
  }
}

/** Tries `outer`, interrupted by `inner`, at every access; `prepare` makes both. */
function everywhere(
  prepare: () => readonly [outer: () => void, inner: () => void, check: () => void],
): void {
  // Some are shorter than others: those that change nothing.
  for (let at = 0, misses = 0; misses < MISSES_MAX; at++) {
    const [outer, inner, check] = prepare();
    if (!interruptAt(at, outer, inner)) {
      inner();
      misses += 1;
    }
    failing(at, check);
  }
}

function failing(at: number, check: () => void): void {
  try {
    check();
  } catch (error) {
    throw new Error(`interrupted at access ${at}: ${(error as Error).message}`);
  }
}

/** Defines a test that is run for some seeds. */
function testSeeds(name: string, body: (world: World) => void): void {
  test(name, () => forEachSeed(SEED_COUNT, (seed) => body(new World(seed))));
}

testSeeds("a change at any access of a look", (world) => {
  const { watcher } = world;
  everywhere(() => {
    world.change()();
    return [() => watcher.look(), world.change(), () => watcher.check()];
  });
});

testSeeds("a look at any access of a change", (world) => {
  const { watcher } = world;
  everywhere(() => {
    if (world.random.next() < 0.5) world.change()();
    return [world.change(), () => watcher.look(), () => watcher.check()];
  });
});

testSeeds("a watcher that goes to sleep at any access of a change", (world) => {
  const { watcher } = world;
  everywhere(() => [world.change(), () => watcher.sleep(), () => watcher.check()]);
});

testSeeds("a change at any access of a watcher that goes to sleep", (world) => {
  const { watcher } = world;
  everywhere(() => [() => watcher.sleep(), world.change(), () => watcher.check()]);
});

testSeeds("a watcher that begins at any access of a change", (world) => {
  world.watcher.end();
  everywhere(() => {
    const watcher = world.newWatcher();
    const check = () => {
      watcher.check();
      watcher.end();
    };
    return [world.change(), () => watcher.begin(), check];
  });
});

testSeeds("a watcher that takes the place of another one at any access of a change", (world) => {
  let watcher = world.watcher;
  everywhere(() => {
    const replace = () => {
      watcher.end();
      watcher = world.newWatcher();
      watcher.begin();
    };
    const check = () => {
      watcher.check();
      world.change()();
      watcher.check();
    };
    return [world.change(), replace, check];
  });
});

testSeeds("a change at any access of a watcher that begins", (world) => {
  world.watcher.end();
  everywhere(() => {
    const watcher = world.newWatcher();
    const check = () => {
      watcher.check();
      watcher.end();
    };
    return [() => watcher.begin(), world.change(), check];
  });
});

function accessesOf(body: () => void): number {
  let count = 0;
  interruptAt(-1, body, () => {}, () => count++);
  // Each has a moment before it, and one after it.
  return count;
}

testSeeds("a change at any access of another one, in another slot", (world) => {
  const { watcher } = world;
  const other = new Changer(world.pools[2]!);
  everywhere(() => {
    if (world.random.next() < 0.5) watcher.sleep();
    const [, , , d] = KEYS;
    const here = world.change(KEYS.slice(0, 3));
    return [here, world.change([d!], other), () => watcher.check()];
  });
});

testSeeds("a change that is not ended, at any access", (world) => {
  const { watcher } = world;
  let deaths = 0;
  for (let at = 0, misses = 0; misses < MISSES_MAX; at++) {
    if (world.random.next() < 0.5) world.change()();
    watcher.check();
    if (world.random.next() < 0.8) watcher.sleep();
    if (dieAt(at, world.change())) {
      deaths += 1;
      world.recover();
    } else misses += 1;
    failing(at, () => watcher.check());
  }
  assert.ok(deaths > 5, `${deaths} deaths`);
});

testSeeds("changes of a prefix are told in their order, at any access of the watcher", (world) => {
  const mirror = world.mirror();
  everywhere(() => {
    world.change()();
    return [() => mirror.look(), world.change(), () => mirror.check(true)];
  });
  everywhere(() => [world.change(), () => mirror.look(), () => mirror.check(true)]);
  everywhere(() => [world.change(), () => mirror.sleep(), () => mirror.check(true)]);
  everywhere(() => [() => mirror.sleep(), world.change(), () => mirror.check(true)]);
});

testSeeds("changes of a prefix by two parties at one time", (world) => {
  const mirror = world.mirror();
  const other = new Changer(world.pools[2]!, 1);
  everywhere(() => {
    const here = world.change(KEYS.slice(0, 3));
    return [here, world.change([KEYS[3]!], other), () => mirror.check(false)];
  });
});

testSeeds("changes of a prefix that may be missing are said to be", (world) => {
  const mirror = world.mirror();
  let resyncs = 0;
  for (let at = 0, misses = 0; misses < MISSES_MAX; at++) {
    world.change()();
    mirror.check(true);
    if (world.random.next() < 0.8) mirror.sleep();
    if (dieAt(at, world.change())) {
      world.recover();
      resyncs -= mirror.resyncCount;
      failing(at, () => mirror.check(false));
      resyncs += mirror.resyncCount;
    } else misses += 1;
  }
  assert.ok(resyncs > 5, `${resyncs} resyncs`);
});

test("a watcher that has died costs nothing any more, and its place can be taken", () => {
  const world = new World(1);
  const pool = world.pools[2]!;
  world.accessesOfPut();
  const before = world.accessesOfPut();
  releasePlacesOf(pool, packRecordClient(pool, 0));
  assert.is(before - world.accessesOfPut(), ACCESSES_OF_MARK, "changes do not look at its place");
  const watcher = world.newWatcher();
  watcher.begin();
  watcher.sleep();
  world.change()();
  watcher.check();
});

test("a change of a slot that no thread watches costs one load", () => {
  const world = new World(1);
  world.accessesOfPut();
  const watched = world.accessesOfPut();
  world.watcher.end();
  const unwatched = world.accessesOfPut();
  assert.is(watched - unwatched, ACCESSES_OF_MARK);
});

test.run();
