/**
 * The keys of a node whose index is in the engine: found by value in the cache, by address in the
 * cache (a shortcut), or through a page of the index.
 *
 * Round trips (RTs) of a read, as in the paper: a value that is cached costs none, a shortcut one,
 * the read of the record; what is in neither costs two, page and record. A key that is changed and
 * not merged yet has its address in memory, and needs no page.
 *
 * An address never changes its meaning, so a shortcut cannot lead to a wrong record: when the
 * record was moved by who cleans, and purged, there is nothing, and the index says where it is.
 * Whatever is cached is of a slot that this node owns alone, and each change replaces it.
 *
 * @module
 */
import { type Cache, CacheKind } from "../../cache/cache.ts";
import type { CachePolicy } from "../../cache/cache.ts";
import { createCache } from "../../cache/create_cache.ts";
import { KeyEncoder, type StoredKey } from "../../core/key_encoder.ts";
import { SLOT_SHIFT } from "../../core/limits.ts";
import {
  ALONE_PLACE,
  decodeEntry,
  type LogRecord,
  NO_ORIGIN,
  recordBytes,
} from "../messages/log_codec.ts";
import { hashOf, nameOf } from "../node/key_table.ts";
import { indexStream } from "../node/log_streams.ts";
import type {
  PageRequest,
  Reader,
  RecordAddress,
  RecordPage,
  RecordTable,
} from "../node/record_table.ts";
import { decodePage, type Directory, type DirectoryRef } from "./index_codec.ts";
import type { IndexEntry } from "./index_entry.ts";
import { type IndexIo, RETRY_MS, runAll } from "./index_io.ts";
import { cachedAddress, isAtPlace, packAddress } from "./packed_address.ts";
import { type IndexStats, noReads, type ReadCounts } from "./read_counts.ts";
import { SlotIndex } from "./slot_index.ts";

/** Reads of one listing that are on their way at a time. */
const LISTING_READS = 16;

/**
 * What a value that is kept takes in memory beside its bytes, which it is charged: objects and
 * their headers, as measured on Node, Bun and Deno.
 */
export const KEPT_BYTES: number = 300;
/**
 * What a record is taken to have of which only the address is known, unless it is alone in its
 * message.
 */
const UNKNOWN_RECORD_BYTES = 16 * 1024;

/** What the table is made of. */
export interface IndexedTableOptions {
  readonly io: IndexIo;
  readonly hashKey: readonly [number, number];
  /** Bytes for values and shortcuts. */
  readonly cacheBytes: number;
  readonly cachePolicy: CachePolicy;
}

type Found = (record: LogRecord | undefined) => void;

/** What is kept of a record: its key is that of the entry. */
type KeptRecord = Pick<LogRecord, "version" | "value" | "expiresAtMs">;

/** A key that is looked up. */
interface Lookup {
  readonly slot: SlotIndex;
  readonly key: StoredKey;
  readonly hash: number;
  readonly name: string;
  /** Of the slot when it began: what was changed since is not to be cached. */
  readonly changes: number;
  readonly done: Found;
  /**
   * In which it counts: what goes through keys, as for those that expire, is no read of a request.
   */
  readonly counts: ReadCounts;
  /** Undefined: there is room for whatever is read. */
  readonly reader: Reader | undefined;
}

/** Keys of the slots that this node owns. */
export class IndexedTable implements RecordTable {
  readonly slots = new Map<number, SlotIndex>();
  /** Slots that are another node's, which are read ahead. */
  readonly ahead = new Map<number, SlotIndex>();
  readonly #counted = noReads();
  readonly #listed = noReads();
  readonly #io: IndexIo;
  readonly #encoder: KeyEncoder;
  readonly #cache: Cache<KeptRecord>;

