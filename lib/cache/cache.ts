/**
 * The interface of every cache policy: what a KN asks in the far placement before it goes to the
 * pool, and what a client asks in the near one before it decodes a value.
 *
 * A **value entry** holds a key, its value, and the shortcut of the record that the value came
 * from; a hit costs no round trip (RT). A **shortcut entry** holds the key and the shortcut only:
 * the record's address and the generation that its segment had; a hit costs one RT, the read of the
 * record. A miss costs what finding the record through the index costs. All entries share one
 * budget in bytes, and a policy decides which keys have an entry, and of which kind.
 *
 * Addresses and generations are numbers that a cache hands back as they came. Whether a shortcut
 * still leads to the key's record is for the caller to find out; when it does not, the caller looks
 * the key up and calls `admit` with what it has found. A cache is a data structure of one thread:
 * no shared memory, no clock, no randomness that is not seeded.
 *
 * @example
 * ```ts ignore
 * const cache = createCache<Uint8Array>("marginal", { budgetBytes: 1 << 20, keep: (bytes, n) => bytes.slice(0, n) });
 * switch (cache.lookup(key)) {
 *   case CacheKind.VALUE:
 *     return cache.payload; // 0 RTs
 *   case CacheKind.SHORTCUT:
 *     if (readRecord(cache.address, cache.generation)) { // 1 RT
 *       cache.promote(key, cache.address, cache.generation, reader.valueBytes, reader.value);
 *       return reader.value;
 *     }
 *     // The record has been moved by a cleaner: look it up, as after a miss.
 * }
 * const rts = lookUp(key);
 * cache.admit(key, reader.address, reader.generation, reader.valueBytes, reader.value, rts);
 * ```
 *
 * @module
 */

/**
 * The policies, made by `createCache`:
 *
 * - `"marginal"`: every byte goes where it saves the most RTs; the default.
 * - `"dac"`: disaggregated adaptive caching as in the DINOMO paper.
 * - `"values"`, `"shortcuts"`, `"split"`: static baselines, with one kind of entry or a fixed share
 *   of the budget for each.
 * - `"s3fifo"`, `"wtinylfu"`: values only, for the best hit ratio.
 */
export type CachePolicy =
  | "marginal"
  | "dac"
  | "values"
  | "shortcuts"
  | "split"
  | "s3fifo"
  | "wtinylfu";

/**
 * The policy that is best on average over many workloads, and never far from the best:
 * docs/caching.md.
 */
export const CACHE_POLICY_DEFAULT: CachePolicy = "marginal";

/** What a cache has for a key. */
export const CacheKind = { MISS: 0, SHORTCUT: 1, VALUE: 2 } as const;
/** One of {@linkcode CacheKind}. */
export type CacheKind = typeof CacheKind[keyof typeof CacheKind];

/**
 * Stands for the length of a value that must not be cached, only its shortcut: a replicated key,
 * for instance.
 */
export const SHORTCUT_ONLY = -1;

/**
 * A key as the store encodes it. One object may be used again and again; a cache copies what it
 * keeps. A `KeyEncoder` is one.
 */
export interface CacheKey {
  /** The keyed 32-bit hash of the key; its top 12 bits are the slot. */
  readonly hash: number;
  /** Holds the key's bytes as words, from {@linkcode start}; the last word is padded with zeros. */
  readonly words: Int32Array;
  /** Index of the key's first word. */
  readonly start: number;
  /** Length of the key in bytes. */
  readonly byteLength: number;
}

/** What a cache has counted since it was made; `clear` does not reset it. */
export interface CacheCounters {
  /** Lookups that found a value entry. */
  readonly valueHits: number;
  /** Lookups that found a shortcut entry. */
  readonly shortcutHits: number;
  /**
   * Shortcut hits, among them, whose key was then admitted with another address: the shortcut had
   * become stale.
   */
  readonly staleShortcuts: number;
  /** Lookups that found nothing. */
  readonly misses: number;
  /** Shortcut entries that became value entries. */
  readonly promotions: number;
  /** Value entries that became shortcut entries, to make room. */
  readonly demotions: number;
  /** Entries removed to make room. */
  readonly evictions: number;
  /** Entries made. */
  readonly admissions: number;
  /** Keys offered by `admit` or `write` that got no entry. */
  readonly refusals: number;
}

