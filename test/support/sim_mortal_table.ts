/**
 * One slot's table, changed by writers that may die, with few hashes among many keys: chains are
 * long, and the table doubles, compacts and appends overflow buckets all the time. What it held at
 * any moment can be brought back, to let the next writer die at another access.
 *
 * @module
 */
import { type BucketId, NO_ADDRESS, NO_BUCKET, type PoolAddress } from "../../lib/core/brands.ts";
import {
  BUCKET_OVERFLOW,
  bucketRegion,
  bucketWord,
  PAIR_WORDS,
} from "../../lib/index/bucket_layout.ts";
import { KeyEncoder } from "../../lib/core/key_encoder.ts";
import { IndexSpace } from "../../lib/index/index_space.ts";
import { OneSidedReader } from "../../lib/index/one_sided_reader.ts";
import { bucketAt, metaLog2 } from "../../lib/index/slot_extents.ts";
import { SlotTable } from "../../lib/index/slot_table.ts";
import { SlotWriter } from "../../lib/agent/slot_writer.ts";
import { LINE_WORDS } from "../../lib/pool/lines.ts";
import {
  INDEX_SPACE_LOCK,
  SLOT_EXPIRING_COUNT,
  SLOT_EXTENT_COUNT,
  SLOT_EXTENTS,
  SLOT_META,
  SLOT_OVERFLOW_COUNT,
  SLOT_RECORD_COUNT,
  SLOT_WORDS,
} from "../../lib/pool/control_layout.ts";
import { hashIn, PoolFixture, valueOf } from "./pool_fixture.ts";
import type { Random } from "./random.ts";
import { require } from "./sim_model.ts";

const SLOT = 77;
const KEY_COUNT = 56;
const HASH_COUNT = 40;
const RECORDS_PER_KEY = 3;
const BUCKET_COUNT = 256;
const EXPIRES_AT_MS = 1e9;
/** Shares of the changes that insert and remove; the rest replaces. */
const INSERT_SHARE = 0.62;
const REMOVE_SHARE = 0.2;

/** What the keys hold: a record of each key that exists. */
export type Contents = ReadonlyMap<number, PoolAddress>;

/** A change of one key: the record that it gets, or `NO_ADDRESS`. */
export interface Change {
  readonly key: number;
  readonly record: PoolAddress;
}

/** The slot's words, those of the index space, and the index, as they were. */
export interface Saved {
  readonly slot: Int32Array;
  readonly space: Int32Array;
  readonly index: Int32Array;
}

/** Someone who changes the table. */
export interface TableAgent {
  readonly table: SlotTable;
  readonly writer: SlotWriter;
  readonly keys: KeyEncoder;
}

/** Someone who reads it. */
export interface TableEyes {
  readonly reader: OneSidedReader;
  readonly keys: KeyEncoder;
}

/** The table. */
export class MortalTable {
  readonly fixture: PoolFixture = new PoolFixture({ segmentCount: 8, bucketCount: BUCKET_COUNT });
  readonly slotAt: number = this.fixture.slotAt(hashIn(SLOT, 0));
  readonly keyCount: number = KEY_COUNT;
  /** Keys that the last walk found in overflow buckets. */
  overflowKeys: number[] = [];
  readonly #hashes: readonly number[];
  readonly #records: readonly (readonly PoolAddress[])[];
  readonly #expiring = new Set<PoolAddress>();
  readonly #versions = new Map<PoolAddress, number>();

  /** Makes an empty table, and the records that it may point at. */
  constructor(random: Random) {
    const hashes = Array.from({ length: HASH_COUNT }, () => hashIn(SLOT, random.below(2 ** 20)));
    this.#hashes = Array.from({ length: KEY_COUNT }, () => random.pick(hashes));
    this.#records = this.#hashes.map((_, key) =>
      Array.from({ length: RECORDS_PER_KEY }, (_, i) => this.#append(key, i))
    );
  }

  /** Someone who changes the table, and has not done so yet. */
  agent(number: number): TableAgent {
    const { pool, segments } = this.fixture;
    const table = new SlotTable(pool, new IndexSpace(pool, number));
    const writer = new SlotWriter(pool, table, segments, () => 0);
    return { table, writer, keys: new KeyEncoder(...pool.hashKey) };
  }

