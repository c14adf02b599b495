/**
 * DPM processors that fail in the middle of a task, on real threads: what they held is given back,
 * and nobody notices.
 *
 * @module
 */
import { setTimeout } from "node:timers/promises";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { AgentCounter, AgentCounters } from "../../lib/pool/agent_counters.ts";
import { AGENT_DPM } from "../../lib/pool/control_layout.ts";
import { Pool } from "../../lib/pool/pool.ts";
import { checkHandle } from "../../lib/store/parts/handle.ts";
import { open, type OpenOptions, SnapshotError, type Store } from "../../mod.ts";
import { runtimeShare } from "../support/campaign.ts";
import {
  checkOwners,
  checkReopened,
  checkSegments,
  contentsOf,
} from "../support/chaos/quiet_checks.ts";
import { assertRejects } from "../support/errors.ts";
import { Fault, FaultOrders } from "../support/faults.ts";
import { Random, SEED } from "../support/random.ts";
import { until } from "../support/store_suite.ts";
import { temporaryPath } from "../support/temporary.ts";

const EXTENSION = import.meta.url.endsWith(".ts") ? "ts" : "js";
const MORTAL_DPM = new URL(`../support/workers/mortal_dpm.${EXTENSION}`, import.meta.url);
const SIZES = { capacity: "1MiB", segmentBytes: "16KiB", workers: { dpm: MORTAL_DPM } } as const;
/** About two thirds of the pool, when all of them are there. */
const KEY_COUNT = 600;
const VALUE_BYTES = 1000;
const BURST = 50;
const SLEEP_MS = 100;
const QUIET_MS_MAX = 10_000;

/**
 * Bun ignores the memory limits of workers, and on Deno a worker without memory takes the process
 * with it.
 */
const FAULTS: readonly [string, number][] = [
  ["throws", Fault.THROW],
  ["ends its thread", Fault.EXIT],
];

const VALUE = valueOf(0);

/** A store that overwrites its keys, so that there is always something to clean. */
class Churn {
  readonly store: Store<unknown>;
  readonly orders: FaultOrders;
  /** What each key must hold. */
  readonly expected = new Map<number, number>();
  readonly #random = new Random(SEED);
  #count = 0;

  constructor(store: Store<unknown>) {
    this.store = store;
    this.orders = new FaultOrders(store.share());
  }

  /** Overwrites some keys, any of them: segments stay partly live. */
  async turn(): Promise<void> {
    const puts: Promise<unknown>[] = [];
    for (let i = 0; i < BURST; i++) {
      const number = ++this.#count;
      const key = this.#random.below(KEY_COUNT);
      this.expected.set(key, number);
      puts.push(this.store.put(`key ${key}`, valueOf(number)));
    }
    await Promise.all(puts);
    // Clients that help get their answers without a turn of the event loop, which is told when a
    // thread has ended.
    await setTimeout(1);
  }

  /** Goes on until a fault has happened that was ordered for so many accesses from now. */
  async until(kind: number, accesses: number): Promise<void> {
    const before = this.orders.firedCount(AGENT_DPM);
    this.orders.give(AGENT_DPM, kind, accesses);
    while (this.orders.firedCount(AGENT_DPM) === before) await this.turn();
    for (let i = 0; i < 8; i++) await this.turn();
  }

  check(): void {
    for (const [key, number] of this.expected) {
      const value = this.store.getSync(`key ${key}`) as Uint8Array;
      assert.is(Number(new TextDecoder().decode(value).slice(0, 10)), number, `key ${key}`);
    }
    assert.is(this.store.count, this.expected.size);
  }
}

/** Checks what holds whenever no checkpoint is being written and nothing is being cleaned. */
async function eventually(check: () => void): Promise<void> {
  const deadlineMs = performance.now() + QUIET_MS_MAX;
  for (;;) {
    try {
      return check();
    } catch (error) {
      if (performance.now() > deadlineMs) throw error;
    }
    await setTimeout(5);
  }
}

