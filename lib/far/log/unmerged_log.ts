/**
 * What a far KN has logged, as far as it is not merged yet: a private index of it, in pieces, so
 * that the newest record of a key is found without a round trip.
 *
 * A **piece** is a run of records in one segment. It has a Bloom filter of its keys' hashes and a
 * small hash table from hash to the key's newest record in the piece. A lookup goes from the newest
 * piece to the oldest, and looks into those only whose filters do not rule the key out.
 *
 * **When a piece may be dropped** (I3, I4): when the merger has published that it has merged all of
 * it, not before. Until then the index does not know the piece's records, and a lookup that skipped
 * it would find an older one. From then on the index has them, or newer ones. A piece is dropped by
 * the KN itself, between two requests, so no lookup is in the middle of it.
 *
 * **Why its records can be read without a check of generations** (I10): the segments stay open
 * until their last piece is dropped, and only then are they sealed, here. An open segment is
 * neither cleaned nor freed.
 *
 * **A slot that has left and come back** has nothing in here: all that was logged for it has been
 * merged before it left. Pieces that also hold records of other slots may still be there, so its
 * entries are removed by {@linkcode UnmergedLog.dropSlot}.
 *
 * Its size is bounded by that of the backlog.
 *
 * @module
 */
import { NO_ADDRESS, type PoolAddress, type SegmentId, type Slot } from "../../core/brands.ts";
import { ADDRESS_UNIT_BYTES, SLOT_COUNT, SLOT_SHIFT } from "../../core/limits.ts";
import { SEGMENT_MERGED_BYTES } from "../../pool/segment_layout.ts";
import type { Pool } from "../../pool/pool.ts";
import type { SegmentTable } from "../../pool/segment_table.ts";
import { keyEquals, RECORD_KEY } from "../../log/record_layout.ts";

/**
 * Records of a piece, at most, and the words of its table: pairs of hash and address, at most half
 * of them used.
 */
const PIECE_RECORDS_MAX = 1024;
const TABLE_WORDS = 4 * PIECE_RECORDS_MAX;
/**
 * Bits of a piece's Bloom filter: 16 for each record, of which two are set. A key that is not there
 * passes in 1.4 % of the cases.
 */
const BLOOM_BITS = 16 * PIECE_RECORDS_MAX;

/** Empty pieces that are kept, so that they need not be made again. */
const SPARE_MAX = 8;
/**
 * In the place of an address: the entry does not count any more. It is the address of a segment's
 * header, where no record is.
 */
const FORGOTTEN = 1 as PoolAddress;

/** A run of records in one segment. */
interface Piece {
  segment: SegmentId;
  /** Bytes from the segment's start to the end of its last record. */
  endBytes: number;
  recordCount: number;
  readonly table: Int32Array;
  readonly bloom: Int32Array;
  /** Slots of the CLEAR records in it. */
  cleared: Slot[];
  /** Records in it of keys that other KNs write, too. */
  sharedCount: number;
}

/** The unmerged records of one KN. */
export class UnmergedLog {
  readonly #pool: Pool;
  readonly #segments: SegmentTable;
  /** Oldest first. */
  #pieces: Piece[] = [];
  readonly #spare: Piece[] = [];
  /** Segments that hold unmerged records, or are open for them; oldest first. */
  #open: SegmentId[] = [];
  /** By slot: entries in tables, and CLEAR records. */
  readonly #entryCounts: Int32Array = new Int32Array(SLOT_COUNT);
  readonly #clearCounts: Int32Array = new Int32Array(SLOT_COUNT);
  #sharedCount = 0;

  /** Makes an empty one. */
  constructor(pool: Pool, segments: SegmentTable) {
    this.#pool = pool;
    this.#segments = segments;
  }

