/**
 * The model of Clover takes the round trips that its protocol takes: of cached and stale shortcuts,
 * of chains, and of its metadata server.
 *
 * @module
 */
import { test } from "uvu";
import * as assert from "uvu/assert";
import { Simulation } from "../../bench/experiments/kernel/simulation.ts";
import { Fabric } from "../../bench/experiments/model/fabric.ts";
import { Chains } from "../../bench/experiments/systems/clover/chains.ts";
import { Clover } from "../../bench/experiments/systems/clover/clover.ts";
import { ShortcutCache } from "../../bench/experiments/systems/clover/shortcut_cache.ts";
import { OperationKind } from "../../bench/experiments/workload/mix.ts";
import { seeded } from "../support/random.ts";

const { READ, UPDATE, INSERT } = OperationKind;
const KEY_COUNT = 100;
/** Longer than any background work takes. */
const SETTLED_US = 10_000;

/** Two KNs, of which the test chooses, and what their operations take. */
class World {
  readonly simulation = new Simulation();
  readonly clover: Clover;
  #node = 0;

  constructor(spareBuffers = 1000, cacheEntries = 50) {
    this.clover = new Clover(this.simulation, new Fabric(this.simulation), {
      nodeCount: 2,
      keyCount: KEY_COUNT,
      keyCountMax: KEY_COUNT * 2,
      valueBytes: 1024,
      cacheEntries,
      spareBuffers,
      metadataThreads: { workers: 4, collectors: 1 },
      random: () => this.#node / 2,
    });
  }

  /** Round trips of one operation by a KN, while nothing else goes on. */
  roundTrips(node: number, kind: OperationKind, key: number): number {
    const before = this.clover.counts.roundTrips;
    this.start(node, kind, key);
    this.settle();
    return this.clover.counts.roundTrips - before;
  }

  /** Starts an operation, and lets no time pass. */
  start(node: number, kind: OperationKind, key: number): void {
    this.#node = node;
    this.simulation.start(this.clover.execute({ kind, key }));
    this.simulation.run(this.simulation.nowUs);
  }

  settle(): void {
    this.simulation.run(this.simulation.nowUs + SETTLED_US);
  }
}

test("a read takes one round trip, and one more if the KN does not know the key", () => {
  const world = new World();
  assert.is(world.roundTrips(0, READ, 7), 2);
  assert.is(world.roundTrips(0, READ, 7), 1);
  assert.is(world.roundTrips(1, READ, 7), 2);
});

test("an update writes and swaps, and gets buffers sixteen at a time", () => {
  const world = new World();
  world.roundTrips(0, READ, 7);
  assert.is(world.roundTrips(0, UPDATE, 7), 3);
  for (let i = 0; i < 15; i++) assert.is(world.roundTrips(0, UPDATE, 7), 2);
  assert.is(world.roundTrips(0, UPDATE, 7), 3);
});

test("an insert writes, and tells the metadata server", () => {
  const world = new World();
  assert.is(world.roundTrips(0, INSERT, KEY_COUNT), 3);
  assert.is(world.roundTrips(0, INSERT, KEY_COUNT + 1), 2);
  assert.is(world.roundTrips(1, READ, KEY_COUNT), 2);
});

test("what another KN has written makes a shortcut stale: one more round trip for a read, two for an update", () => {
  const world = new World();
  world.roundTrips(0, READ, 7);
  world.roundTrips(1, READ, 7);
  for (let i = 0; i < 5; i++) world.roundTrips(1, UPDATE, 7);
  assert.is(world.roundTrips(0, READ, 7), 2);
  assert.is(world.roundTrips(0, READ, 7), 1);
  world.roundTrips(0, UPDATE, 1);
  world.roundTrips(1, UPDATE, 7);
  // The write, a swap that fails, the old header and the shortcut, the newest header, the swap.
  assert.is(world.roundTrips(0, UPDATE, 7), 5);
});

test("a chain is walked hop by hop while its shortcut has not moved", () => {
  const world = new World();
  world.roundTrips(0, READ, 7);
  world.roundTrips(1, READ, 7);
  world.roundTrips(1, UPDATE, 1);
  const before = world.clover.counts.roundTrips;
  world.start(1, UPDATE, 7);
  // The swap is done; the background thread has not moved the shortcut.
  world.simulation.run(world.simulation.nowUs + 6.5);
  world.start(0, READ, 7);
  world.settle();
  assert.is(world.clover.counts.roundTrips - before, 2 + 2);
});

test("from a recycled buffer the way goes on by the shortcut", () => {
  const world = new World(16);
  world.roundTrips(0, READ, 7);
  for (let i = 0; i < 40; i++) world.roundTrips(1, UPDATE, 7);
  // Old version and shortcut, which is newer.
  assert.is(world.roundTrips(0, READ, 7), 2);
});

test("without a free buffer updates wait until one is recycled", () => {
  const world = new World(16);
  for (let i = 0; i < 200; i++) world.start(i % 2, UPDATE, i % KEY_COUNT);
  world.settle();
  assert.is(world.clover.counts.operations, 200);
});

test("of concurrent updates of one key each is linked", () => {
  const world = new World();
  for (let i = 0; i < 64; i++) world.start(i % 2, UPDATE, 7);
  world.settle();
  assert.is(world.clover.counts.operations, 64);
  const before = world.clover.counts.roundTrips;
  world.roundTrips(0, READ, 7);
  assert.ok(world.clover.counts.roundTrips - before <= 2);
});

test("chains: only the newest version is appended to, and buffers are reused in the order in which they became free", () => {
  const chains = new Chains(2, 1);
  assert.is(chains.tryAppend(0, 0), true);
  assert.is(chains.tryAppend(0, 0), false);
  assert.is(chains.tryAppend(0, 1), true);
  assert.is(chains.allocate(), true);
  assert.is(chains.allocate(), false);
  chains.recycle({ key: 0, version: 0 });
  chains.recycle({ key: 0, version: 1 });
  assert.is(chains.isOverwritten(0, 0), false);
  assert.is(chains.allocate(), true);
  assert.is(chains.isOverwritten(0, 0), true);
  assert.is(chains.isOverwritten(0, 1), false);
  assert.is(chains.isNewest(0, 2), true);
});

test(
  "the cache of shortcuts keeps what was used last",
  seeded((random) => {
    const entryCount = random.between(1, 20);
    const cache = new ShortcutCache(entryCount);
    /** Keys from the one used last on. */
    let model: { key: number; version: number }[] = [];
    for (let step = 0; step < 2000; step++) {
      const key = random.below(40);
      const known = model.find((entry) => entry.key === key);
      const others = model.filter((entry) => entry.key !== key);
      if (random.next() < 0.5) {
        assert.is(cache.find(key), known?.version ?? -1);
        if (known !== undefined) model = [known, ...others];
      } else {
        cache.keep(key, step);
        model = [{ key, version: step }, ...others].slice(0, entryCount);
      }
      assert.is(cache.size, model.length);
    }
  }),
);

test.run();
