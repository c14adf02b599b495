/**
 * Copies of keys that are read very often: the owner lends them to the threads that ask, which then
 * answer reads themselves, for a short time (client/lent_copies.ts).
 *
 * Reads stay linearizable, since **nothing changes a key while a copy of it may be used**:
 *
 * - What is lent is the newest, and nothing that may change it waits or is on its way. So it is
 *   what the key holds, until the owner decides about the next change.
 * - Before a change of a lent key is taken to the log, all of its copies are *recalled*: each
 *   borrower says that it does not use its copy any more. Who does not say so is waited for until
 *   its time is over. Nothing of the key is lent meanwhile.
 * - Time is over for a borrower before it is for the owner. The borrower counts from before it has
 *   sent the request for which it got the copy, and uses it for `margin` less than the owner
 *   counts, which begins later; their clocks differ by less than that, as those of leases do
 *   (lease.ts).
 * - A copy ends before the lease does, as the owner counts its own. The node that ends it waits for
 *   longer, and for whichever of the two clocks is slower: so no other owner changes the key
 *   before. A node that resigns, or gives a slot away, has all copies returned first.
 * - A key does not expire while it is lent, and no copy is lent for longer than the key has.
 *
 * Borrowers are connections. One that has ended says nothing, and is waited for.
 *
 * @module
 */
import { SLOT_SHIFT } from "../../core/limits.ts";
import { Operation } from "../../rings/ring_layout.ts";
import type { LogRecord } from "../messages/log_codec.ts";
import type { Borrower } from "./borrower.ts";
import type { ClusterClock } from "./cluster_clock.ts";
import { type CopySettings, KeyMeter } from "./key_meter.ts";
import type { LeaseTimes } from "./lease.ts";
import { isThere } from "./request_outcome.ts";
import { type ClusterRequest, isReading } from "./requests.ts";

/** Keys that are lent at one time, and copies of each. */
const KEYS_MAX = 64;
const COPIES_MAX = 256;
/** A larger value is not lent. */
export const COPY_BYTES_MAX: number = 64 * 1024;
/** A copy for a shorter time is not worth it. */
const LENT_MS_MIN = 10;

/** What lending depends on. */
export interface LentKeysParts {
  readonly clock: ClusterClock;
  readonly times: LeaseTimes;
  /** When copies are worth it; undefined: nothing is lent. */
  readonly settings: CopySettings | undefined;
  /** How long the node may answer if its lease is not renewed. */
  readonly leaseLeftMs: () => number;
  /** Whether something waits or is on its way that may change a slot. */
  readonly isChanging: (slot: number) => boolean;
  /** Copies have come to an end: what has waited for that may go on. */
  readonly ended: () => void;
}

/** A key of which there are copies. */
interface LentKey {
  /** When each of them is over, by the monotonic clock. */
  readonly untilMs: Map<Borrower, number>;
  /** When all of them are. */
  lastMs: number;
  isRecalled: boolean;
}

/** What one node has lent. Keys are told apart by their hashes: those with the same one are one. */
export class LentKeys {
  readonly #parts: LentKeysParts;
  readonly #meter: KeyMeter | undefined;
  readonly #lent = new Map<number, LentKey>();
  /** Reads that borrowers have answered, as they have said. */
  copiedReads = 0;

  constructor(parts: LentKeysParts) {
    const { settings, clock } = this.#parts = parts;
    this.#meter = settings && new KeyMeter(settings, clock.monotonicMs());
  }

