/**
 * Notices that a pool is nearly full while there is time to do something about it.
 *
 * A writer fills the last tenth of a small pool in milliseconds, so it is not enough to look now
 * and then. But a pool does not get fuller without segments being taken, which is counted: the
 * count is looked at after each flush of the thread that opened the store, and every few
 * milliseconds while others write, and what is live is summed up when it has changed.
 *
 * @module
 */
import { SEGMENTS_OPENED } from "../pool/control_layout.ts";
import type { Pool } from "../pool/pool.ts";
import { SegmentTable } from "../pool/segment_table.ts";
import { SpaceBudget } from "../pool/space_budget.ts";
import { evicts } from "../pool/when_full.ts";

/**
 * Shares of the live data that a pool may hold at which it counts as nearly full, and as not so any
 * more.
 */
const NEARLY_FULL_SHARE = 0.9;
const ROOMY_SHARE = 0.8;

/** Watches how full one pool is. */
export class FullnessWatch {
  readonly #pool: Pool;
  readonly #segments: SegmentTable;
  readonly #budget: SpaceBudget;
  readonly #onNearlyFull: (liveBytes: number, liveBytesMax: number) => void;
  /** Segments that had been taken by the last look. */
  openedCount: number;
  #isNearlyFull = false;

  /** Watches a pool; `onNearlyFull` is called once each time that it gets so. */
  constructor(pool: Pool, onNearlyFull: (liveBytes: number, liveBytesMax: number) => void) {
    this.#pool = pool;
    this.#segments = new SegmentTable(pool);
    this.#budget = new SpaceBudget(pool, this.#segments);
    this.#onNearlyFull = onNearlyFull;
    this.openedCount = Atomics.load(pool.control, SEGMENTS_OPENED);
  }

  /** Looks if segments have been taken since the last time. */
  lookIfFilled(): void {
    const openedCount = Atomics.load(this.#pool.control, SEGMENTS_OPENED);
    if (openedCount === this.openedCount) return;
    this.openedCount = openedCount;
    this.lookNow();
  }

  /** Looks in any case: nothing is counted when data goes, or the limit changes. */
  lookNow(): void {
    // One that evicts is always full, and refuses nothing.
    if (evicts(this.#pool)) return;
    const liveBytes = this.#segments.liveBytesTotal();
    const { liveBytesMax } = this.#budget;
    const share = liveBytes / liveBytesMax;
    if (share >= NEARLY_FULL_SHARE && !this.#isNearlyFull) {
      this.#isNearlyFull = true;
      this.#onNearlyFull(liveBytes, liveBytesMax);
    }
    if (share < ROOMY_SHARE) this.#isNearlyFull = false;
  }
}
