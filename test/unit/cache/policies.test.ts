/**
 * Every cache policy against a plain model of its rules, step by step, with tiny budgets: the same
 * keys have the same entries, and the bytes are those of the entries.
 *
 * @module
 */
import { test } from "uvu";
import * as assert from "uvu/assert";
import type { CacheOptions, CachePolicy } from "../../../lib/cache/cache.ts";
import { createCache } from "../../../lib/cache/create_cache.ts";
import { SLOT_SHIFT } from "../../../lib/core/limits.ts";
import {
  apply,
  applyToModel,
  contentsOf,
  contentsOfModel,
  drawOffer,
  drawStep,
  hashOf,
  KEYS,
} from "../../support/cache/cache_driver.ts";
import { type CacheModel, DacModel, SplitModel } from "../../support/cache/cache_model.ts";
import { MarginalModel, S3FifoModel, WTinyLfuModel } from "../../support/cache/queue_models.ts";
import { Random, seeded } from "../../support/random.ts";

/** Enough for counts to age twice. */
const STEPS = 1500;
/**
 * From no entry at all to most of the keys. Each of them in every run: a cache that holds nothing
 * does nothing wrong.
 */
const BUDGETS_BYTES = [0, 60, 150, 500, 1000, 2000, 4000, 8000] as const;

interface Pair {
  readonly policy: CachePolicy;
  readonly makeModel: (budgetBytes: number) => CacheModel;
  readonly options?: Pick<CacheOptions<string>, "valueShare">;
}

const PAIRS: readonly Pair[] = [
  { policy: "marginal", makeModel: (bytes) => new MarginalModel(bytes) },
  { policy: "dac", makeModel: (bytes) => new DacModel(bytes) },
  { policy: "values", makeModel: (bytes) => new SplitModel("values", bytes, 1) },
  { policy: "shortcuts", makeModel: (bytes) => new SplitModel("shortcuts", bytes, 0) },
  { policy: "split", makeModel: (bytes) => new SplitModel("split", bytes, 0.5) },
  {
    policy: "split",
    makeModel: (bytes) => new SplitModel("split", bytes, 0.3),
    options: { valueShare: 0.3 },
  },
  { policy: "s3fifo", makeModel: (bytes) => new S3FifoModel(bytes) },
  { policy: "wtinylfu", makeModel: (bytes) => new WTinyLfuModel(bytes) },
];

function slotOf(key: string): number {
  return hashOf(key) >>> SLOT_SHIFT;
}

function run(random: Random, budgetBytes: number, { policy, makeModel, options }: Pair): void {
  const cache = createCache<string>(policy, { budgetBytes, ...options });
  const model = makeModel(budgetBytes);
  for (let i = 0; i < STEPS; i++) {
    const step = drawStep(random);
    const where = `budget ${budgetBytes}, step ${i}: ${JSON.stringify(step)}`;
    assert.is(apply(cache, step), applyToModel(model, step), where);
    assert.equal(contentsOf(cache), contentsOfModel(model), where);
    assert.is(cache.usedBytes, model.usedBytes, where);
    const valueCount = model.entries.filter((entry) => entry.value !== undefined).length;
    assert.is(cache.valueCount, valueCount, where);
    assert.is(cache.shortcutCount, model.entries.length - valueCount, where);
    assert.is(cache.averageMissRts, model.missRts, where);
    assert.ok(cache.usedBytes <= budgetBytes, where);
  }
}

for (const pair of PAIRS) {
  const share = pair.options?.valueShare;
  const name = share === undefined ? pair.policy : `${pair.policy} with ${share} for values`;
  test(
    `${name} does what its rules say`,
    seeded((random) => {
      for (const budgetBytes of BUDGETS_BYTES) run(random, budgetBytes, pair);
    }),
  );
}

for (const { policy, makeModel } of PAIRS) {
  test(`${policy}: entries go with their slot, whichever it is, and no others do`, () => {
    const cache = createCache<string>(policy, { budgetBytes: 100_000 });
    const model = makeModel(100_000);
    const random = new Random(1);
    for (const key of KEYS) {
      const step = { kind: "write", offer: { ...drawOffer(random, key), valueBytes: 10 } } as const;
      assert.is(apply(cache, step), applyToModel(model, step));
    }
    let left = KEYS.length;
    for (const slot of new Set(KEYS.map(slotOf))) {
      const count = KEYS.filter((key) => slotOf(key) === slot).length;
      assert.is(cache.dropSlot(slot), count);
      model.dropSlot(slot);
      left -= count;
      assert.is(cache.valueCount + cache.shortcutCount, left);
      assert.equal(contentsOf(cache), contentsOfModel(model));
    }
    assert.is(cache.usedBytes, 0);
  });
}

test.run();