  /** A change that can be made. */
  nextChange(random: Random, contents: Contents): Change {
    const choice = random.next();
    const mustExist = choice >= INSERT_SHARE;
    const candidates = this.#hashes.map((_, key) => key).filter((key) =>
      contents.has(key) === mustExist
    );
    if (candidates.length === 0) return this.nextChange(random, contents);
    const key = random.pick(candidates);
    if (mustExist && choice < INSERT_SHARE + REMOVE_SHARE) return { key, record: NO_ADDRESS };
    const others = this.#records[key]!.filter((record) => record !== contents.get(key));
    return { key, record: random.pick(others) };
  }

  /** Changes the table, as a KN does under the slot's lock; false when the index is full. */
  change({ table, writer, keys }: TableAgent, { key, record }: Change): boolean {
    const { slotAt } = this;
    const { words, byteLength, hash } = this.#encode(keys, key);
    const old = table.find(slotAt, hash, words, 0, byteLength);
    if (record !== NO_ADDRESS) {
      return writer.point(slotAt, hash, old, record, writer.metaOf(record));
    }
    writer.remove(slotAt, old);
    return true;
  }

  /** What the keys hold after a change. */
  after(contents: Contents, { key, record }: Change): Contents {
    const next = new Map(contents);
    if (record === NO_ADDRESS) next.delete(key);
    else next.set(key, record);
    return next;
  }

  /** Remembers the shared state. */
  save(): Saved {
    const { control, index } = this.fixture.pool;
    return {
      slot: control.slice(this.slotAt, this.slotAt + SLOT_WORDS),
      space: control.slice(INDEX_SPACE_LOCK, INDEX_SPACE_LOCK + LINE_WORDS),
      index: index[0]!.slice(),
    };
  }

  /** Brings a shared state back. */
  restore(saved: Saved): void {
    this.fixture.pool.control.set(saved.slot, this.slotAt);
    this.fixture.pool.control.set(saved.space, INDEX_SPACE_LOCK);
    this.fixture.pool.index[0]!.set(saved.index);
  }

  /** Someone who reads. */
  eyes(): TableEyes {
    const { pool } = this.fixture;
    return {
      reader: new OneSidedReader(pool, () => 0),
      keys: new KeyEncoder(...pool.hashKey),
    };
  }

  /** Reads a key one-sidedly, and checks that it held what it found at some moment. */
  read({ reader, keys }: TableEyes, key: number, allowed: readonly Contents[]): void {
    const found = reader.read(this.#encode(keys, key), true) ? reader.version : 0;
    const isAllowed = allowed.some((contents) => {
      const record = contents.get(key);
      return found === (record === undefined ? 0 : this.#versions.get(record));
    });
    require(isAllowed, `I4: key ${key} was never at version ${found}`);
  }

  /** What the keys hold by a walk through the table, which must be sound in every respect. */
  walk(): Contents {
    const { pool } = this.fixture;
    const { control } = pool;
    const { slotAt } = this;
    const contents = new Map<number, PoolAddress>();
    this.overflowKeys = [];
    const buckets = new Set<BucketId>();
    const log2 = metaLog2(control[slotAt + SLOT_META]!);
    const hasTable = control[slotAt + SLOT_EXTENTS] !== NO_BUCKET;
    for (let extent = log2 + 1; extent < SLOT_EXTENT_COUNT; extent++) {
      require(control[slotAt + SLOT_EXTENTS + extent] === 0, `extent ${extent} is not reached`);
    }
    for (let index = 0; hasTable && index < 1 << log2; index++) {
      for (let bucket = bucketAt(control, slotAt, index); bucket !== NO_BUCKET;) {
        require(!buckets.has(bucket), `bucket ${bucket} is in one place only`);
        buckets.add(bucket);
        const region = bucketRegion(pool, bucket);
        const at = bucketWord(bucket);
        for (let word = at; word < at + PAIR_WORDS; word += 2) {
          const address = region[word + 1] as PoolAddress;
          if (address === NO_ADDRESS) continue;
          const key = this.#keyOf(address);
          require(region[word] === this.#hashes[key], `key ${key} has its hash`);
          require((region[word]! & ((1 << log2) - 1)) === index, `key ${key} is in its bucket`);
          require(!contents.has(key), `key ${key} is there once`);
          contents.set(key, address);
          if (bucket !== bucketAt(control, slotAt, index)) this.overflowKeys.push(key);
        }
        bucket = region[at + BUCKET_OVERFLOW] as BucketId;
      }
    }
    const expiring = [...contents.values()].filter((record) => this.#expiring.has(record)).length;
    const overflows = hasTable ? buckets.size - (1 << log2) : 0;
    require(control[slotAt + SLOT_RECORD_COUNT] === contents.size, "records are counted");
    require(control[slotAt + SLOT_EXPIRING_COUNT] === expiring, "records that expire are counted");
    require(control[slotAt + SLOT_OVERFLOW_COUNT] === overflows, "overflow buckets are counted");
    return contents;
  }

  #append(key: number, i: number): PoolAddress {
    const expiresAtMs = (key + i) % 3 === 0 ? EXPIRES_AT_MS : Infinity;
    const value = valueOf(key * RECORDS_PER_KEY + i);
    const record = this.fixture.append(`key ${key}`, value, this.#hashes[key], expiresAtMs);
    require(record !== NO_ADDRESS, "the log has room for all records");
    // Its segment is never reused.
    this.fixture.segments.addLive(record, this.fixture.recordBytes(record));
    if (expiresAtMs !== Infinity) this.#expiring.add(record);
    this.#versions.set(record, this.#versions.size + 1);
    return record;
  }

  #encode(keys: KeyEncoder, key: number): KeyEncoder {
    keys.encode(`key ${key}`);
    keys.hash = this.#hashes[key]!;
    return keys;
  }

  #keyOf(record: PoolAddress): number {
    return Math.floor((this.#versions.get(record)! - 1) / RECORDS_PER_KEY);
  }
}

/** Whether two tables hold the same. */
export function isSame(a: Contents, b: Contents): boolean {
  return a.size === b.size && [...a].every(([key, record]) => b.get(key) === record);
}
