/**
 * Where the threads of a run count their operations: by the window of time in which an operation
 * has ended, and by its latency.
 *
 *     for each thread: for each window: BUCKET_COUNT words, operations by latency (lib/statistics/latency_histogram.ts)
 *
 * Only its thread adds to a word; it is read when that thread has ended.
 *
 * @module
 */
import { bucketOf, LatencyHistogram } from "../../lib/statistics/latency_histogram.ts";
import { BUCKET_COUNT } from "../../lib/statistics/statistics_layout.ts";
import { sharedNowMs } from "../threads/kill_board.ts";

export interface WindowBoardHandle {
  buffer: SharedArrayBuffer;
  /** See {@linkcode sharedNowMs}. */
  startMs: number;
  windowMs: number;
  windowCount: number;
}

export function createWindowBoard(
  threadCount: number,
  startMs: number,
  windowMs: number,
  windowCount: number,
): WindowBoardHandle {
  const buffer = new SharedArrayBuffer(threadCount * windowCount * BUCKET_COUNT * 4);
  return { buffer, startMs, windowMs, windowCount };
}

/** One thread's part. */
export class WindowCounter {
  readonly #handle: WindowBoardHandle;
  readonly #words: Int32Array;
  readonly #first: number;

  constructor(handle: WindowBoardHandle, thread: number) {
    this.#handle = handle;
    this.#words = new Int32Array(handle.buffer);
    this.#first = thread * handle.windowCount;
  }

  /** Counts an operation that has just ended. */
  count(beganMs: number): void {
    const { startMs, windowMs, windowCount } = this.#handle;
    const nowMs = sharedNowMs();
    const window = Math.floor((nowMs - startMs) / windowMs);
    if (window < 0 || window >= windowCount) return;
    this.#words[(this.#first + window) * BUCKET_COUNT + bucketOf((nowMs - beganMs) * 1e6)] += 1;
  }
}

/** What all threads have counted in each window. */
export function windowHistograms(handle: WindowBoardHandle): LatencyHistogram[] {
  const words = new Int32Array(handle.buffer);
  const histograms = Array.from({ length: handle.windowCount }, () => new LatencyHistogram());
  for (let row = 0; row * BUCKET_COUNT < words.length; row++) {
    const histogram = histograms[row % handle.windowCount];
    for (let bucket = 0; bucket < BUCKET_COUNT; bucket++) {
      const count = words[row * BUCKET_COUNT + bucket];
      if (count > 0) histogram.add(bucket, count);
    }
  }
  return histograms;
}
