/**
 * Restores a large pool with several threads: they read the segments, and check them against the
 * index, while the replay in between is this thread's.
 *
 * @module
 */
import { resultOf } from "../platform/task_failure.ts";
import { TaskThreads } from "../platform/task_threads.ts";
import type { WorkerCode } from "../platform/worker_loader.ts";
import { SEGMENT_USED_BYTES, SEGMENT_WORDS } from "../pool/segment_layout.ts";
import type { PoolHandle } from "../pool/pool.ts";
import type { SegmentFindings } from "./index_check.ts";
import type { SegmentSource } from "./segment_loader.ts";
import type { PoolRestore } from "./snapshot_reader.ts";

/** Bytes of segments from which on starting threads pays. */
const BYTES_MIN = 128 * 1024 * 1024;
/** Pieces of work per thread: so that none waits long for the others at the end. */
const PIECES_PER_THREAD = 8;
/** Threads are wanted again after the replay. */
const IDLE_TIMEOUT_MS = 60_000;

/** What a thread is asked to do with some of the segments: `from` up to, not including, `to`. */
export type RestoreTask =
  | {
    readonly kind: "load";
    readonly pool: PoolHandle;
    readonly source: SegmentSource;
    readonly from: number;
    readonly to: number;
  }
  | {
    readonly kind: "check";
    readonly pool: PoolHandle;
    readonly path: string;
    readonly mustCount: boolean;
    readonly from: number;
    readonly to: number;
  };

/** How it is done. */
export interface ParallelRestoreOptions {
  /** The worker module of the DPM processors. */
  readonly workerCode: WorkerCode;
  readonly threadCount: number;
  readonly onProgress: ((share: number) => void) | undefined;
  /** Bytes of segments from which on it is done. @default 128 MiB */
  readonly bytesMin?: number;
}

/**
 * Loads, replays and checks a pool.
 *
 * @throws {CorruptionError} when a file is damaged
 */
export async function restoreInParallel(
  restore: PoolRestore,
  options: ParallelRestoreOptions,
): Promise<void> {
  const { pool, source } = restore;
  const { bytesMin = BYTES_MIN } = options;
  if (options.threadCount < 2 || restore.storedBytes < bytesMin) return restoreAlone(restore);
  const { workerCode, threadCount } = options;
  const threads = new TaskThreads<RestoreTask, unknown>({
    workerCode,
    threadCount,
    idleTimeoutMs: IDLE_TIMEOUT_MS,
  });
  try {
    const load = (from: number, to: number): RestoreTask => {
      return { kind: "load", pool: pool.handle, source, from, to };
    };
    if (!await inPieces(threads, options, restore, load)) restore.load();
    restore.replay();
    const check = restore.makeCheck();
    const { mustCount } = restore;
    const path = source.checkpointPath;
    const makeTask = (from: number, to: number): RestoreTask => {
      return { kind: "check", pool: pool.handle, path, mustCount, from, to };
    };
    const hasMuch = usedBytes(restore) >= bytesMin;
    const findings = hasMuch && await inPieces(threads, options, restore, makeTask);
    check.checkRecords(findings ? findings as SegmentFindings[] : undefined);
  } finally {
    await threads.close();
  }
}

function restoreAlone(restore: PoolRestore): void {
  restore.load();
  restore.replay();
  restore.check();
}

/**
 * Runs a task for each piece of the segments; undefined if one fails, whose error has lost its
 * class on the way.
 */
async function inPieces(
  threads: TaskThreads<RestoreTask, unknown>,
  { threadCount, onProgress }: ParallelRestoreOptions,
  { source: { segmentCount } }: PoolRestore,
  makeTask: (from: number, to: number) => RestoreTask,
): Promise<unknown[] | undefined> {
  const step = Math.ceil(segmentCount / (threadCount * PIECES_PER_THREAD));
  const pieces: Promise<unknown>[] = [];
  let doneCount = 0;
  for (let from = 0; from < segmentCount; from += step) {
    const task = makeTask(from, Math.min(segmentCount, from + step));
    pieces.push(
      threads.run(task).then(resultOf).finally(() => {
        doneCount += step;
        if (task.kind === "load") onProgress?.(Math.min(1, doneCount / segmentCount) / 2);
      }),
    );
  }
  const ends = await Promise.allSettled(pieces);
  const results = ends.flatMap((end) => end.status === "fulfilled" ? [end.value] : []);
  return results.length === ends.length ? results : undefined;
}

function usedBytes({ pool, source }: PoolRestore): number {
  let total = 0;
  for (let i = 0; i < source.segmentCount; i++) {
    total += pool.control[pool.segments + i * SEGMENT_WORDS + SEGMENT_USED_BYTES];
  }
  return total;
}
