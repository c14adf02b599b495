/**
 * How fast values are overwritten in pools that are full to various degrees.
 *
 * Each pool is filled to a share of its `liveBytesMax` and then overwritten at random, 64 puts at a
 * time. The shares take turns, so that what else the machine does falls on all of them.
 *
 * @module
 */
import { open, type Store } from "../../mod.ts";

/** How much is measured. */
export interface FullnessPlan {
  readonly capacityBytes: number;
  readonly valueBytes: number;
  /** Shares of `liveBytesMax`; the others are compared with the first. */
  readonly shares: readonly number[];
  readonly repetitionCount: number;
  readonly repetitionMs: number;
}

/** What one share has come to. */
export interface FullnessFigures {
  readonly share: number;
  readonly keyCount: number;
  /** Of the pool's capacity. */
  readonly liveShare: number;
  /** Medians over the repetitions. */
  readonly putsPerSecond: number;
  /** Throughput as a share of that of the first share, in the same round; median. */
  readonly ratio: number;
  /** Bytes that cleaning has moved for each byte that was written. */
  readonly movedShare: number;
  /** Times that a put found no segment and had to wait for cleaning, for each 1,000 puts. */
  readonly stallsPerThousand: number;
}

const CONCURRENT = 64;

/** One pool that is overwritten. */
interface FullPool {
  readonly store: Store<Uint8Array>;
  readonly keyCount: number;
  readonly rates: number[];
  putCount: number;
  movedBefore: number;
  stallsBefore: number;
}

/** Measures all shares of a plan. */
export async function measureFullness(plan: FullnessPlan): Promise<FullnessFigures[]> {
  const pools: FullPool[] = [];
  try {
    for (const share of plan.shares) pools.push(await fill(plan, share));
    // The first round is not counted: every pool has been round its segments afterwards.
    for (let round = 0; round <= plan.repetitionCount; round++) {
      for (const pool of pools) {
        const rate = await overwrite(pool, plan);
        if (round > 0) pool.rates.push(rate);
        else begin(pool);
      }
    }
    const first = pools[0]!.rates;
    return pools.map((pool, i) => figuresOf(pool, plan, plan.shares[i]!, first));
  } finally {
    for (const { store } of pools) await store.close();
  }
}

async function fill(plan: FullnessPlan, share: number): Promise<FullPool> {
  const { capacityBytes, valueBytes } = plan;
  const store = await open({ codec: "binary", capacity: capacityBytes });
  const { liveBytesMax } = store.stats();
  // What a record takes is seen, not known.
  await store.put(keyOf(0), new Uint8Array(valueBytes));
  const recordBytes = store.stats().liveBytes;
  const keyCount = Math.floor(liveBytesMax * share / recordBytes);
  for (let from = 0; from < keyCount; from += CONCURRENT) {
    const puts: Promise<unknown>[] = [];
    for (let key = from; key < Math.min(from + CONCURRENT, keyCount); key++) {
      puts.push(store.put(keyOf(key), new Uint8Array(valueBytes)));
    }
    await Promise.all(puts);
  }
  return { store, keyCount, rates: [], putCount: 0, movedBefore: 0, stallsBefore: 0 };
}

/** Overwrites for a while; returns puts in a second. */
async function overwrite(pool: FullPool, { valueBytes, repetitionMs }: FullnessPlan) {
  const { store, keyCount } = pool;
  const value = new Uint8Array(valueBytes);
  const startMs = performance.now();
  let count = 0;
  let elapsedMs = 0;
  while (elapsedMs < repetitionMs) {
    const puts: Promise<unknown>[] = [];
    for (let i = 0; i < CONCURRENT; i++) {
      puts.push(store.put(keyOf(Math.floor(Math.random() * keyCount)), value));
    }
    await Promise.all(puts);
    count += CONCURRENT;
    elapsedMs = performance.now() - startMs;
  }
  pool.putCount += count;
  return count / elapsedMs * 1000;
}

/** Forgets what was counted before. */
function begin(pool: FullPool): void {
  pool.putCount = 0;
  pool.movedBefore = pool.store.stats().cleaningBytesMoved;
  pool.stallsBefore = stallsOf(pool.store);
}

function figuresOf(
  pool: FullPool,
  { capacityBytes }: FullnessPlan,
  share: number,
  first: readonly number[],
): FullnessFigures {
  const { store, keyCount, putCount, movedBefore, stallsBefore } = pool;
  const { liveBytes, cleaningBytesMoved } = store.stats();
  const putsPerSecond = median(pool.rates);
  const written = putCount * liveBytes / keyCount;
  return {
    share,
    keyCount,
    liveShare: liveBytes / capacityBytes,
    putsPerSecond,
    ratio: median(pool.rates.map((rate, round) => rate / first[round]!)),
    movedShare: (cleaningBytesMoved - movedBefore) / written,
    stallsPerThousand: (stallsOf(store) - stallsBefore) / putCount * 1000,
  };
}

function stallsOf(store: Store<Uint8Array>): number {
  return store.stats().nodes.reduce((sum, { cleaningStalls }) => sum + cleaningStalls, 0);
}

function keyOf(number: number): string {
  return `key:${String(number).padStart(8, "0")}`;
}

function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  return (sorted[(sorted.length - 1) >> 1]! + sorted[sorted.length >> 1]!) / 2;
}

/** The figures as lines of a table. */
export function formatFullness(plan: FullnessPlan, figures: readonly FullnessFigures[]): string {
  const lines = [
    `overwrites of ${plan.valueBytes} B at random, ${plan.capacityBytes / 2 ** 20} MiB`,
    "of liveBytesMax  of capacity    puts/s  ratio  moved/written  stalls/1000",
  ];
  for (const f of figures) {
    lines.push(
      f.share.toFixed(2).padStart(15) + f.liveShare.toFixed(2).padStart(13) +
        Math.round(f.putsPerSecond).toString().padStart(10) + f.ratio.toFixed(2).padStart(7) +
        f.movedShare.toFixed(2).padStart(15) + f.stallsPerThousand.toFixed(1).padStart(13),
    );
  }
  return lines.join("\n");
}