  constructor({ io, hashKey, cacheBytes, cachePolicy }: IndexedTableOptions) {
    this.#io = io;
    this.#encoder = new KeyEncoder(...hashKey);
    this.#cache = createCache<KeptRecord>(cachePolicy, { budgetBytes: cacheBytes, keep: keptOf });
  }

  /** About how much memory the keys take that are in no page. */
  get tailBytes(): number {
    let bytes = 0;
    for (const slot of this.slots.values()) bytes += slot.tailBytes;
    return bytes;
  }

  /** How reads went until now. */
  get stats(): Readonly<IndexStats> {
    let pageCount = 0;
    for (const { pages } of this.slots.values()) pageCount += pages.length;
    return {
      ...this.#counted,
      cacheBytes: this.#cache.usedBytes,
      tailBytes: this.tailBytes,
      pageCount,
      roundTrips: this.#io.roundTrips,
    };
  }

  /** A slot comes to this node. */
  begin(slot: number): SlotIndex {
    this.drop(slot);
    const index = this.ahead.get(slot) ?? new SlotIndex(slot);
    this.ahead.delete(slot);
    this.slots.set(slot, index);
    return index;
  }

  /** A slot is not this node's any more. */
  drop(slot: number): void {
    this.#drop(this.slots, slot);
  }

  /** A slot that was read ahead does not come, or not as it was read. */
  dropAhead(slot: number): void {
    this.#drop(this.ahead, slot);
  }

  /** A directory of a slot that comes was read. */
  open(slot: SlotIndex, directory: Directory, ref: DirectoryRef): void {
    slot.open(directory, ref);
    // What is in the pages may be newer than what the logs had of its key until now.
    this.#cache.dropSlot(slot.slot);
  }

  find(key: StoredKey, hash: number, done: Found, reader?: Reader): void {
    const slot = this.slots.get(hash >>> SLOT_SHIFT);
    if (slot === undefined) return done(undefined);
    const { changes } = slot;
    const counts = this.#counted;
    this.#find({ slot, key, hash: hash >>> 0, name: nameOf(key), changes, done, counts, reader });
  }

  shared(): void {
    this.#counted.valueHits += 1;
  }

