/**
 * What the threads that use a store have done with it.
 *
 * @module
 */
import { CLIENT_COUNT_MAX } from "../../core/limits.ts";
import {
  countedBy,
  countedByAll,
  OperationCounter,
  type OperationCounters,
} from "../../pool/operation_counters.ts";
import type { Pool } from "../../pool/pool.ts";
import { ClientState, clientState } from "../../routing/client_registry.ts";

/** Operations, counted when they are issued, reads when they have ended. */
export interface OperationStats {
  /**
   * Keys that were read: by `get`, `getEntry` and `has`, each key of a `getMany`, `getEntries` and
   * `hasMany`, and of an iteration. They are {@linkcode hits} and {@linkcode misses}.
   */
  readonly reads: number;
  /** Reads that have found the key; with `cache` also those of a value that was decoded before. */
  readonly hits: number;
  /** Reads that have not. */
  readonly misses: number;
  /**
   * Values that were to be stored: by `put` and `compareAndSet`, applied or not, and each entry of
   * a `putMany`.
   */
  readonly puts: number;
  /**
   * Keys that were to be deleted: by `delete`, `compareAndDelete`, and each key of a `deleteMany`;
   * none by `clear`, but for those of a namespace, which are read and deleted.
   */
  readonly deletes: number;
  /** Calls of `update`, `increment`, `incrementEntry`, `touch` and `getAndDelete`. */
  readonly updates: number;
  /** Encoded bytes of the values that reads have copied; none of a value from the `cache`. */
  readonly bytesRead: number;
  /** Encoded bytes of the values that puts and updates have sent. */
  readonly bytesWritten: number;
}

/** What one thread has done since it has opened the store, or attached to it. */
export interface ThreadStats extends OperationStats {
  /** Number of its place: 0 is the thread that opened the store. */
  readonly client: number;
  /** Whether it is the thread that asks. */
  readonly isThis: boolean;
}

/** What all threads have done since the store was opened, those that have left included. */
export function operationStats(pool: Pool): OperationStats {
  return statsOf((counter) => countedByAll(pool, counter));
}

/** What each thread has done that uses the store now; `own` is the one that asks. */
export function threadStats(pool: Pool, own: number): ThreadStats[] {
  const threads: ThreadStats[] = [];
  for (let client = 0; client < CLIENT_COUNT_MAX; client++) {
    if (clientState(pool, client) !== ClientState.ACTIVE) continue;
    const counted = statsOf((counter) => countedBy(pool, client, counter));
    threads.push({ client, isThis: client === own, ...counted });
  }
  return threads;
}

/** What a thread has done whose counters no other one sees. */
export function operationStatsApart(counters: OperationCounters): OperationStats {
  return statsOf((counter) => counters.get(counter));
}

function statsOf(counted: (counter: number) => number): OperationStats {
  const hits = counted(OperationCounter.HITS);
  const misses = counted(OperationCounter.MISSES);
  return {
    reads: hits + misses,
    hits,
    misses,
    puts: counted(OperationCounter.PUTS),
    deletes: counted(OperationCounter.DELETES),
    updates: counted(OperationCounter.UPDATES),
    bytesRead: counted(OperationCounter.BYTES_READ),
    bytesWritten: counted(OperationCounter.BYTES_WRITTEN),
  };
}
