/**
 * Hit ratios of a store that evicts, beside lru-cache and models of other policies, at equal bytes:
 * each cache may hold as many bytes of records, keys and headers included, whatever it needs beside
 * them.
 *
 * @module
 */
import { LRUCache } from "lru-cache";
import { open } from "../../mod.ts";
import { packMeta, RecordKind, recordWords } from "../../lib/log/record_layout.ts";
import { type CacheModel, S3FifoModel } from "./models.ts";
import { SegmentModel } from "./segment_model.ts";
import { type EvictionTrace, type EvictionTraceName, makeEvictionTrace } from "./traces.ts";

/** What is compared. */
export interface HitsPlan {
  readonly traces: readonly EvictionTraceName[];
  readonly keyCount: number;
  readonly readCount: number;
  /** Share of the bytes of all records that a cache may hold. */
  readonly cacheShare: number;
  readonly seed: number;
}

/** Shares of the reads that were hits, from 0 to 1. */
export interface HitRatios {
  readonly trace: string;
  readonly store: number;
  readonly segmentModel: number;
  readonly s3FifoModel: number;
  readonly lruCache: number;
  /** Bytes that cleaning has copied for each byte put. */
  readonly copiedShare: number;
}

const VALUE_BYTES_MIN = 100;
const VALUE_BYTES_SPREAD = 900;

/** Reads each trace through each cache; a miss puts the key. */
export async function measureHits(plan: HitsPlan): Promise<HitRatios[]> {
  const { keyCount, readCount, seed, cacheShare } = plan;
  let totalBytes = 0;
  for (let key = 0; key < keyCount; key++) totalBytes += recordBytes(key);
  const capacityBytes = Math.ceil(totalBytes * cacheShare / 2 ** 16) * 2 ** 16;
  const ratios: HitRatios[] = [];
  for (const name of plan.traces) {
    const trace = makeEvictionTrace(name, keyCount, readCount, seed);
    const { hits, segmentBytes, copiedShare } = await readStore(trace, capacityBytes);
    const segmentCount = Math.floor(capacityBytes / segmentBytes);
    ratios.push({
      trace: name,
      store: hits,
      segmentModel: readModel(trace, new SegmentModel(segmentCount, segmentBytes)),
      s3FifoModel: readModel(trace, new S3FifoModel(capacityBytes)),
      lruCache: readModel(trace, new LruCacheModel(capacityBytes)),
      copiedShare,
    });
  }
  return ratios;
}

/** Means over all traces. */
export function meanOf(ratios: readonly HitRatios[]): HitRatios {
  const mean = (of: (ratios: HitRatios) => number) =>
    ratios.reduce((sum, each) => sum + of(each), 0) / ratios.length;
  return {
    trace: "mean",
    store: mean(({ store }) => store),
    segmentModel: mean(({ segmentModel }) => segmentModel),
    s3FifoModel: mean(({ s3FifoModel }) => s3FifoModel),
    lruCache: mean(({ lruCache }) => lruCache),
    copiedShare: mean(({ copiedShare }) => copiedShare),
  };
}

/** A table in Markdown. */
export function formatHits(ratios: readonly HitRatios[]): string {
  const percent = (share: number) => (100 * share).toFixed(1);
  const points = (share: number) => `${share < 0 ? "" : "+"}${percent(share)}`;
  const lines = [...ratios, meanOf(ratios)].map((each) =>
    [
      each.trace,
      percent(each.store),
      percent(each.segmentModel),
      percent(each.s3FifoModel),
      percent(each.lruCache),
      points(each.store - each.s3FifoModel),
      points(each.store - each.lruCache),
      each.copiedShare.toFixed(2),
    ].join(" | ")
  );
  return [
    "| trace | store | its model | S3-FIFO | lru-cache | to S3-FIFO | to lru-cache | copied |",
    "| --- | --- | --- | --- | --- | --- | --- | --- |",
    ...lines.map((line) => `| ${line} |`),
  ].join("\n");
}

class LruCacheModel implements CacheModel {
  readonly #cache: LRUCache<number, number>;

  constructor(capacityBytes: number) {
    this.#cache = new LRUCache({ maxSize: capacityBytes, sizeCalculation: (bytes) => bytes });
  }

  get(key: number): boolean {
    return this.#cache.get(key) !== undefined;
  }

  put(key: number, bytes: number): void {
    this.#cache.set(key, bytes);
  }
}

function readModel({ keys }: EvictionTrace, model: CacheModel): number {
  let hitCount = 0;
  for (const key of keys) {
    if (model.get(key)) hitCount += 1;
    else model.put(key, recordBytes(key));
  }
  return hitCount / keys.length;
}

async function readStore(
  { keys }: EvictionTrace,
  capacityBytes: number,
): Promise<{ hits: number; segmentBytes: number; copiedShare: number }> {
  await using store = await open<Uint8Array>({
    capacity: capacityBytes,
    whenFull: "evict",
    codec: "binary",
  });
  const bytes = new Uint8Array(VALUE_BYTES_MIN + VALUE_BYTES_SPREAD);
  let hitCount = 0;
  let putBytes = 0;
  for (const key of keys) {
    const text = textOf(key);
    if (store.getSync(text) !== undefined) hitCount += 1;
    else {
      store.putSync(text, bytes.subarray(0, valueBytes(key)));
      putBytes += recordBytes(key);
    }
  }
  const { segmentBytes, cleaningBytesMoved } = store.stats();
  return { hits: hitCount / keys.length, segmentBytes, copiedShare: cleaningBytesMoved / putBytes };
}

function textOf(key: number): string {
  return `key ${key}`;
}

function valueBytes(key: number): number {
  return VALUE_BYTES_MIN + (Math.imul(key, 0x9e3779b1) >>> 0) % VALUE_BYTES_SPREAD;
}

/** Bytes of a key's record in the log. */
function recordBytes(key: number): number {
  return recordWords(packMeta(textOf(key).length, RecordKind.PUT, 0), valueBytes(key)) * 4;
}
