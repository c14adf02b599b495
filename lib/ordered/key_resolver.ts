/**
 * Finds the keys of a hash in the hash index, as readers do: without locks, and without writing
 * anything. See index/one_sided_reader.ts for the protocol and the reason of each step.
 *
 * @module
 */
import { type BucketId, NO_ADDRESS, NO_BUCKET, type PoolAddress } from "../core/brands.ts";
import { ADDRESS_UNIT_BYTES, SLOT_SHIFT } from "../core/limits.ts";
import { BUCKET_OVERFLOW, bucketRegion, bucketWord, PAIR_WORDS } from "../index/bucket_layout.ts";
import { bucketAt, bucketIndex } from "../index/slot_extents.ts";
import { possibleRecordBytes, RECORD_HASH, RecordKind } from "../log/record_layout.ts";
import { fence } from "../platform/memory_order.ts";
import {
  AGENT_COMMIT_END,
  AGENT_COMMIT_FIRST,
  GENERATIONS,
  SLOT_META,
  SLOT_WORDS,
} from "../pool/control_layout.ts";
import type { Pool } from "../pool/pool.ts";
import { FoundKey, NO_REGION, NO_VALUES } from "./found_key.ts";
import { compareKeys } from "./key_order.ts";
import type { OrderedMemory } from "./ordered_memory.ts";
import { AGENT_ANNOUNCED, agentWord, TABLE_ACTIVE, TABLE_ACTIVE_WORDS } from "./page_layout.ts";

/** Finds the keys of one hash after the other. */
export class KeyResolver {
  /** What was found: the first {@linkcode count} of these. */
  readonly found: FoundKey[] = [];
  count = 0;
  readonly #pool: Pool;
  readonly #memory: OrderedMemory;

  /** Looks into the hash index of a pool. */
  constructor(pool: Pool, memory: OrderedMemory) {
    this.#pool = pool;
    this.#memory = memory;
  }

  /** Finds the keys of a hash that are in the hash index at one moment; returns how many. */
  find(hash: number): number {
    return this.#find(hash, false);
  }

  /** Finds those, and the keys that are about to come. */
  findWithAnnounced(hash: number): number {
    return this.#find(hash, true);
  }

  #find(hash: number, withAnnounced: boolean): number {
    const { control } = this.#pool;
    const slotAt = this.#pool.slots + (hash >>> SLOT_SHIFT) * SLOT_WORDS;
    for (;;) {
      this.count = 0;
      // Before the pairs: what is announced no more has come by then.
      if (withAnnounced) this.#scanAnnounced(hash);
      const meta = Atomics.load(control, slotAt + SLOT_META);
      const isWhole = this.#scan(hash, bucketAt(control, slotAt, bucketIndex(hash, meta)));
      if (isWhole && Atomics.load(control, slotAt + SLOT_META) === meta) return this.count;
    }
  }

  #scan(hash: number, home: BucketId): boolean {
    const pool = this.#pool;
    for (let bucket = home; bucket !== NO_BUCKET;) {
      const region = bucketRegion(pool, bucket);
      const at = bucketWord(bucket);
      for (let word = at; word < at + PAIR_WORDS; word += 2) {
        if (region[word] !== hash) continue;
        const address = Atomics.load(region, word + 1) as PoolAddress;
        if (address === NO_ADDRESS) continue;
        const generation = this.#generationOf(address);
        if (Atomics.load(region, word + 1) !== address) return false;
        if (!this.#add(hash, region, word + 1, address, generation)) return false;
      }
      bucket = Atomics.load(region, at + BUCKET_OVERFLOW) as BucketId;
    }
    return true;
  }

  /** Copies the key of a record, unless it is there already; false if the record was not whole. */
  #add(
    hash: number,
    region: Int32Array,
    pairAt: number,
    address: PoolAddress,
    generation: number,
  ): boolean {
    const { found, count } = this;
    if (count === found.length) found.push(new FoundKey());
    const key = found[count]!;
    key.copyRecord(this.#pool, hash, region, pairAt, address, generation, NO_VALUES);
    fence();
    if (this.#generationOf(address) !== generation) return false;
    for (let i = 0; i < count; i++) {
      // A table that is compacted shows a pair at two places.
      const { words, byteLength } = found[i]!;
      if (compareKeys(words, 0, byteLength, key.words, 0, key.byteLength) === 0) return true;
    }
    this.count += 1;
    return true;
  }

  #scanAnnounced(hash: number): void {
    const { table } = this.#memory;
    for (let i = 0; i < TABLE_ACTIVE_WORDS; i++) {
      for (let bits = Atomics.load(table, TABLE_ACTIVE + i); bits !== 0; bits &= bits - 1) {
        const agent = 32 * i + 31 - Math.clz32(bits & -bits);
        const address = Atomics.load(table, agentWord(agent) + AGENT_ANNOUNCED) as PoolAddress;
        if (address !== NO_ADDRESS) this.#addAnnounced(hash, address);
        this.#scanCommit(hash, agent);
      }
    }
  }

  #addAnnounced(hash: number, address: PoolAddress): void {
    const pool = this.#pool;
    const generation = this.#generationOf(address);
    if (pool.wordsOf(address)[pool.wordAt(address) + RECORD_HASH] !== hash) return;
    // One that is overwritten was announced long ago: its key has come since, or never will.
    this.#add(hash, NO_REGION, 0, address, generation);
  }

  /** All keys of an agent's atomic commit are announced until it has been made. */
  #scanCommit(hash: number, agent: number): void {
    const pool = this.#pool;
    const agentAt = pool.agentAt(agent);
    const first = Atomics.load(pool.control, agentAt + AGENT_COMMIT_FIRST) as PoolAddress;
    if (first === NO_ADDRESS) return;
    const end = Atomics.load(pool.control, agentAt + AGENT_COMMIT_END) >>> 0;
    const segmentEnd = (pool.segmentAddress(pool.segmentOf(first)) >>> 0) +
      pool.geometry.segmentBytes / ADDRESS_UNIT_BYTES;
    // It may be a later commit's, or of records that are overwritten: then this one has been made.
    for (let next = first >>> 0; next < end && end <= segmentEnd;) {
      const address = (next | 0) as PoolAddress;
      const bytesLeft = (end - next) * ADDRESS_UNIT_BYTES;
      const words = pool.wordsOf(address);
      const at = pool.wordAt(address);
      const bytes = possibleRecordBytes(words, at, bytesLeft, RecordKind.PENDING_DELETE);
      if (bytes === 0) return;
      this.#addAnnounced(hash, address);
      next += bytes / ADDRESS_UNIT_BYTES;
    }
  }

  #generationOf(address: PoolAddress): number {
    return Atomics.load(this.#pool.control, GENERATIONS + this.#pool.segmentOf(address));
  }
}
