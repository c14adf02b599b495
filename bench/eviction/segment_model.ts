/**
 * The policy of an evicting store on segments that hold keys only: the target of the store itself.
 *
 * @module
 */
import type { SegmentId } from "../../lib/core/brands.ts";
import { PUT_SEGMENT_RESERVE } from "../../lib/core/limits.ts";
import {
  COUNT_MAX,
  countNeeded,
  countWhenKept,
  countWhenOverwritten,
  FREE_SEGMENTS_AHEAD,
  REMEMBERED_COUNT,
  VictimSearch,
} from "../../lib/eviction/eviction_policy.ts";
import { GHOST_UNITS, GhostTable, ghostWords } from "../../lib/eviction/ghost_table.ts";
import type { CacheModel } from "./models.ts";

interface ModelRecord {
  readonly key: number;
  readonly bytes: number;
}

interface ModelSegment {
  readonly number: SegmentId;
  readonly isMain: boolean;
  readonly birth: number;
  readonly records: ModelRecord[];
  usedBytes: number;
  liveBytes: number;
}

interface ModelPair {
  record: ModelRecord;
  segment: ModelSegment;
  count: number;
}

/** A cache in segments. */
export class SegmentModel implements CacheModel {
  /** Bytes of records that cleaning has copied. */
  movedBytes = 0;
  /** Most victims that a gain has taken. */
  victimsMax = 0;
  readonly #segmentBytes: number;
  readonly #segments: (ModelSegment | undefined)[];
  readonly #free: SegmentId[];
  readonly #pairs = new Map<number, ModelPair>();
  readonly #ghosts: GhostTable;
  readonly #search = new VictimSearch();
  #open: ModelSegment | undefined;
  #openMain: ModelSegment | undefined;
  #birth = 0;
  #putBytes = 0;
  #victimCount = 0;
  #gained = 0;

  constructor(segmentCount: number, segmentBytes: number) {
    this.#segmentBytes = segmentBytes;
    this.#segments = Array.from({ length: segmentCount });
    this.#free = Array.from({ length: segmentCount }, (_, i) => segmentCount - 1 - i as SegmentId);
    this.#ghosts = new GhostTable(new Int32Array(ghostWords(segmentCount * segmentBytes)));
  }

  get(key: number): boolean {
    const pair = this.#pairs.get(key);
    if (pair === undefined) return false;
    if (pair.count < COUNT_MAX) pair.count += 1;
    return true;
  }

  put(key: number, bytes: number): void {
    const old = this.#pairs.get(key);
    const record = { key, bytes };
    const hash = hashOf(key);
    const count = old !== undefined
      ? countWhenOverwritten(old.count)
      : this.#ghosts.take(hash, this.#units)
      ? REMEMBERED_COUNT
      : 0;
    if (this.#open === undefined || this.#open.usedBytes + bytes > this.#segmentBytes) {
      this.#open = this.#openSegment(false);
      while (this.#free.length < PUT_SEGMENT_RESERVE + FREE_SEGMENTS_AHEAD) this.#clean();
    }
    const now = this.#pairs.get(key);
    if (now !== undefined) now.segment.liveBytes -= now.record.bytes;
    this.#append(this.#open, record, count);
    this.#putBytes += bytes;
  }

  get #units(): number {
    return Math.floor(this.#putBytes / this.#segmentBytes / this.#segments.length * GHOST_UNITS);
  }

  #openSegment(isMain: boolean): ModelSegment {
    const number = this.#free.pop();
    if (number === undefined) throw new Error("no segment is free");
    this.#gained -= isMain ? 1 : 0;
    const segment = {
      number,
      isMain,
      birth: ++this.#birth,
      records: [],
      usedBytes: 64,
      liveBytes: 0,
    };
    this.#segments[number] = segment;
    return segment;
  }

  #append(segment: ModelSegment, record: ModelRecord, count: number): void {
    segment.records.push(record);
    segment.usedBytes += record.bytes;
    segment.liveBytes += record.bytes;
    this.#pairs.set(record.key, { record, segment, count });
  }

  #clean(): void {
    const search = this.#search;
    search.begin();
    for (const segment of this.#segments) {
      if (segment === undefined) continue;
      const { number, isMain, birth, liveBytes, usedBytes } = segment;
      if (segment === this.#open || segment === this.#openMain) search.seeBusy(isMain, usedBytes);
      else search.see(number, isMain, birth, liveBytes, usedBytes);
    }
    const chosen = search.choose(this.#segments.length * this.#segmentBytes);
    const victim = this.#segments[chosen]!;
    const needed = countNeeded(search.isCopied, this.#victimCount);
    for (const record of victim.records) {
      const pair = this.#pairs.get(record.key);
      if (pair?.record !== record) continue;
      if (pair.count >= needed) {
        const { bytes } = record;
        if (
          this.#openMain === undefined || this.#openMain.usedBytes + bytes > this.#segmentBytes
        ) {
          this.#openMain = this.#openSegment(true);
        }
        const count = countWhenKept(pair.count, victim.isMain, search.isCopied);
        this.#append(this.#openMain, record, count);
        this.movedBytes += bytes;
      } else {
        this.#pairs.delete(record.key);
        if (!victim.isMain) this.#ghosts.add(hashOf(record.key), this.#units);
      }
    }
    this.#segments[chosen] = undefined;
    this.#free.push(chosen);
    this.#gained += 1;
    this.#victimCount += 1;
    this.victimsMax = Math.max(this.victimsMax, this.#victimCount);
    if (this.#gained > 0) this.#gained = this.#victimCount = 0;
  }
}

/** A hash of a key's number, of 32 bits. */
function hashOf(key: number): number {
  let hash = Math.imul(key ^ (key >>> 16), 0x45d9f3b);
  hash = Math.imul(hash ^ (hash >>> 16), 0x45d9f3b);
  return hash ^ (hash >>> 16);
}
