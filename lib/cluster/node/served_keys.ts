/**
 * The keys of the slots that a node serves: listed, counted, and deleted when they have expired.
 *
 * @module
 */
import type { KeyEncoder } from "../../core/key_encoder.ts";
import { SLOT_COUNT } from "../../core/limits.ts";
import type { LogRecord } from "../messages/log_codec.ts";
import { type Expire, ExpirySweep } from "./expiry_sweep.ts";
import { type KeyPage, type KeyPageParts, type KeyPageRequest, readPage } from "./key_pages.ts";
import { hashOf } from "./key_table.ts";

/** The keys of one node. */
export class ServedKeys {
  readonly #parts: KeyPageParts;
  readonly #sweep: ExpirySweep;

  constructor(parts: Omit<KeyPageParts, "expired">, encoder: KeyEncoder, expire: Expire) {
    this.#parts = { ...parts, expired: ({ key }) => expire(key, hashOf(encoder, key)) };
    this.#sweep = new ExpirySweep(parts, encoder, expire);
  }

  /** Lists keys of slots. */
  page(request: KeyPageRequest, done: (page: KeyPage) => void): void {
    readPage(this.#parts, request, done);
  }

  /** About how many there are, those included that have expired. */
  get count(): number {
    const { table, servedSince } = this.#parts;
    let count = 0;
    for (let slot = 0; slot < SLOT_COUNT; slot++) {
      if (servedSince(slot) !== 0) count += table.keyCount(slot);
    }
    return count;
  }

  /** A record counts. */
  note(record: LogRecord): void {
    this.#sweep.note(record);
  }

  /** Deletes some that have expired. */
  deleteExpired(): void {
    this.#sweep.step();
  }
}
