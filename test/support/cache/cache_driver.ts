/**
 * Random operations on a cache with a tiny budget, and on a model of its policy.
 *
 * @module
 */
import { type Cache, CacheKind, SHORTCUT_ONLY } from "../../../lib/cache/cache.ts";
import { type EntryTable, NO_ENTRY } from "../../../lib/cache/entry_table.ts";
import { KeyEncoder } from "../../../lib/core/key_encoder.ts";
import { SLOT_SHIFT } from "../../../lib/core/limits.ts";
import type { Random } from "../random.ts";
import type { CacheModel, Offer } from "./cache_model.ts";

/** Keys of different lengths. */
export const KEYS: readonly string[] = Array.from(
  { length: 40 },
  (_, i) => `${i}`.padEnd(1 + (i * 7) % 30, "-"),
);

/** Few slots, so that dropping one drops many keys; and a few keys with the same hash. */
export function hashOf(key: string): number {
  const number = KEYS.indexOf(key);
  const slot = [3, 1000, 4095][number % 3];
  return (slot << SLOT_SHIFT) | (number % 5 === 0 ? 9 : number);
}

const encoder = new KeyEncoder(1, 2);

/** Encodes a key, with its hash of {@linkcode hashOf}. */
export function encode(key: string): KeyEncoder {
  encoder.encode(key);
  encoder.hash = hashOf(key);
  return encoder;
}

let offerCount = 0;

/**
 * Draws what is offered for a key: an address of its own, and a value of any length, sometimes too
 * long for the budget.
 */
export function drawOffer(random: Random, key: string): Offer {
  offerCount += 1;
  const valueBytes = random.pick([0, 1, 10, 50, 50, 100, 200, random.below(1500), SHORTCUT_ONLY]);
  return {
    key,
    keyBytes: key.length,
    slot: hashOf(key) >>> SLOT_SHIFT,
    address: random.below(2) === 0 ? offerCount : -offerCount,
    generation: random.below(3),
    valueBytes,
    payload: `value ${offerCount}`,
  };
}

/** One operation on a cache. */
export type Step =
  | { readonly kind: "read"; readonly key: string; readonly offer: Offer; readonly rts: number }
  | { readonly kind: "write"; readonly offer: Offer }
  | { readonly kind: "remove"; readonly key: string }
  | { readonly kind: "dropSlot"; readonly slot: number };

/** Draws an operation; low numbers of keys are popular. */
export function drawStep(random: Random): Step {
  const key = KEYS[Math.floor(KEYS.length * random.next() ** 3)]!;
  const offer = drawOffer(random, key);
  const kind = random.below(200);
  if (kind < 150) return { kind: "read", key, offer, rts: random.between(1, 5) };
  if (kind < 190) return { kind: "write", offer };
  if (kind < 199) return { kind: "remove", key };
  return { kind: "dropSlot", slot: random.pick([3, 1000, 4095]) };
}

/**
 * Makes one step: of a cache, and of what a KN does for a read, which is to offer what it then has
 * to read.
 */
export function apply(cache: Cache<string>, step: Step): unknown {
  switch (step.kind) {
    case "read": {
      const { key, offer, rts } = step;
      const { address, generation, valueBytes, payload } = offer;
      const kind = cache.lookup(encode(key));
      if (isMiss(kind, rts)) {
        return cache.admit(encode(key), address, generation, valueBytes, payload, rts);
      }
      if (kind === CacheKind.VALUE || valueBytes === SHORTCUT_ONLY) return kind;
      const found = [cache.address, cache.generation] as const;
      return cache.promote(encode(key), ...found, valueBytes, payload);
    }
    case "write": {
      const { key, address, generation, valueBytes, payload } = step.offer;
      return cache.write(encode(key), address, generation, valueBytes, payload);
    }
    case "remove":
      return cache.remove(encode(step.key));
    case "dropSlot":
      return cache.dropSlot(step.slot);
  }
}

/** The same step of a model. */
export function applyToModel(model: CacheModel, step: Step): unknown {
  switch (step.kind) {
    case "read": {
      const { key, offer, rts } = step;
      const entry = model.lookup(key);
      const kind = model.kindOf(key);
      if (isMiss(kind, rts)) return model.admit(offer, rts);
      if (kind === CacheKind.VALUE || offer.valueBytes === SHORTCUT_ONLY) return kind;
      return model.promote({
        ...offer,
        address: entry!.address,
        generation: entry!.generation,
      });
    }
    case "write":
      return model.write(step.offer);
    case "remove":
      return model.remove(step.key);
    case "dropSlot":
      return model.dropSlot(step.slot);
  }
}

/** Now and then a shortcut proves stale. */
function isMiss(kind: number, rts: number): boolean {
  return kind === CacheKind.MISS || (kind === CacheKind.SHORTCUT && rts === 5);
}

/** What a cache has for all keys, looked at without its noticing. */
export function contentsOf(cache: Cache<string>): unknown[] {
  const { table } = cache as unknown as { table: EntryTable<string> };
  return KEYS.map((key) => {
    const entry = table.find(encode(key));
    if (entry === NO_ENTRY) return undefined;
    const shortcut = [table.address(entry), table.generation(entry)];
    return table.hasValue(entry)
      ? [...shortcut, table.valueBytes(entry), table.payload(entry)]
      : shortcut;
  });
}

/** What a model has for all keys. */
export function contentsOfModel(model: CacheModel): unknown[] {
  return KEYS.map((key) => {
    const entry = model.find(key);
    if (entry === undefined) return undefined;
    const { address, generation, value } = entry;
    return value === undefined
      ? [address, generation]
      : [address, generation, value.bytes, value.payload];
  });
}
