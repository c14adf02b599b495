/**
 * A load of pipelined operations that goes on until it is told to stop, checks every outcome, and
 * knows what the store has to hold in the end. While it runs a test may do to the store what it
 * likes, as long as that changes no key.
 *
 * @module
 */
import { setTimeout } from "node:timers/promises";
import * as assert from "uvu/assert";
import type { Store } from "../../mod.ts";
import { type Random, SEED } from "./random.ts";
import { applied } from "./versions.ts";

/** Keys of the load; few, so that most of them have operations in flight. */
const KEY_COUNT = 97;
/** Operations of one burst. */
const BURST = 40;
/** Operations that may be in flight between two bursts. */
const PENDING_MAX = 200;

/** One client's load on a store. */
export class Load {
  /** Operations issued so far. */
  issuedCount = 0;
  readonly #store: Store<unknown>;
  readonly #random: Random;
  /** The number in each key's value. */
  readonly #model = new Map<string, number>();
  readonly #work = new Set<Promise<void>>();
  #isStopped = false;

  /** Prepares a load. */
  constructor(store: Store<unknown>, random: Random) {
    this.#store = store;
    this.#random = random;
  }

  /** Issues bursts until {@linkcode stop} is called; rejects if an outcome was wrong. */
  async run(): Promise<void> {
    while (!this.#isStopped) {
      for (let i = 0; i < BURST; i++) this.#issue();
      // Most bursts overlap with the ones before.
      if (this.#work.size > PENDING_MAX) await Promise.all(this.#work);
      else await setTimeout(0);
    }
    await Promise.all(this.#work);
  }

  /** Ends the load after its current burst. */
  stop(): void {
    this.#isStopped = true;
  }

  /** Resolves when so many more operations have been issued. */
  async more(count: number): Promise<void> {
    const target = this.issuedCount + count;
    while (this.issuedCount < target && !this.#isStopped) await setTimeout(1);
  }

  /** Checks that a store holds what the load has left there. */
  check(store: Store<unknown>): void {
    assert.is(store.count, this.#model.size, `seed ${SEED}`);
    for (let i = 0; i < KEY_COUNT; i++) {
      const key = keyOf(i);
      assert.is(numberOf(store.getSync(key)), this.#model.get(key), `${key}, seed ${SEED}`);
    }
  }

  #issue(): void {
    const number = this.issuedCount++;
    const key = keyOf(this.#random.below(KEY_COUNT));
    const old = this.#model.get(key);
    const context = `${number}, ${key}, seed ${SEED}`;
    switch (this.#random.below(12)) {
      case 0:
      case 1:
        this.#model.delete(key);
        return this.#expect(this.#store.delete(key), old !== undefined, context);
      case 2:
        if (old === undefined) this.#model.set(key, number);
        return this.#expect(
          applied(this.#store.compareAndSet(key, null, number)),
          old === undefined,
          context,
        );
      case 3:
        // A value too large for a small ring: its reservation and its commit may meet a move each.
        this.#model.set(key, number);
        return this.#expect(applied(this.#store.put(key, large(number))), true, context);
      case 4:
        this.#model.set(key, number);
        return this.#expect(
          applied(this.#store.put(key, number, { ttl: 3_600_000 })),
          true,
          context,
        );
      case 5:
        return assert.is(numberOf(this.#store.getSync(key)), old, context);
      case 6:
        return this.#expect(this.#store.get(key).then(numberOrLater(number, old)), true, context);
      default:
        this.#model.set(key, number);
        return this.#expect(applied(this.#store.put(key, number)), true, context);
    }
  }

  #expect<T>(promise: Promise<T>, expected: T, context: string): void {
    const checked = promise.then((outcome) => assert.is(outcome, expected, context));
    this.#work.add(checked);
    // The run itself reports what goes wrong.
    checked.finally(() => this.#work.delete(checked)).catch(() => {});
  }
}

function keyOf(i: number): string {
  return `key ${i}`;
}

function large(number: number): unknown {
  return { number, text: "x".repeat(2500 + (number % 1200)) };
}

function numberOf(value: unknown): number | undefined {
  if (typeof value === "object" && value !== null) return (value as { number: number }).number;
  return value as number | undefined;
}

/**
 * What a pipelined read may see: what was there when it was issued, or something written later, or
 * nothing.
 */
function numberOrLater(issued: number, old: number | undefined): (value: unknown) => boolean {
  return (value) => {
    const seen = numberOf(value);
    return seen === undefined || seen === old || seen > issued;
  };
}
