/**
 * Pools that live many lives: each is opened, used a little, and closed, killed, scaled, or loses a
 * KN, again and again. What is live stays a small share of the capacity, so no put may ever be
 * refused, and nothing may be lost.
 *
 * What is written is a sequence of numbered changes, so one number says what every key must hold.
 *
 * Pools that evict live such lives, too, with more in them than there is room for. Then any key may
 * be absent, and after a kill what was missed may be there again; but it never holds anything but
 * what it was given last, and what was deleted stays away.
 *
 * @module
 */
import * as assert from "uvu/assert";
import { setTimeout } from "node:timers/promises";
import { type Bytes, open, type OpenOptions, type Store } from "../../mod.ts";
import { Child } from "./child.ts";
import { Fault, FaultOrders } from "./faults.ts";
import type { Random } from "./random.ts";
import { temporaryPath } from "./temporary.ts";

const EXTENSION = import.meta.url.endsWith(".ts") ? "ts" : "js";
const MORTAL_KN = new URL(`./workers/mortal_kn.${EXTENSION}`, import.meta.url);

/** Every how many changes of a key one deletes it. */
const DELETE_EVERY = 5;
/** Changes in a life of a KN, and between two looks at the others. */
const CHANGES_PER_CYCLE = 100;
const CHANGES_PER_RESTART = 3;
const CHANGES_PER_LOOK = 10;
/** The same where the pool evicts: many, as it has to be filled. */
const EVICTING_CHANGES_FACTOR = 20;
const EVICTING_CHANGES_PER_KILL_MAX = 150;
/** Changes of the first process that is killed: from then on the pool is full. */
const EVICTING_CHANGES_FIRST = 350;
/**
 * Changes that a process has made when it is killed, at most, and milliseconds that it goes on
 * after that.
 */
const CHANGES_PER_KILL_MAX = 40;
const KILL_MS_MAX = 10;
/** Atomic accesses of a KN until it fails, at most. */
const FAULT_ACCESSES_MAX = 400;

/**
 * After so many failures of KNs one lives for a while: twenty of one place that fail within a
 * second each, one after the other, are rightly taken for hopeless.
 */
const FAILURES_PER_CALM = 15;
const CALM_MS = 1500;

/** Sizes of a pool and of what lives in it. */
export interface LifeSizes {
  readonly capacity: Bytes;
  readonly segmentBytes?: Bytes;
  readonly placement: "near" | "far";
  readonly keyCount: number;
  readonly valueBytes: number;
  /**
   * Whether the pool evicts: then the keys should be more than it has room for.
   *
   * @default false
   */
  readonly evicts?: boolean;
}

/** Of a pool that evicts: 400 KB in 256 KiB, of which a few segments are always free. */
export const EVICTING_SIZES: LifeSizes = {
  capacity: "256KiB",
  segmentBytes: "4KiB",
  placement: "near",
  keyCount: 500,
  valueBytes: 800,
  evicts: true,
};

/** A value. */
export interface LifeValue {
  readonly number: number;
  readonly filler: string;
}

/** The key of a change. */
export function keyOf(number: number, { keyCount }: LifeSizes): string {
  return `key ${number % keyCount}`;
}

/** Whether a change deletes its key. */
export function isDelete(number: number, { keyCount }: LifeSizes): boolean {
  return Math.floor(number / keyCount) % DELETE_EVERY === DELETE_EVERY - 1;
}

/** Makes a change. */
export async function change(
  store: Store<LifeValue>,
  number: number,
  sizes: LifeSizes,
): Promise<void> {
  const key = keyOf(number, sizes);
  if (isDelete(number, sizes)) await store.delete(key);
  else await store.put(key, { number, filler: "x".repeat(sizes.valueBytes) });
}

/** How a store of these sizes is opened. */
export function lifeOptions(sizes: LifeSizes): OpenOptions<LifeValue> {
  const { capacity, segmentBytes, placement, evicts = false } = sizes;
  const whenFull = evicts ? "evict" : "refuse";
  return { capacity, placement, whenFull, ...(segmentBytes === undefined ? {} : { segmentBytes }) };
}

/** The numbers that the keys hold, by key. */
export async function numbersIn(
  store: Store<LifeValue>,
  { keyCount, valueBytes }: LifeSizes,
): Promise<(number | null)[]> {
  const keys = Array.from({ length: keyCount }, (_, key) => `key ${key}`);
  const values = await store.getMany(keys);
  return values.map((value) => {
    if (value === undefined) return null;
    assert.is(value.filler.length, valueBytes);
    return value.number;
  });
}

/** The pool of a run, and what must be in it. */
export class Lives {
  readonly sizes: LifeSizes;
  readonly #random: Random;
  /** Changes that have been made. */
  count = 0;
  /** Records that were evicted, as far as that was asked. */
  evictedCount = 0;

  /** Begins with nothing. */
  constructor(sizes: LifeSizes, random: Random) {
    this.sizes = sizes;
    this.#random = random;
  }

  /** Opens a pool, changes a few keys, and closes it, so many times. */
  async restart(lifeCount: number, path = temporaryPath()): Promise<void> {
    for (let life = 0; life < lifeCount; life++) {
      const store = await open<LifeValue>({ path, ...lifeOptions(this.sizes) });
      await this.#check(store);
      await this.#changeSome(store, this.#changesPerRestart, `life ${life}`);
      this.evictedCount += store.stats().evicted;
      await store.close();
    }
  }

