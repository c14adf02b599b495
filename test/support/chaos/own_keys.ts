/**
 * Keys that one client alone writes, so that it knows what they must hold: numbers in the order in
 * which it has issued them (I4), also while many are on their way; and keys that expire.
 *
 * @module
 */
import type { Store } from "../../../mod.ts";
import type { Random } from "../random.ts";
import type { Workload } from "./chaos_settings.ts";
import { outcomeOf } from "./outcomes.ts";

/** Begins the names of keys that expire. */
export const EXPIRING_PREFIX = "expiring/";

const ORDERED_KEYS = 6;
const EXPIRING_KEYS = 8;
const PIPELINE_MAX = 12;
const TTL_MS_MAX = 900;

/** A number that a client has put, and what has become of the put. */
interface Issued {
  readonly value: number;
  state: "pending" | "done" | "refused" | "unknown";
}

/** Whose keys they are. */
export interface OwnKeysOptions {
  readonly store: Store<unknown>;
  readonly client: number;
  readonly random: Random;
  readonly workload: Workload;
}

/** One client's own keys. */
export class OwnKeys {
  readonly #store: Store<unknown>;
  readonly #client: number;
  readonly #random: Random;
  readonly #evicts: boolean;
  #lastValue = 0;
  /** By key: the newest put that has ended well, and those issued since. */
  readonly #issued = new Map<string, Issued[]>();
  /** By key: the newest number that was there and has been missed, where keys are evicted. */
  readonly #missed = new Map<string, number>();
  /** By value: the latest time at which it may expire. */
  readonly #expiresAtMs = new Map<number, number>();

  /** Prepares a client's keys. */
  constructor({ store, client, random, workload }: OwnKeysOptions) {
    this.#store = store;
    this.#client = client;
    this.#random = random;
    this.#evicts = workload.evicts;
  }

  /**
   * Puts to and reads one key in one go; rejects if a read has missed what was issued before it.
   */
  async pipeline(): Promise<void> {
    const key = `ordered/${this.#client}/${this.#random.below(ORDERED_KEYS)}`;
    const work: Promise<void>[] = [];
    for (let i = this.#random.between(2, PIPELINE_MAX); i > 0; i--) {
      work.push(this.#random.below(3) === 0 ? this.#readOrdered(key) : this.#putOrdered(key));
    }
    await Promise.all(work);
  }

  /** Puts a key that expires, or reads one; rejects if a value has been returned after its time. */
  async expire(): Promise<void> {
    const key = `${EXPIRING_PREFIX}${this.#client}/${this.#random.below(EXPIRING_KEYS)}`;
    if (this.#random.below(3) > 0) return await this.#readExpiring(key);
    const value = ++this.#lastValue;
    const ttl = this.#random.between(1, TTL_MS_MAX);
    const put = this.#store.put(key, value, { ttl });
    this.#expiresAtMs.set(value, Date.now() + ttl);
    await put.catch((error) => outcomeOf(error, this.#evicts));
  }

  async #putOrdered(key: string): Promise<void> {
    const issued: Issued = { value: ++this.#lastValue, state: "pending" };
    const list = this.#issued.get(key) ?? [];
    list.push(issued);
    this.#issued.set(key, list);
    try {
      await this.#store.put(key, issued.value);
      issued.state = "done";
      // Whatever is older will not be seen again.
      this.#issued.set(key, this.#issued.get(key)!.filter(({ value }) => value >= issued.value));
    } catch (error) {
      issued.state = outcomeOf(error, this.#evicts);
    }
  }

  async #readOrdered(key: string): Promise<void> {
    const list = this.#issued.get(key) ?? [];
    const before = [...list];
    const missed = this.#missed.get(key) ?? 0;
    let value: unknown;
    try {
      value = await this.#store.get(key);
    } catch (error) {
      return void outcomeOf(error, this.#evicts);
    }
    // By now everything that was issued before the read has ended.
    const floor = before.findLast(({ state }) => state === "done")?.value ?? 0;
    if (value === undefined && this.#evicts) {
      this.#missed.set(key, Math.max(this.#missed.get(key) ?? 0, floor));
      return;
    }
    const seen = value === undefined ? 0 : value;
    const isKnown = typeof seen === "number" && seen <= this.#lastValue;
    if (isKnown && seen >= floor && (seen > missed || missed === 0)) return;
    throw new Error(
      `${key} must be at least ${floor}, as this client has put it, and more than ${missed}, ` +
        `which it has missed, got ${seen}`,
    );
  }

  async #readExpiring(key: string): Promise<void> {
    const startMs = Date.now();
    let entry;
    try {
      const isSync = this.#random.below(2) === 0;
      entry = isSync ? this.#store.getEntrySync(key) : await this.#store.getEntry(key);
    } catch (error) {
      // In a far pool a read may be refused.
      return void outcomeOf(error, this.#evicts);
    }
    if (entry === undefined) return;
    const expiresAtMs = this.#expiresAtMs.get(entry.value as number);
    if (expiresAtMs === undefined) {
      throw new Error(`${key} must be of this client's, got ${entry.value}`);
    }
    if (entry.expiresAt !== undefined && startMs < Math.min(entry.expiresAt, expiresAtMs)) return;
    throw new Error(
      `${key} must not be read at ${startMs}, got a value that expires at ${entry.expiresAt}, ` +
        `and at ${expiresAtMs} at the latest`,
    );
  }
}