  /** Bytes that have been logged and not merged. */
  get bytes(): number {
    let bytes = 0;
    for (const segment of this.#open) {
      bytes += Math.max(0, this.#segments.usedBytes(segment) - this.#mergedBytes(segment));
    }
    return bytes;
  }

  /** Whether there is a piece that can be dropped. */
  get mayDrop(): boolean {
    return this.#pieces.length > 0 && this.#isMerged(this.#pieces[0]!);
  }

  /** Whether any record of a slot's keys is in here; not so its CLEAR records. */
  hasRecordsOf(slot: Slot): boolean {
    return this.#entryCounts[slot] !== 0;
  }

  /** Whether all keys of a slot are gone but for those in here. */
  isCleared(slot: Slot): boolean {
    return this.#clearCounts[slot] !== 0;
  }

  /** Whether any record of a key that other KNs write, too, waits to be merged. */
  get hasShared(): boolean {
    return this.#sharedCount > 0;
  }

  /**
   * Takes a record that has been logged, of a key that other KNs write, too: it is not found here,
   * as it need not be the newest.
   */
  addShared(address: PoolAddress, recordBytes: number): void {
    this.#pieceFor(address, recordBytes).sharedCount += 1;
    this.#sharedCount += 1;
  }

  /** Takes a put or delete that has been logged. */
  add(address: PoolAddress, hash: number, keyBytes: number, recordBytes: number): void {
    const piece = this.#pieceFor(address, recordBytes);
    const words = this.#pool.wordsOf(address);
    const keyAt = this.#keyAt(address);
    let at = slotOfTable(hash);
    for (; piece.table[at + 1] !== NO_ADDRESS; at = (at + 2) & (TABLE_WORDS - 1)) {
      const other = piece.table[at + 1] as PoolAddress;
      if (piece.table[at] !== hash || other === FORGOTTEN) continue;
      const isSame = keyEquals(
        this.#pool.wordsOf(other),
        this.#pool.wordAt(other),
        words,
        keyAt,
        keyBytes,
      );
      if (!isSame) continue;
      piece.table[at + 1] = address;
      return;
    }
    piece.table[at] = hash;
    piece.table[at + 1] = address;
    setBloom(piece.bloom, hash);
    this.#entryCounts[hash >>> SLOT_SHIFT]! += 1;
  }

  /** Takes a CLEAR record that has been logged; there are no records of the slot's keys in here. */
  addClear(address: PoolAddress, slot: Slot, recordBytes: number): void {
    this.#pieceFor(address, recordBytes).cleared.push(slot);
    this.#clearCounts[slot]! += 1;
  }

  /** The newest record of a key, a put or a delete; `NO_ADDRESS` if none is in here. */
  find(hash: number, keyWords: Int32Array, keyAt: number, keyBytes: number): PoolAddress {
    if (this.#entryCounts[hash >>> SLOT_SHIFT] === 0) return NO_ADDRESS;
    for (let i = this.#pieces.length - 1; i >= 0; i--) {
      const { bloom, table } = this.#pieces[i]!;
      if (!mayBeInBloom(bloom, hash)) continue;
      for (let at = slotOfTable(hash); table[at + 1] !== NO_ADDRESS;) {
        const address = table[at + 1] as PoolAddress;
        if (table[at] === hash && address !== FORGOTTEN) {
          const words = this.#pool.wordsOf(address);
          const recordAt = this.#pool.wordAt(address);
          if (keyEquals(words, recordAt, keyWords, keyAt, keyBytes)) return address;
        }
        at = (at + 2) & (TABLE_WORDS - 1);
      }
    }
    return NO_ADDRESS;
  }

  /**
   * Drops what has been merged, and seals the segments of which all has been.
   *
   * @param appended the segment that is being appended to
   */
  drop(appended: SegmentId): void {
    let count = 0;
    while (count < this.#pieces.length && this.#isMerged(this.#pieces[count]!)) {
      this.#forget(this.#pieces[count]!);
      count += 1;
    }
    if (count > 0) this.#pieces = this.#pieces.slice(count);
    const first = this.#pieces[0]?.segment;
    while (this.#open.length > 0 && this.#open[0] !== first && this.#open[0] !== appended) {
      this.#segments.seal(this.#open.shift()!);
    }
  }

  /** Removes the entries of a slot, which has had another owner since they were made. */
  dropSlot(slot: Slot): void {
    if (this.#entryCounts[slot] === 0 && this.#clearCounts[slot] === 0) return;
    for (const piece of this.#pieces) {
      const { table } = piece;
      for (let at = 0; at < TABLE_WORDS; at += 2) {
        const isOfSlot = table[at + 1] !== NO_ADDRESS && table[at]! >>> SLOT_SHIFT === slot;
        if (isOfSlot) table[at + 1] = FORGOTTEN;
      }
      piece.cleared = piece.cleared.filter((cleared) => cleared !== slot);
    }
    this.#entryCounts[slot] = 0;
    this.#clearCounts[slot] = 0;
  }

  #isMerged({ segment, endBytes }: Piece): boolean {
    return this.#mergedBytes(segment) >= endBytes;
  }

  #mergedBytes(segment: SegmentId): number {
    // Pairs with the merger's store after each record: what it has changed in the index is seen,
    // too.
    return Atomics.load(
      this.#pool.control,
      this.#pool.segmentAt(segment) + SEGMENT_MERGED_BYTES,
    );
  }

  #keyAt(address: PoolAddress): number {
    return this.#pool.wordAt(address) + RECORD_KEY;
  }