/** What a cache is made with. */
export interface CacheOptions<P> {
  /**
   * Bytes that all entries may take together: {@linkcode shortcutBytes} or {@linkcode
   * valueEntryBytes} for each.
   */
  readonly budgetBytes: number;
  /**
   * Called with the payload whenever it is stored, and returns what is stored: a copy, if the
   * payload is in a buffer that will be used again. What an entry has had until now is not used any
   * more, so its memory may be used for that.
   * @default the payload itself
   */
  readonly keep?: (payload: P, valueBytes: number, replaced: P | undefined) => P;
  /** Share of the budget for values, from 0 to 1; for the policy `"split"`. @default 0.5 */
  readonly valueShare?: number;
  /**
   * Average cost of a miss in RTs until misses have been measured. @default 2: a bucket, and the
   * record
   */
  readonly missRts?: number;
}

/**
 * A cache. `P` is what it keeps of a value: the bytes of a record in a KN, a decoded value in a
 * client, anything in a simulation. An entry is charged the length that the caller names.
 */
export interface Cache<P> {
  /** The name of its policy. */
  readonly policy: CachePolicy;
  /** Bytes that all entries may take together. */
  readonly budgetBytes: number;
  /** Bytes that all entries take together, exactly; never more than the budget. */
  readonly usedBytes: number;
  /** Number of value entries. */
  readonly valueCount: number;
  /** Number of shortcut entries. */
  readonly shortcutCount: number;
  /** Running average of the cost of a miss in RTs. */
  readonly averageMissRts: number;
  /** What has been counted. */
  readonly counters: CacheCounters;

  /** Address in the entry that `lookup` found last. */
  readonly address: number;
  /** Generation in the entry that `lookup` found last. */
  readonly generation: number;
  /** Length of the value in the value entry that `lookup` found last. */
  readonly valueBytes: number;
  /** What is kept in the value entry that `lookup` found last; otherwise undefined. */
  readonly payload: P | undefined;

  /** Looks a key up, counts it as an access, and describes what was found in the fields above. */
  lookup(key: CacheKey): CacheKind;

  /**
   * Offers what was read after a miss, or after a shortcut proved stale.
   *
   * @param address address of the record, a whole number
   * @param generation generation of the record's segment
   * @param valueBytes length of the value, or {@linkcode SHORTCUT_ONLY}
   * @param payload the value; not looked at with `SHORTCUT_ONLY`
   * @param rts round trips that the miss has cost, for the running average
   * @returns what the cache has for the key now
   */
  admit(
    key: CacheKey,
    address: number,
    generation: number,
    valueBytes: number,
    payload: P,
    rts: number,
  ): CacheKind;

  /**
   * Offers the value that was read after a shortcut hit. Does nothing if the key has no shortcut
   * entry with this shortcut any more.
   *
   * @returns what the cache has for the key now
   */
  promote(
    key: CacheKey,
    address: number,
    generation: number,
    valueBytes: number,
    payload: P,
  ): CacheKind;

  /**
   * Tells of a new record of a key. An entry takes its address, and a value entry its value, if it
   * fits; a key without an entry may get one.
   *
   * @returns what the cache has for the key now
   */
  write(
    key: CacheKey,
    address: number,
    generation: number,
    valueBytes: number,
    payload: P,
  ): CacheKind;

  /**
   * Removes a key's entry, because the key was deleted or may not be cached any more; returns
   * whether there was one.
   */
  remove(key: CacheKey): boolean;

  /**
   * Removes all entries of a slot, `hash >>> 20`, because it has another owner; returns how many.
   */
  dropSlot(slot: number): number;

  /** Removes all entries, and forgets what has been learned about keys. */
  clear(): void;
}

/**
 * What an entry is charged beside its key and value, in bytes: the 14 words in which this
 * implementation describes an entry, one word of the table that finds it, and one reference to what
 * is kept.
 */
export const ENTRY_HEADER_BYTES = 64;

/** Bytes of a shortcut entry. */
export function shortcutBytes(keyBytes: number): number {
  return ENTRY_HEADER_BYTES + keyBytes;
}

/** Bytes of a value entry. */
export function valueEntryBytes(keyBytes: number, valueBytes: number): number {
  return ENTRY_HEADER_BYTES + keyBytes + valueBytes;
}