  /** Adds KNs and takes them away again, so many times. */
  async scale(cycleCount: number): Promise<void> {
    const store = await open<LifeValue>(lifeOptions(this.sizes));
    for (let cycle = 0; cycle < cycleCount; cycle++) {
      await store.scale(3);
      await this.#changeSome(store, CHANGES_PER_CYCLE, `cycle ${cycle}`);
      await store.scale(1);
      await this.#check(store);
    }
    this.evictedCount += store.stats().evicted;
    await store.close();
  }

  /** Has KNs fail in the middle of a step, so many times. */
  async fail(failureCount: number): Promise<void> {
    const workers = { node: MORTAL_KN };
    const store = await open<LifeValue>({ ...lifeOptions(this.sizes), help: false, workers });
    const orders = new FaultOrders(store.share());
    let recoveredCount = 0;
    store.addEventListener("noderecovered", () => recoveredCount += 1);
    for (let failure = 0; failure < failureCount; failure++) {
      if (failure % FAILURES_PER_CALM === FAILURES_PER_CALM - 1) await setTimeout(CALM_MS);
      const accesses = this.#random.between(1, FAULT_ACCESSES_MAX);
      orders.give(orders.agents[0]!, Fault.THROW, accesses);
      while (recoveredCount <= failure) {
        await this.#changeSome(store, this.#changesPerFailure, `failure ${failure}`);
        await setTimeout(1);
      }
      await this.#check(store);
    }
    this.evictedCount += store.stats().evicted;
    await store.close();
  }

  /** Kills the process that has a pool open, so many times. */
  async kill(killCount: number, path = temporaryPath()): Promise<void> {
    for (let kill = 0; kill < killCount; kill++) {
      const child = new Child("short_life", { path, sizes: this.sizes, next: this.count });
      await child.message(this.#changesUntilKill(kill));
      await setTimeout(this.#random.below(KILL_MS_MAX));
      child.kill();
      const { messages, signal, output } = await child.ended();
      assert.is(signal, "SIGKILL", `kill ${kill}: ${output}`);
      if (messages.length === 0) continue;
      const { found, next } = messages[0] as { found: (number | null)[]; next: number };
      this.#checkFound(found, `kill ${kill}`, 1);
      this.count = next;
      let evicted = 0;
      for (const message of messages.slice(1)) {
        const said = message as { made: number; evicted: number };
        this.count = said.made + 1;
        evicted = said.evicted;
      }
      this.evictedCount += evicted;
    }
    const store = await open<LifeValue>({ path, ...lifeOptions(this.sizes) });
    await this.#check(store, 1);
    await store.close();
  }

  #changesUntilKill(kill: number): number {
    if (!this.sizes.evicts) return this.#random.below(CHANGES_PER_KILL_MAX);
    const changeCount = this.#random.below(EVICTING_CHANGES_PER_KILL_MAX);
    return kill === 0 ? EVICTING_CHANGES_FIRST + changeCount : changeCount;
  }

  get #changesPerRestart(): number {
    return CHANGES_PER_RESTART * (this.sizes.evicts ? EVICTING_CHANGES_FACTOR : 1);
  }

  get #changesPerFailure(): number {
    return CHANGES_PER_LOOK * (this.sizes.evicts ? EVICTING_CHANGES_FACTOR : 1);
  }

  async #changeSome(store: Store<LifeValue>, count: number, when: string): Promise<void> {
    for (let i = 0; i < count; i++) {
      try {
        await change(store, this.count, this.sizes);
      } catch (error) {
        const state = JSON.stringify(store.stats());
        throw new Error(`${when}: change ${this.count} failed: ${state}`, { cause: error });
      }
      this.count += 1;
    }
  }

  async #check(store: Store<LifeValue>, pendingCount = 0): Promise<void> {
    const found = await numbersIn(store, this.sizes);
    this.#checkFound(found, `after ${this.count} changes`, pendingCount);
    const foundCount = found.filter((number) => number !== null).length;
    if (this.sizes.evicts) assert.ok(store.count <= foundCount, `${store.count}, ${foundCount}`);
    else assert.is(store.count, foundCount);
  }

  /** Checks every key; a change that had not ended may have been made. */
  #checkFound(found: readonly (number | null)[], when: string, pendingCount: number): void {
    for (const [key, number] of found.entries()) {
      const allowed = [this.#expected(key, this.count)];
      if (pendingCount > 0) allowed.push(this.#expected(key, this.count + pendingCount));
      if (this.sizes.evicts) allowed.push(null);
      assert.ok(allowed.includes(number), `${when}: key ${key} is ${number}, not of ${allowed}`);
    }
  }

  /** What a key holds after so many changes. */
  #expected(key: number, count: number): number | null {
    const { keyCount } = this.sizes;
    if (count <= key) return null;
    const last = key + Math.floor((count - 1 - key) / keyCount) * keyCount;
    return isDelete(last, this.sizes) ? null : last;
  }
}

/** The kinds of lives, by name. */
export const LIFE_KINDS:
  readonly (readonly [name: string, run: (lives: Lives, count: number) => Promise<void>])[] = [
    ["restarts", (lives, count) => lives.restart(count)],
    ["scaling cycles", (lives, count) => lives.scale(count)],
    ["failures of KNs", (lives, count) => lives.fail(count)],
    ["kills", (lives, count) => lives.kill(count)],
  ];
