/**
 * KNs that stall in the middle of a step for longer than anything waits, and cannot be ended
 * meanwhile: whatever is asked of the store ends, with what was asked for or with a typed error,
 * while the KN is still stalled. When it has gone on or ended, the same succeeds.
 *
 * @module
 */
import { test } from "uvu";
import * as assert from "uvu/assert";
import type { Slot } from "../../lib/core/brands.ts";
import { KeyEncoder } from "../../lib/core/key_encoder.ts";
import { SLOT_SHIFT } from "../../lib/core/limits.ts";
import { Pool } from "../../lib/pool/pool.ts";
import { activeNodes } from "../../lib/routing/node_directory.ts";
import { slotOwner } from "../../lib/routing/ownership.ts";
import { checkHandle } from "../../lib/store/parts/handle.ts";
import {
  attach,
  DinomoError,
  NodeFailedError,
  open,
  type OpenOptions,
  PoolLockedError,
  type Store,
  UnavailableError,
} from "../../mod.ts";
import { runtimeShare } from "../support/campaign.ts";
import { errorOf } from "../support/errors.ts";
import { Fault, FaultOrders, Hang } from "../support/faults.ts";
import { SEED } from "../support/random.ts";
import { until } from "../support/store_suite.ts";
import { temporaryPath } from "../support/temporary.ts";

const EXTENSION = import.meta.url.endsWith(".ts") ? "ts" : "js";
const MORTAL_KN = new URL(`../support/workers/mortal_kn.${EXTENSION}`, import.meta.url);
const SIZES = {
  capacity: "1MiB",
  segmentBytes: "16KiB",
  nodes: 2,
  help: false,
  workers: { node: MORTAL_KN },
} as const;
const KEY_COUNT = 100;
const HELD_KEY = "key 0";
/** How the stores differ, of which a run tries one. */
const VARIANTS: readonly (readonly [string, OpenOptions<number>])[] = runtimeShare<
  [string, OpenOptions<number>]
>([
  ["in memory", {}],
  ["logged", { durability: "os" }],
  [
    "far",
    {
      placement: "far",
      durability: "os",
      capacity: "4MiB",
      cache: "32KiB",
      backlog: "64KiB",
    },
  ],
], SEED);
/** Codes of the errors by which something is refused while a KN is stalled. */
const REFUSALS: readonly unknown[] = [
  "DINOMO_UNAVAILABLE",
  "DINOMO_SNAPSHOT",
  "DINOMO_NODE_FAILED",
];

/** The stalls of this test, which must not outlive it. */
const hangs: Hang[] = [];

/** A store one of whose KNs stalls while it has the slot of {@linkcode HELD_KEY} locked. */
class StalledStore {
  readonly store: Store<number>;
  /** How the put has ended that the KN was executing. */
  readonly put: Promise<unknown>;
  readonly #hang: Hang;

  private constructor(store: Store<number>, put: Promise<unknown>, hang: Hang) {
    this.store = store;
    this.put = put;
    this.#hang = hang;
  }

  static async make(options: OpenOptions<number>): Promise<StalledStore> {
    const store = await open<number>({ ...SIZES, ...options });
    for (let i = 0; i < KEY_COUNT; i++) await store.put(`key ${i}`, i);
    const orders = new FaultOrders(store.share());
    const pool = Pool.attach(checkHandle(store.share()).pool);
    const slot = new KeyEncoder(...pool.hashKey).encode(HELD_KEY) >>> SLOT_SHIFT as Slot;
    const owner = slotOwner(pool, slot);
    const { agent } = activeNodes(pool).find(({ nodeId }) => nodeId === owner)!;
    const hang = new Hang();
    hangs.push(hang);
    orders.give(agent, Fault.HANG, 1, hang.id, slot);
    const put = errorOf(() => store.put(HELD_KEY, 1000));
    await until(() => orders.firedCount(agent) > 0);
    return new StalledStore(store, put, hang);
  }

  /** Ends the stall. */
  goOn(): void {
    this.#hang.end();
  }
}

async function contents(store: Store<number>): Promise<number> {
  let count = 0;
  for await (const _ of store.entries()) count += 1;
  return count;
}