  /** A request is executed. */
  count(request: ClusterRequest): void {
    const { copiedReads = 0, hash } = request;
    this.copiedReads += copiedReads;
    if (this.#meter === undefined) return;
    const isRead = isReading(request);
    const nowMs = this.#parts.clock.monotonicMs();
    this.#meter.count(hash, isRead ? 1 + copiedReads : 0, isRead ? 0 : 1, nowMs);
  }

  /**
   * Lends what a read has just found, if that is worth it; it must be what the table has now.
   *
   * @returns for how many milliseconds after it has sent the request the borrower may answer reads
   *   from it; 0: it may not
   */
  lend({ borrower, operation, hash }: ClusterRequest, record: LogRecord): number {
    const { settings, clock, times, leaseLeftMs, isChanging } = this.#parts;
    if (settings === undefined || borrower === undefined || operation !== Operation.GET) return 0;
    const known = this.#known(hash);
    const others = (known?.untilMs.size ?? 0) - +(known?.untilMs.has(borrower) === true);
    if (!this.#meter!.isWorth(hash, others + 1)) return 0;
    if (known?.isRecalled === true || borrower.isReturning) return 0;
    if (isChanging(hash >>> SLOT_SHIFT) || record.value!.length > COPY_BYTES_MAX) return 0;
    if (known === undefined && !this.#hasRoom()) return 0;
    if (others >= COPIES_MAX) return 0;
    const keptMs = record.expiresAtMs - clock.epochMs();
    const ms = Math.min(settings.lentMs, leaseLeftMs(), keptMs);
    if (ms < LENT_MS_MIN) return 0;
    const lent = known ?? { untilMs: new Map<Borrower, number>(), lastMs: 0, isRecalled: false };
    const untilMs = clock.monotonicMs() + ms;
    // In the order of their ends, about.
    lent.untilMs.delete(borrower);
    lent.untilMs.set(borrower, untilMs);
    lent.lastMs = Math.max(lent.lastMs, untilMs);
    this.#lent.set(hash, lent);
    return Math.floor(ms * (1 - times.marginMs / times.leaseMs));
  }

  /** Whether copies of a key may be used. */
  isLent(hash: number): boolean {
    return this.#lent.size > 0 && this.#known(hash) !== undefined;
  }

  /** Whether there is a record for clients, see `isThere`: it does not expire while it is lent. */
  isThere(record: LogRecord | undefined, hash: number, nowMs: number): record is LogRecord {
    return record?.value !== undefined && (isThere(record, nowMs) || this.isLent(hash));
  }

  /** Has the copies of a key returned; true as long as some may be used: then `ended` is called. */
  recall(hash: number): boolean {
    if (this.#lent.size === 0) return false;
    const lent = this.#known(hash);
    if (lent === undefined) return false;
    if (!lent.isRecalled) this.#recall(hash, lent);
    return this.#known(hash) !== undefined;
  }

  /** The same for all keys, or for those of some slots. */
  recallAll(slots?: ReadonlyMap<number, unknown>): boolean {
    let isAny = false;
    for (const hash of [...this.#lent.keys()]) {
      if (slots === undefined || slots.has(hash >>> SLOT_SHIFT)) {
        isAny = this.recall(hash) || isAny;
      }
    }
    return isAny;
  }

  #recall(hash: number, lent: LentKey): void {
    const { clock, ended } = this.#parts;
    lent.isRecalled = true;
    for (const borrower of [...lent.untilMs.keys()]) {
      borrower.recall(hash, () => {
        lent.untilMs.delete(borrower);
        if (lent.untilMs.size > 0) return;
        lent.lastMs = 0;
        ended();
      });
    }
    // Timers are early, by less than a millisecond.
    clock.after(lent.lastMs - clock.monotonicMs() + 1, ended);
  }

  #hasRoom(): boolean {
    if (this.#lent.size < KEYS_MAX) return true;
    for (const hash of [...this.#lent.keys()]) this.#known(hash);
    return this.#lent.size < KEYS_MAX;
  }

  /** The copies of a key that may be used. */
  #known(hash: number): LentKey | undefined {
    const lent = this.#lent.get(hash);
    if (lent === undefined) return undefined;
    const nowMs = this.#parts.clock.monotonicMs();
    if (nowMs >= lent.lastMs) {
      this.#lent.delete(hash);
      return undefined;
    }
    for (const [borrower, untilMs] of lent.untilMs) {
      if (untilMs > nowMs) break;
      lent.untilMs.delete(borrower);
    }
    return lent;
  }
}
