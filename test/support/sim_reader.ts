/**
 * A reader as an agent of a simulation: reads any key at any time, and lists the keys of a slot.
 *
 * @module
 */
import type { Slot } from "../../lib/core/brands.ts";
import { KeyEncoder } from "../../lib/core/key_encoder.ts";
import { OneSidedReader } from "../../lib/index/one_sided_reader.ts";
import type { Pool } from "../../lib/pool/pool.ts";
import { HASH_KEY, type SimKey } from "./sim_keys.ts";
import { type BegunRead, type KeyModel, require, type SeenRecord } from "./sim_model.ts";
import { readValue, sumIn } from "./sim_values.ts";
import type { SimAgent } from "./sim_scheduler.ts";
import type { SimWorld } from "./sim_world.ts";

const EVERYTHING = new Uint8Array(0);
const LISTING_SHARE = 0.2;
const text = new TextDecoder();

/**
 * Looks at keys one-sidedly. Everybody who looks has eyes of his own: they hold a key and a value.
 */
export class SimEyes {
  readonly #encoder = new KeyEncoder(...HASH_KEY);
  readonly #reader: OneSidedReader;
  readonly #clock: () => number;

  constructor(pool: Pool, clock: () => number) {
    this.#reader = new OneSidedReader(pool, clock);
    this.#clock = clock;
  }

  /** Reads a key; undefined when there is none. Throws when the value is not one of that key. */
  look(key: SimKey): SeenRecord | undefined {
    const reader = this.#reader;
    this.#encoder.encode(key.text);
    if (!reader.read(this.#encoder, true)) return undefined;
    const { operation } = readValue(reader.value, reader.valueBytes, key.number);
    return { operation, version: reader.version };
  }

  /**
   * Reads a number that a KN has made; undefined when there is none, NaN when it is something else.
   */
  lookAtSum(key: SimKey): number | undefined {
    const reader = this.#reader;
    this.#encoder.encode(key.text);
    if (!reader.read(this.#encoder, true)) return undefined;
    return sumIn(reader.value, reader.valueBytes);
  }

  /** Lists the keys of a slot. */
  list(slot: Slot): string[] {
    return this.#reader.collectKeys(slot, EVERYTHING).map((key) => text.decode(key.bytes));
  }

  /** Reads a key, and compares what it gets with what the model allows. */
  check(model: KeyModel): void {
    const begun = model.beginRead();
    model.endRead(begun, this.look(model.key), this.#clock());
  }
}

/** The agent. */
export class SimReader implements SimAgent {
  readonly name = "reader";
  isActive = false;
  readonly #world: SimWorld;
  readonly #eyes: SimEyes;

  constructor(world: SimWorld) {
    this.#world = world;
    this.#eyes = new SimEyes(world.pool, world.clock);
  }

  /** Always: a reader takes no lock, and waits for nobody (I6). */
  mayRun(): boolean {
    return !this.isActive;
  }

  step(): void {
    const { random, models } = this.#world;
    if (random.next() < LISTING_SHARE) this.#list();
    else this.#eyes.check(random.pick(models));
  }

  #list(): void {
    const { random, models, slots } = this.#world;
    const slot = random.pick(slots.slice(0, 3));
    const inSlot = models.filter((model) => model.key.slot === slot);
    const begun = inSlot.map((model) => model.beginRead());
    const listed = this.#eyes.list(slot);
    checkListing(slot, listed, inSlot, begun, this.#world.nowMs);
  }
}

/** Compares a listing of a slot's keys with what the models allow. */
export function checkListing(
  slot: Slot,
  listed: readonly string[],
  models: readonly KeyModel[],
  begun: readonly BegunRead[],
  nowMs: number,
): void {
  const counts = new Map<string, number>();
  for (const name of listed) counts.set(name, (counts.get(name) ?? 0) + 1);
  for (const [i, model] of models.entries()) {
    model.endListing(begun[i]!, counts.get(model.key.text) ?? 0, nowMs);
    counts.delete(model.key.text);
  }
  require(counts.size === 0, `a listing of slot ${slot} shows ${[...counts.keys()]}`);
}
