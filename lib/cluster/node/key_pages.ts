/**
 * Lists the keys of slots, a page at a time: what iteration is made of.
 *
 * A page goes through slots one after the other, and through the keys of a slot in the order of
 * their bytes. The node remembers nothing of it: the next page begins where the last one ended, at
 * whichever node owns the slot then. So a key that is there all the time is in one page, and none
 * is in two.
 *
 * @module
 */
import type { LogRecord } from "../messages/log_codec.ts";
import type { RecordPage, RecordTable } from "./record_table.ts";
import { isThere } from "./request_outcome.ts";

/** Slots that one page looks into, at most. */
const SLOTS_MAX = 256;

/** Which keys are wanted. */
export interface KeyPageRequest {
  /** In this order. */
  readonly slots: readonly number[];
  /** Of the first slot only keys behind this one; undefined: from its first key on. */
  readonly after: Uint8Array | undefined;
  /** Only keys that begin with these bytes. */
  readonly prefix: Uint8Array;
  /** Bytes of keys and values after which the page ends. */
  readonly bytesMax: number;
}

/** Keys that were found. */
export interface KeyPage {
  /** Puts that have not expired. */
  readonly records: readonly LogRecord[];
  /** How many of the slots are done. */
  readonly slotCount: number;
  /** Of the slot behind them: the key behind which to go on; undefined: from its first key on. */
  readonly after: Uint8Array | undefined;
  /** Whether the page ends there because this node does not serve that slot. */
  readonly isRefused: boolean;
}

/** What pages are made of. */
export interface KeyPageParts {
  readonly table: RecordTable;
  readonly epochMs: () => number;
  /** The time of ownership in which this node serves a slot; 0 if it does not. */
  readonly servedSince: (slot: number) => number;
  /** A record was found that has expired. */
  readonly expired: (record: LogRecord) => void;
}

/** Reads one page. */
export function readPage(
  parts: KeyPageParts,
  request: KeyPageRequest,
  done: (page: KeyPage) => void,
): void {
  new PageWalk(parts, request, done).go();
}

class PageWalk {
  readonly #parts: KeyPageParts;
  readonly #request: KeyPageRequest;
  readonly #done: (page: KeyPage) => void;
  readonly #records: LogRecord[] = [];
  #bytes = 0;
  #slotCount = 0;
  #after: Uint8Array | undefined;

  constructor(parts: KeyPageParts, request: KeyPageRequest, done: (page: KeyPage) => void) {
    this.#parts = parts;
    this.#request = request;
    this.#done = done;
    this.#after = request.after;
  }

  /** Goes on for as long as what it asks for comes at once. */
  go(): void {
    const { slots, prefix, bytesMax } = this.#request;
    for (let isWaiting = false; !isWaiting;) {
      const isFull = this.#bytes >= bytesMax || this.#slotCount >= SLOTS_MAX;
      if (this.#slotCount === slots.length || isFull) return this.#end(false);
      const slot = slots[this.#slotCount]!;
      const since = this.#parts.servedSince(slot);
      if (since === 0) return this.#end(true);
      const after = this.#after;
      let isReturned = false;
      isWaiting = true;
      const asked = { slot, prefix, after, bytesMax: bytesMax - this.#bytes };
      this.#parts.table.page(asked, (page) => {
        // What was found while the slot left is not all that it has.
        if (this.#parts.servedSince(slot) !== since) return this.#end(true);
        this.#take(page);
        isWaiting = false;
        if (isReturned) this.go();
      });
      isReturned = true;
    }
  }

  #take({ records, isLast }: RecordPage): void {
    const nowMs = this.#parts.epochMs();
    for (const record of records) {
      this.#bytes += record.key.bytes.length + (record.value?.length ?? 0);
      if (isThere(record, nowMs)) this.#records.push(record);
      else this.#parts.expired(record);
    }
    if (isLast) this.#slotCount += 1;
    this.#after = isLast ? undefined : records.at(-1)!.key.bytes;
  }

  #end(isRefused: boolean): void {
    const [records, slotCount, after] = [this.#records, this.#slotCount, this.#after];
    this.#done({ records, slotCount, after, isRefused });
  }
}