  #pieceFor(address: PoolAddress, recordBytes: number): Piece {
    const segment = this.#pool.segmentOf(address);
    let piece = this.#pieces.at(-1);
    if (
      piece === undefined || piece.segment !== segment || piece.recordCount === PIECE_RECORDS_MAX
    ) {
      piece = this.#spare.pop() ?? newPiece();
      piece.segment = segment;
      this.#pieces.push(piece);
      if (this.#open.at(-1) !== segment) this.#open.push(segment);
    }
    const start = this.#pool.segmentAddress(segment) >>> 0;
    piece.recordCount += 1;
    piece.endBytes = ((address >>> 0) - start) * ADDRESS_UNIT_BYTES + recordBytes;
    return piece;
  }

  /** Takes a piece's entries out of the counts, and empties it. */
  #forget(piece: Piece): void {
    const { table } = piece;
    for (let at = 0; at < TABLE_WORDS; at += 2) {
      const address = table[at + 1];
      if (address !== NO_ADDRESS && address !== FORGOTTEN) {
        this.#entryCounts[table[at]! >>> SLOT_SHIFT]! -= 1;
      }
    }
    for (const slot of piece.cleared) this.#clearCounts[slot]! -= 1;
    this.#sharedCount -= piece.sharedCount;
    piece.sharedCount = 0;
    table.fill(0);
    piece.bloom.fill(0);
    piece.cleared = [];
    piece.recordCount = 0;
    if (this.#spare.length < SPARE_MAX) this.#spare.push(piece);
  }
}

function newPiece(): Piece {
  return {
    segment: 0 as SegmentId,
    endBytes: 0,
    recordCount: 0,
    table: new Int32Array(TABLE_WORDS),
    bloom: new Int32Array(BLOOM_BITS / 32),
    cleared: [],
    sharedCount: 0,
  };
}

/**
 * Where a hash's entry would best be. The top bits of a hash are its slot, of which a KN may have
 * few.
 */
function slotOfTable(hash: number): number {
  return (hash << 1) & (TABLE_WORDS - 1);
}

function setBloom(bloom: Int32Array, hash: number): void {
  const first = hash & (BLOOM_BITS - 1);
  const second = (hash >>> 14) & (BLOOM_BITS - 1);
  bloom[first >>> 5]! |= 1 << (first & 31);
  bloom[second >>> 5]! |= 1 << (second & 31);
}

function mayBeInBloom(bloom: Int32Array, hash: number): boolean {
  const first = hash & (BLOOM_BITS - 1);
  const second = (hash >>> 14) & (BLOOM_BITS - 1);
  return (bloom[first >>> 5]! & (1 << (first & 31))) !== 0 &&
    (bloom[second >>> 5]! & (1 << (second & 31))) !== 0;
}