function valueOf(number: number): Uint8Array {
  return new TextEncoder().encode(String(number).padEnd(VALUE_BYTES));
}

/**
 * Resolves when a DPM processor has fallen asleep in the middle of a task, long enough for this
 * thread to block meanwhile.
 */
async function fallAsleep(store: Store<Uint8Array>, accesses: number): Promise<FaultOrders> {
  const orders = new FaultOrders(store.share());
  const before = orders.firedCount(AGENT_DPM);
  orders.give(AGENT_DPM, Fault.STALL, accesses, SLEEP_MS);
  await until(() => orders.firedCount(AGENT_DPM) > before);
  return orders;
}

for (const [name, kind] of FAULTS) {
  for (const isLogged of runtimeShare([false, true, true], kind)) {
    test(`a DPM processor that ${name} leaves nothing behind${isLogged ? ", with a log" : ""}`, async () => {
      const path = isLogged ? temporaryPath() : undefined;
      const options: OpenOptions = {
        ...SIZES,
        codec: "binary",
        ...(path ? { path } : {}),
      } as never;
      const store = await open(options) as Store<unknown>;
      const churn = new Churn(store);
      for (let i = 0; i < KEY_COUNT / BURST; i++) await churn.turn();
      for (const accesses of runtimeShare([1, 9, 60, 61, 62, 63, 300], kind)) {
        await churn.until(kind, accesses);
      }
      churn.check();
      const pool = Pool.attach(checkHandle(store.share()).pool);
      const counters = new AgentCounters(pool, AGENT_DPM);
      const cleaned = counters.get(AgentCounter.SEGMENTS_CLEANED);
      await until(async () => {
        await churn.turn();
        return counters.get(AgentCounter.SEGMENTS_CLEANED) > cleaned;
      });
      churn.check();
      await checkOwners(pool);
      await eventually(() => checkSegments(store, pool));
      const contents = await contentsOf(store);
      await store.close();
      if (path !== undefined) await checkReopened(options, contents);
    });
  }

  test(`a DPM processor that ${name} while it merges leaves nothing behind`, async () => {
    for (const isLogged of runtimeShare([true, false, true], kind)) {
      const path = isLogged ? temporaryPath() : undefined;
      const options = {
        ...SIZES,
        capacity: "4MiB",
        placement: "far",
        codec: "binary",
        nodes: 2,
        ...(path ? { path } : {}),
      } as const;
      const store = await open<Uint8Array>(options as never) as unknown as Store<unknown>;
      const churn = new Churn(store);
      for (let i = 0; i < KEY_COUNT / BURST; i++) await churn.turn();
      for (const accesses of runtimeShare([9, 31, 200], kind)) await churn.until(kind, accesses);
      churn.check();
      const pool = Pool.attach(checkHandle(store.share()).pool);
      // A merger that was left taken would hold up every slot of its KN.
      await store.scale(3);
      await churn.turn();
      await store.scale(1);
      churn.check();
      await eventually(() => checkOwners(pool));
      await eventually(() => checkSegments(store, pool));
      const contents = await contentsOf(store);
      await store.close();
      if (path !== undefined) await checkReopened(options, contents);
    }
  });

  test(`a thread that blocks hears of a DPM processor that ${name} while it merges`, async () => {
    const options = { ...SIZES, capacity: "4MiB", placement: "far", backlog: "64KiB" } as const;
    await using store = await open<Uint8Array>({ ...options, codec: "binary" });
    for (const accesses of runtimeShare([5, 60, 150], kind)) {
      const asleep = fallAsleep(store, accesses);
      // Enough to be worth a task.
      await Promise.all(Array.from({ length: 40 }, (_, i) => store.put(`key ${i}`, VALUE)));
      const orders = await asleep;
      orders.give(AGENT_DPM, kind, 1);
      // More than the backlog, so that they have to be merged.
      for (let i = 0; i < 150; i++) store.putSync(`key ${i}`, VALUE);
      await until(() => !orders.isWaiting(AGENT_DPM));
    }
    for (let i = 0; i < 150; i++) assert.equal(store.getSync(`key ${i}`), VALUE);
  });

  test(`so it does of one that ${name} while it copies`, async () => {
    for (const durability of runtimeShare(["memory", "os", "os"] as const, kind)) {
      const options = { ...SIZES, path: temporaryPath(), durability, codec: "binary" } as const;
      await using store = await open(options);
      for (let i = 0; i < KEY_COUNT; i++) await store.put(`key ${i}`, VALUE);
      for (const accesses of runtimeShare([5, 200, 60], kind)) {
        const asleep = fallAsleep(store, accesses);
        const copying = store.snapshot().catch(() => {});
        const orders = await asleep;
        orders.give(AGENT_DPM, kind, 1);
        // More than fits before segments are freed, which the one that copies holds back.
        for (let i = 0; i < KEY_COUNT; i++) store.putSync(`key ${i}`, VALUE);
        await copying;
        await until(() => !orders.isWaiting(AGENT_DPM));
      }
      assert.is(store.count, KEY_COUNT);
    }
  });

  test(`a DPM processor that ${name} while it compacts leaves the rest where it is`, async () => {
    for (const isLogged of runtimeShare([true, false, true], kind)) {
      const path = isLogged ? temporaryPath() : undefined;
      const options = { ...SIZES, codec: "binary", ...(path ? { path } : {}) } as const;
      const store = await open<Uint8Array>(options as never) as unknown as Store<unknown>;
      const churn = new Churn(store);
      for (const accesses of runtimeShare([3, 40, 200, 900, 3000, 90], kind)) {
        for (let i = 0; i < KEY_COUNT / BURST; i++) await churn.turn();
        for (const key of [...churn.expected.keys()].filter((key) => key % 5 !== 0)) {
          churn.expected.delete(key);
          void store.delete(`key ${key}`);
        }
        churn.orders.give(AGENT_DPM, kind, accesses);
        await store.compact().catch((error) => assert.instance(error, SnapshotError));
        churn.check();
      }
      await until(() => !churn.orders.isWaiting(AGENT_DPM) || store.compact().then(() => false));
      await churn.turn();
      await store.compact();
      churn.check();
      const pool = Pool.attach(checkHandle(store.share()).pool);
      await checkOwners(pool);
      await eventually(() => checkSegments(store, pool));
      const contents = await contentsOf(store);
      await store.close();
      if (path !== undefined) await checkReopened(options, contents);
    }
  });

  test(`a DPM processor that ${name} during a backup is reported, and the next one is written`, async () => {
    for (const durability of runtimeShare(["memory", "os", "os"] as const, kind)) {
      await using store = await open<number>({ ...SIZES, path: temporaryPath(), durability });
      const orders = new FaultOrders(store.share());
      for (let i = 0; i < 100; i++) await store.put(`key ${i}`, i);
      for (const accesses of runtimeShare([1, 2, 9, 25, 200, 60], kind)) {
        orders.give(AGENT_DPM, kind, accesses);
        await assertRejects(() => store.backup(temporaryPath()), {
          type: SnapshotError,
          code: "DINOMO_SNAPSHOT",
          says: /./,
        }, `access ${accesses}`);
        await store.put("key 1", -accesses);
      }
      // Of two at one time one dies, and leaves nothing that the other one has to wait for.
      orders.give(AGENT_DPM, kind, 25);
      const two = await Promise.allSettled(
        [temporaryPath(), temporaryPath()].map((to) => store.backup(to)),
      );
      assert.equal(two.map(({ status }) => status), ["rejected", "fulfilled"]);
      const path = temporaryPath();
      await store.backup(path);
      await store.snapshot();
      await using copy = await open<number>({ path });
      assert.ok(copy.getSync("key 1")! < 0);
      assert.is(copy.count, 100);
    }
  });
}

test.run();