  merge(record: LogRecord, address: RecordAddress): void {
    const hash = hashOf(this.#encoder, record.key) >>> 0;
    const number = hash >>> SLOT_SHIFT;
    const slot = this.slots.get(number) ?? this.ahead.get(number);
    if (slot === undefined) return;
    const { key, version, value } = record;
    const bytes = recordBytes(record);
    const isDelete = value === undefined;
    // Keys are parts of messages, which are not to stay in memory for them.
    const kept = { bytes: key.bytes.slice(), isBinary: key.isBinary };
    const name = nameOf(key);
    slot.take({ key: kept, name, hash, version, address, bytes, isDelete });
    if (slot.changeOf(name)?.version !== version) return;
    if (isDelete) this.#cache.remove(this.#encoder);
    else this.#cache.write(this.#encoder, ...packAddress(address), chargeOf(record), record);
  }

  page(request: PageRequest, done: (page: RecordPage) => void): void {
    const slot = this.slots.get(request.slot);
    if (slot === undefined) return done({ records: [], isLast: true });
    const { changes } = slot;
    this.#listSlot(slot, (entries) => {
      const { chosen, isLast } = choose(entries, request);
      const records: LogRecord[] = [];
      runAll(chosen.entries(), LISTING_READS, ([i, { key, hash, name }], next) => {
        this.#find({
          slot,
          key,
          hash,
          name,
          changes,
          done: (record) => {
            if (record !== undefined) records[i] = copyOf(record);
            next();
          },
          counts: this.#listed,
          reader: undefined,
        });
      }, () => {
        const found = records.filter((record) => record !== undefined);
        const last = chosen.at(-1);
        // All of them were deleted since: there is a record in each page but the last one.
        if (found.length > 0 || isLast || last === undefined) done({ records: found, isLast });
        else this.page({ ...request, after: last.key.bytes }, done);
      });
    });
  }

  keyCount(slot: number): number {
    return this.slots.get(slot)?.keyCount ?? 0;
  }

  nextVersion(slot: number): number {
    return this.slots.get(slot)!.nextVersion();
  }

  #drop(slots: Map<number, SlotIndex>, slot: number): void {
    const index = slots.get(slot);
    if (index === undefined) return;
    index.isGone = true;
    slots.delete(slot);
    this.#cache.dropSlot(slot);
  }

  #find(lookup: Lookup): void {
    const { slot, name, done, counts } = lookup;
    if (slot.isGone) return done(undefined);
    const changed = slot.changeOf(name);
    if (changed?.isDelete === true) {
      counts.absent += 1;
      return done(undefined);
    }
    hashOf(this.#encoder, lookup.key);
    const kind = this.#cache.lookup(this.#encoder);
    if (kind === CacheKind.VALUE) {
      counts.valueHits += 1;
      // Each part by its name: to copy an object takes as long as all the rest of this.
      const { version, value, expiresAtMs } = this.#cache.payload!;
      return done({ key: lookup.key, version, value, expiresAtMs, origin: NO_ORIGIN });
    }
    if (kind === CacheKind.SHORTCUT) {
      const { address, generation } = this.#cache;
      return this.#readShortcut(lookup, cachedAddress(address, generation));
    }
    this.#findUncached(lookup);
  }

  #readShortcut(lookup: Lookup, address: RecordAddress): void {
    const { counts } = lookup;
    counts.shortcutHits += 1;
    counts.shortcutRoundTrips += 1;
    const isAlone = address.place === ALONE_PLACE;
    const bytes = isAlone ? this.#io.messageBytes(address) : UNKNOWN_RECORD_BYTES;
    this.#readRecord(lookup, address, bytes, (record) => {
      if (record === undefined) {
        counts.staleShortcuts += 1;
        return this.#findUncached(lookup);
      }
      if (this.#isNewest(lookup)) {
        hashOf(this.#encoder, lookup.key);
        const charge = chargeOf(record);
        this.#cache.promote(this.#encoder, ...packAddress(address), charge, record);
      }
      lookup.done(record);
    });
  }

  #findUncached(lookup: Lookup): void {
    const { slot, name, hash, done, counts } = lookup;
    if (slot.isGone) return done(undefined);
    const changed = slot.changeOf(name);
    if (changed !== undefined) {
      if (changed.isDelete) return done(undefined);
      counts.shortcutHits += 1;
      counts.shortcutRoundTrips += 1;
      return this.#readFound(lookup, changed, 1);
    }
    const at = slot.pageAt(hash);
    if (at === undefined) {
      counts.absent += 1;
      return done(undefined);
    }
    counts.misses += 1;
    counts.missRoundTrips += 1;
    this.#readPage(slot, at, (entries) => {
      if (entries === undefined) return this.#again(lookup);
      const entry = entries.find((other) => other.name === name);
      if (entry === undefined) return done(undefined);
      counts.missRoundTrips += 1;
      this.#readFound(lookup, entry, 2);
    });
  }

  /** Reads the record of an entry, and caches it. */
  #readFound(lookup: Lookup, { address, bytes }: IndexEntry, roundTrips: number): void {
    this.#readRecord(lookup, address, bytes, (record) => {
      if (record === undefined) return this.#again(lookup);
      if (this.#isNewest(lookup)) {
        hashOf(this.#encoder, lookup.key);
        const charge = chargeOf(record);
        this.#cache.admit(this.#encoder, ...packAddress(address), charge, record, roundTrips);
      }
      lookup.done(record);
    });
  }

  /**
   * What was to be read is not there: a replica lags, or it was moved since, or the slot is gone.
   */
  #again(lookup: Lookup): void {
    this.#io.clock.after(RETRY_MS, () => this.#find(lookup));
  }

  #isNewest({ slot, changes }: Lookup): boolean {
    return !slot.isGone && slot.changes === changes;
  }

  #readPage(
    slot: SlotIndex,
    at: number,
    done: (entries: readonly IndexEntry[] | undefined) => void,
  ): void {
    const { node, sequence } = slot.pages[at]!;
    const isWanted = () => !slot.isGone;
    this.#io.readOnce(indexStream(node), sequence, isWanted, (message) => {
      done(message === undefined ? undefined : decodePage(message.body));
    });
  }

  /** Reads a record of about so many bytes, when there is room for it. */
  #readRecord(
    { slot, name, reader }: Lookup,
    address: RecordAddress,
    bytes: number,
    done: Found,
  ): void {
    const isWanted = () => !slot.isGone;
    const read = () => {
      this.#io.readRecordOnce(address, isWanted, (message) => {
        done(message === undefined ? undefined : recordAt(message.body, address.place, name));
      });
    };
    if (reader?.room === undefined) read();
    else reader.room(reader.number, bytes, read);
  }

  /** All keys of a slot, of what it was at some moment. */
  #listSlot(slot: SlotIndex, done: (entries: readonly IndexEntry[]) => void): void {
    const { pages } = slot;
    const changes = new Map([...slot.merging ?? [], ...slot.tail]);
    const found = new Map<string, IndexEntry>();
    let isWhole = true;
    runAll(pages.keys(), LISTING_READS, (at, next) => {
      const { node, sequence } = pages[at]!;
      const isWanted = () => !slot.isGone;
      this.#io.readOnce(indexStream(node), sequence, isWanted, (message) => {
        if (message === undefined) isWhole = false;
        else for (const entry of decodePage(message.body)) found.set(entry.name, entry);
        next();
      });
    }, () => {
      if (!isWhole && !slot.isGone) {
        return void this.#io.clock.after(RETRY_MS, () => this.#listSlot(slot, done));
      }
      for (const [name, entry] of changes) found.set(name, entry);
      done([...found.values()].filter(({ isDelete }) => !isDelete));
    });
  }
}