/** What is asked of a store, all of it at once; the sync operations after the others have begun. */
function operations(store: Store<number>, isFar: boolean): Record<string, () => Promise<unknown>> {
  const sync = (call: () => unknown) => () => Promise.resolve().then(call);
  return {
    scale: () => store.scale(3),
    snapshot: () => store.snapshot(),
    backup: () => store.backup(temporaryPath()),
    ...(isFar ? { replicate: () => store.replicate(HELD_KEY, 2) } : {}),
    put: () => store.put(HELD_KEY, 2000),
    flush: () => store.flush(),
    iteration: () => contents(store),
    clear: () => store.clear(),
    "scale again": () => store.scale(2),
    putSync: sync(() => store.putSync(HELD_KEY, 3000)),
    getSync: sync(() => store.getSync(HELD_KEY)),
    get: () => store.get(HELD_KEY),
  };
}

/** Does something for each kind of store at the same time: most of it is waiting. */
async function forEachVariant(
  body: (name: string, options: OpenOptions<number>) => Promise<void>,
): Promise<void> {
  const ends = VARIANTS.map(([name, options]) => body(name, { path: temporaryPath(), ...options }));
  const results = await Promise.allSettled(ends);
  for (const hang of hangs.splice(0)) hang.end();
  for (const result of results) if (result.status === "rejected") throw result.reason;
}

test("whatever is asked of a store ends while one of its KNs is stalled", () =>
  forEachVariant(async (name, options) => {
    const isFar = options.placement === "far";
    const stalled = await StalledStore.make(options);
    const { store } = stalled;
    const ends = Object.entries(operations(store, isFar)).map(async ([what, call]) => {
      const error = await errorOf(call);
      if (error === undefined) return;
      assert.ok(error instanceof DinomoError, `${name}: ${what}: ${error}`);
      assert.ok(REFUSALS.includes(error.code), `${name}: ${what}: ${error}`);
    });
    // Were there a wait without a bound, this would not end: the KN does not go on before.
    await Promise.all([...ends, stalled.put]);
    stalled.goOn();
    await until(() => store.stats().zombies === 0);
    for (const [what, call] of Object.entries(operations(store, isFar))) {
      assert.is(await errorOf(call), undefined, `${name}: ${what} succeeds afterwards`);
    }
    await store.close();
  }));

test("a scan passes a KN that holds a slot, and a commit that needs it changes nothing", async () => {
  const stalled = await StalledStore.make({ ordered: true });
  const { store } = stalled;
  try {
    // Its own thread has a put that is pending, for which it would wait.
    await using other = await attach<number>(store.share());
    const expected = Array.from({ length: KEY_COUNT }, (_, i) => `key ${i}`).sort();
    assert.equal([...other.keysSync()], expected);
    const keys: string[] = [];
    for await (const [key] of other.entries({ reverse: true })) keys.push(key);
    assert.equal(keys, expected.toReversed());
    const others = expected.filter((key) => key !== HELD_KEY);
    const before = await other.getEntries(others);
    const commit = other.atomic().put(HELD_KEY, -1).put("key new", -1);
    for (const key of others.slice(0, 20)) commit.increment(key);
    const error = await errorOf(() => commit.commit());
    assert.instance(error, UnavailableError, String(error));
    assert.equal(await other.getEntries(others), before);
    assert.equal([...other.keysSync()], expected);
    stalled.goOn();
    await stalled.put;
    await until(() => store.stats().zombies === 0);
    assert.equal(await other.getEntries(others), before, "nor afterwards");
    assert.ok([0, 1000].includes((await other.get(HELD_KEY))!));
    assert.not(await other.has("key new"));
  } finally {
    stalled.goOn();
  }
  await store.close();
});

test("a store can be closed while one of its KNs is stalled, and loses nothing", () =>
  forEachVariant(async (name, options) => {
    const path = options.path!;
    const stalled = await StalledStore.make(options);
    const error = await errorOf(() => stalled.store.close());
    assert.instance(error, NodeFailedError, `${name}: ${error}`);
    await stalled.put;
    const refused = await errorOf(() => open({ path }));
    assert.instance(refused, PoolLockedError, `${name}: the KN may still write to the files`);
    stalled.goOn();
    let reopened: Store<number> | undefined;
    await until(async () => {
      reopened = await open<number>({ path }).catch((reason) => {
        assert.instance(reason, PoolLockedError, `${name}: ${reason}`);
        return undefined;
      });
      return reopened !== undefined;
    });
    assert.is(reopened!.count, KEY_COUNT, name);
    for (let i = 1; i < KEY_COUNT; i++) assert.is(await reopened!.get(`key ${i}`), i, name);
    const held = await reopened!.get(HELD_KEY);
    assert.ok(held === 0 || held === 1000, `${name}: ${held}`);
    await reopened!.close();
  }));

test.run();
