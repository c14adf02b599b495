/**
 * A store that is ordered behaves like a sorted array: random sequences of changes and of ranges,
 * at tiny capacities, with keys that are hard to order, and with closing, opening and scaling in
 * between.
 *
 * @module
 */
import { test } from "uvu";
import * as assert from "uvu/assert";
import { type Key, open, type OpenOptions, type Store } from "../../mod.ts";
import { type Random, seeded } from "../support/random.ts";
import { checkRange, compareKeys, hardKeys, randomRange, select } from "../support/range_model.ts";
import { temporaryPath } from "../support/temporary.ts";

const KEY_COUNT = 150;
const STEPS = 15;
const CHANGES_PER_STEP = 25;
const KEY_BYTES_MAX = 2048;

const TINY: OpenOptions<number, "mixed"> & { keys: "mixed" } = {
  capacity: "2MiB",
  segmentBytes: "16KiB",
  ringBytes: "8KiB",
  inFlight: 8,
  keys: "mixed",
  ordered: true,
};

/** A store, and the sorted array that it has to be like. */
class OrderedModel {
  store: Store<number, Key>;
  readonly #random: Random;
  readonly #keys: readonly Uint8Array[];
  readonly #values = new Map<Uint8Array, number>();
  readonly #reopen: ((store: Store<number, Key>) => Promise<Store<number, Key>>) | undefined;
  #number = 0;

  constructor(
    store: Store<number, Key>,
    random: Random,
    reopen?: (store: Store<number, Key>) => Promise<Store<number, Key>>,
  ) {
    this.store = store;
    this.#random = random;
    this.#keys = hardKeys(random, KEY_COUNT);
    this.#reopen = reopen;
  }

  async run(): Promise<void> {
    for (let step = 0; step < STEPS; step++) {
      for (let i = 0; i < CHANGES_PER_STEP; i++) void this.#change();
      await this.#act(this.#random.below(10));
      await this.#check();
    }
  }

  async #act(number: number): Promise<void> {
    if (number === 0) {
      await this.store.clear();
      this.#values.clear();
    } else if (number <= 2) {
      const range = randomRange(this.#random, this.#keys);
      for (const [key] of select(this.#sorted(), ([key]) => key, range)) this.#values.delete(key);
      if (number === 1) await this.store.clear(range);
      else this.store.clearSync(range);
    } else if (number === 3) {
      await this.store.scale(this.#random.between(1, 3));
    } else if (number <= 5 && this.#reopen !== undefined) {
      await this.store.flush();
      this.store = await this.#reopen(this.store);
    }
  }

  async #check(): Promise<void> {
    const sorted = this.#sorted();
    await checkRange(this.store, sorted, {});
    await checkRange(this.store, sorted, randomRange(this.#random, this.#keys));
    const head = this.#random.pick(this.#keys).subarray(0, this.#random.between(1, 3));
    const prefix = textOf(head);
    if (prefix === undefined) return;
    const within = select(sorted, ([key]) => key, { prefix, gt: prefix })
      .map(([key, value]) => [key.subarray(head.length), value] as const);
    const tails = within.length === 0 ? this.#keys : within.map(([key]) => key);
    const short = tails.filter((key) => key.length + head.length <= KEY_BYTES_MAX);
    const view = this.store.namespace<number>(prefix);
    await checkRange(view, within, randomRange(this.#random, short));
    // It includes what has expired and was not removed yet.
    assert.ok(view.count >= within.length);
  }

  #change(): Promise<unknown> {
    const random = this.#random;
    const bytes = random.pick(this.#keys);
    const key = random.below(2) === 0 ? bytes : textOf(bytes) ?? bytes;
    if (random.below(5) < 2) {
      this.#values.delete(bytes);
      const isGone = random.below(3) > 0;
      // In the past: for every reader it has expired when it is there.
      return isGone ? this.store.delete(key) : this.store.put(key, 0, { expiresAt: 1 });
    }
    this.#values.set(bytes, ++this.#number);
    return this.store.put(key, this.#number);
  }

  #sorted(): (readonly [Uint8Array, number])[] {
    return [...this.#values].sort(([one], [other]) => compareKeys(one, other));
  }
}

/** The text that is stored as these bytes; undefined if none is. */
function textOf(bytes: Uint8Array): string | undefined {
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    return undefined;
  }
}

async function check(
  random: Random,
  options: typeof TINY,
  reopen?: (store: Store<number, Key>) => Promise<Store<number, Key>>,
): Promise<void> {
  const model = new OrderedModel(await open<number>(options), random, reopen);
  try {
    await model.run();
  } finally {
    await model.store.close();
  }
}

test("as it comes", seeded((random) => check(random, { ...TINY, capacity: "64MiB" })));

test("tiny, several KNs", seeded((random) => check(random, { ...TINY, nodes: 3 })));

test(
  "closed and opened again",
  seeded((random) => {
    const options = { ...TINY, path: temporaryPath() };
    return check(random, options, async (store) => {
      await store.close();
      return await open<number>(options);
    });
  }),
);

test.run();