/** Those that a listing asks for, as many as fit. */
function choose(entries: readonly IndexEntry[], { prefix, after, bytesMax }: PageRequest) {
  const start = nameOf({ bytes: prefix, isBinary: true });
  const behind = after === undefined ? undefined : nameOf({ bytes: after, isBinary: true });
  const asked = entries
    .filter(({ name }) => name.startsWith(start) && (behind === undefined || name > behind))
    .sort((a, b) => a.name < b.name ? -1 : 1);
  let bytes = 0;
  const end = asked.findIndex((entry, i) => {
    if (i > 0 && bytes >= bytesMax) return true;
    bytes += entry.bytes;
    return false;
  });
  const chosen = end === -1 ? asked : asked.slice(0, end);
  return { chosen, isLast: chosen.length === asked.length };
}

/** The record of a key at an address; undefined if there is another one, which cannot be. */
function recordAt(message: Uint8Array, place: number, name: string): LogRecord | undefined {
  const entry = decodeEntry(message);
  if (entry.kind === "own") return undefined;
  const at = entry.places.findIndex((other) => isAtPlace(other, place));
  const record = entry.records[at];
  return record !== undefined && nameOf(record.key) === name ? record : undefined;
}

/** Bytes that a value is charged. */
function chargeOf({ value }: LogRecord): number {
  return KEPT_BYTES + value!.length;
}

function keptOf({ version, value, expiresAtMs }: KeptRecord): KeptRecord {
  return { version, value: value?.slice(), expiresAtMs };
}

/** A record that keeps nothing else in memory. */
function copyOf(record: LogRecord): LogRecord {
  const { key, value } = record;
  return {
    ...record,
    key: { bytes: key.bytes.slice(), isBinary: key.isBinary },
    value: value?.slice(),
  };
}
