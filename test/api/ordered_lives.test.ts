/**
 * A pool at a path that is opened with an order and without, by turns, and in between is killed,
 * grows, gets smaller, and has keys that expire: its order is that of its keys each time.
 *
 * @module
 */
import { setTimeout } from "node:timers/promises";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { AGENT_HOST } from "../../lib/pool/control_layout.ts";
import { whilePaused } from "../../lib/pool/gate.ts";
import { Pool } from "../../lib/pool/pool.ts";
import { checkOrderedIndex } from "../../lib/ordered/tree_check.ts";
import { checkHandle } from "../../lib/store/parts/handle.ts";
import { open, type OpenOptions, type Store } from "../../mod.ts";
import { runtimeShare } from "../support/campaign.ts";
import { Child } from "../support/child.ts";
import { changeOrdered, entriesAfter } from "../support/ordered_changes.ts";
import { temporaryPath } from "../support/temporary.ts";

const SIZES: OpenOptions<number> = { capacity: "1MiB", segmentBytes: "16KiB" };
/** Changes of each life. */
const CHANGE_COUNT = 60;
/** Changes after which a life is killed. */
const KILLED_AFTER = 40;

/** A pool, and how many changes were made of it. */
class OrderedLives {
  readonly #path = temporaryPath();
  #count = 0;

  /** One life: checks what is there, changes it, checks it again, and closes. */
  async live(
    options: OpenOptions<number>,
    act: (store: Store<number>) => Promise<void> = () => Promise.resolve(),
  ): Promise<void> {
    const store = await open<number>({ ...options, path: this.#path });
    this.#check(store, options);
    for (let i = 0; i < CHANGE_COUNT / 2; i++) await this.#change(store, options);
    await act(store);
    for (let i = 0; i < CHANGE_COUNT / 2; i++) await this.#change(store, options);
    this.#check(store, options);
    await store.close();
  }

  /** A life of another process, which is killed; a change that had not ended is made again. */
  async die(options: OpenOptions<number>): Promise<void> {
    const child = new Child("ordered_life", { ...options, path: this.#path, next: this.#count });
    await child.message(KILLED_AFTER);
    child.kill();
    const { messages, signal, output } = await child.ended();
    assert.is(signal, "SIGKILL", output);
    this.#count = messages.at(-1) as number + 1;
    const store = await open<number>({ ...options, path: this.#path });
    await this.#change(store, options);
    this.#check(store, options);
    await store.close();
  }

  async #change(store: Store<number>, options: OpenOptions<number>): Promise<void> {
    await changeOrdered(store, this.#count, options);
    this.#count += 1;
  }

  #check(store: Store<number>, { ordered = false }: OpenOptions<number>): void {
    const expected = entriesAfter(this.#count);
    const when = `after ${this.#count} changes`;
    if (!ordered) {
      const entries = [...store.entriesSync()].sort(([one], [other]) => one < other ? -1 : 1);
      assert.equal(entries, expected, when);
      return;
    }
    assert.equal([...store.entriesSync()], expected, when);
    assert.equal([...store.entriesSync({ reverse: true })], expected.toReversed(), when);
    const within = expected.filter(([key]) => key >= "key 13" && key < "key 17");
    assert.equal([...store.entriesSync({ gte: "key 13", lt: "key 17" })], within, when);
    const pool = Pool.attach(checkHandle(store.share()).pool);
    const { problems } = whilePaused(pool, AGENT_HOST, () => checkOrderedIndex(pool));
    assert.equal(problems, [], when);
  }
}

const ORDERED: OpenOptions<number> = { ...SIZES, ordered: true };
const FAR: OpenOptions<number> = { placement: "far", ordered: true };

/** Sequences of lives. */
const SEQUENCES: readonly (readonly [string, (lives: OrderedLives) => Promise<void>])[] = [
  ["killed without an order, and opened with it", async (lives) => {
    await lives.live(ORDERED);
    await lives.die(SIZES);
    await lives.live({ ordered: true }, async (store) => void await store.scale(2));
  }],
  ["killed with an order, and opened without it and with it", async (lives) => {
    await lives.die(ORDERED);
    await lives.live({}, async (store) => void await store.compact());
    await lives.live({ ordered: true });
  }],
  ["grown, with keys that expire, and made smaller", async (lives) => {
    await lives.live({ ...ORDERED, capacityMax: "4MiB" }, async (store) => {
      assert.is(await store.grow("3MiB"), 3 * 2 ** 20);
    });
    await lives.live({ ordered: true }, async (store) => {
      // What has expired is in the files still, or not; it is in no range.
      await store.putMany([["key 15+", -1], ["key 99", -1], ["z", -1]], { ttl: 1 });
      await setTimeout(3);
    });
    await lives.live({ capacity: "512KiB", ordered: true, nodes: 2 });
    await lives.live({ capacity: "512KiB" });
  }],
  ["far with an order, killed, and near and far by turns", async (lives) => {
    await lives.live({ ...SIZES, ...FAR, nodes: 2 });
    await lives.die({ ...SIZES, ...FAR });
    await lives.live(ORDERED);
    await lives.live({ ...FAR }, async (store) => void await store.scale(2));
  }],
  ["far without an order, killed, and with it", async (lives) => {
    await lives.live({ ...SIZES, placement: "far" });
    await lives.die({ ...SIZES, placement: "far" });
    await lives.live({ ...FAR, nodes: 2 }, async (store) => void await store.scale(1));
  }],
];

/** Round trips to the pool that all KNs have made. */
function roundTripsOf(store: Store<number>): number {
  return store.stats().nodes.reduce((sum, { far }) => sum + far!.roundTrips, 0);
}

test("a scan of a far pool makes no round trip for keys that the KNs have in their caches", async () => {
  const store = await open<number>({ ...SIZES, ...FAR, nodes: 2, cache: "1MiB" });
  const keys = Array.from({ length: 200 }, (_, i) => `key ${1000 + (i * 37) % 200}`);
  await store.putMany(keys.map((key, i) => [key, i]));
  assert.equal([...store.keysSync()], keys.toSorted());
  const before = roundTripsOf(store);
  assert.ok(before > 0, "writing to the log makes round trips");
  assert.equal([...store.keysSync({ gte: "key 1010", limit: 2 })], ["key 1010", "key 1011"]);
  assert.is(await store.countKeys({ prefix: "key 10" }), 100);
  assert.is((await store.last())?.[0], "key 1199");
  let count = 0;
  for await (const _ of store.entries({ reverse: true })) count += 1;
  assert.is(count, 200);
  assert.is(roundTripsOf(store), before);
  await store.close();
});

for (const [name, run] of runtimeShare(SEQUENCES)) test(name, () => run(new OrderedLives()));

test.run();
