/**
 * The change that a request asks for, as the request pipeline hands it on: one object for each
 * executor, filled anew for each request.
 *
 * @module
 */
import { NO_ADDRESS, type OwnerWord, type PoolAddress, type Slot } from "../core/brands.ts";
import { SLOT_SHIFT } from "../core/limits.ts";
import {
  metaKeyBytes,
  RECORD_CLIENT,
  RECORD_HASH,
  RECORD_KEY,
  RECORD_META,
  RECORD_REQUEST_POSITION,
  RECORD_VALUE_BYTES,
  recordWords,
} from "../log/record_layout.ts";
import type { KeyWords } from "../log/record_key.ts";
import type { Pool } from "../pool/pool.ts";
import {
  Condition,
  conditionOf,
  mustSyncOf,
  Operation,
  operationOf,
  REQUEST_ARGUMENT,
  REQUEST_OPERATION,
  REQUEST_OWNER_WORD,
  REQUEST_RECORD,
  REQUEST_VERSION_HIGH,
  REQUEST_VERSION_LOW,
} from "../rings/ring_layout.ts";

/**
 * A change of one key, or, for CLEAR_SLOT, of all keys of a slot. As {@linkcode KeyWords} it is the
 * key.
 */
export class Change implements KeyWords {
  /** One of `Operation`, and of `Condition`. */
  operation = 0;
  condition = 0;
  /** For `Condition.VERSION`. */
  expectedVersion = 0;
  /** Whether it is to be on the disk before it is acknowledged. */
  mustSync = false;
  /** What the request was routed by: the slot's owner word, or the word of the key's cell. */
  routedBy = 0 as OwnerWord;
  slot = 0 as Slot;
  /** Index of the slot's control words. */
  slotAt = 0;
  /** The record as the client has sent or staged it. */
  source: Int32Array = new Int32Array(0);
  from = 0;
  /** Words of the record. */
  length = 0;
  hash = 0;
  words: Int32Array = this.source;
  start = 0;
  byteLength = 0;
  /** Where the client has staged the record; `NO_ADDRESS` if it came with the request. */
  staged: PoolAddress = NO_ADDRESS;
  /** The record in the log: nothing points at it before the change is committed. */
  address: PoolAddress = NO_ADDRESS;
  record: Int32Array = this.source;
  to = 0;
  /** The record that the change replaces, once it is admitted. */
  old: PoolAddress = NO_ADDRESS;

  /** Whether the change is a put. */
  get isPut(): boolean {
    const { operation } = this;
    return operation === Operation.PUT || operation === Operation.COMMIT || this.isDerived;
  }

  /** Whether the KN makes the record from the one that it replaces (derived_records.ts). */
  get isDerived(): boolean {
    return this.operation === Operation.ADD || this.operation === Operation.TOUCH;
  }

  /** Takes over what the request at an index of a ring says. */
  read(pool: Pool, ring: Int32Array, at: number): void {
    const word = ring[at + REQUEST_OPERATION];
    this.operation = operationOf(word);
    this.condition = conditionOf(word);
    if (this.condition === Condition.VERSION) {
      this.expectedVersion = (ring[at + REQUEST_VERSION_LOW] >>> 0) +
        ring[at + REQUEST_VERSION_HIGH] * 2 ** 32;
    }
    this.mustSync = mustSyncOf(word);
    this.routedBy = ring[at + REQUEST_OWNER_WORD] as OwnerWord;
    const from = at + REQUEST_RECORD;
    this.source = ring;
    this.from = from;
    this.staged = this.address = this.old = NO_ADDRESS;
    if (this.operation === Operation.COMMIT) {
      this.staged = ring[at + REQUEST_ARGUMENT] as PoolAddress;
      this.source = pool.wordsOf(this.staged);
      this.from = pool.wordAt(this.staged);
    }
    // Of a staged record, too, the request says what it is: if the slot has moved, the place may be
    // another record's by now.
    const meta = ring[from + RECORD_META];
    this.hash = this.operation === Operation.CLEAR_SLOT
      ? ring[at + REQUEST_ARGUMENT] << SLOT_SHIFT
      : ring[from + RECORD_HASH];
    this.slot = (this.hash >>> SLOT_SHIFT) as Slot;
    this.slotAt = pool.slotAt(this.slot);
    this.words = ring;
    this.start = from + RECORD_KEY;
    this.byteLength = metaKeyBytes(meta);
    // Only puts have a value; of the others the word says nothing.
    this.length = recordWords(meta, this.isPut ? ring[from + RECORD_VALUE_BYTES] : 0);
  }

  /** Has the record name who asks for the change: where it was staged it names who has reserved. */
  takeName(): void {
    const from = this.start - RECORD_KEY;
    this.record[this.to + RECORD_CLIENT] = this.words[from + RECORD_CLIENT];
    this.record[this.to + RECORD_REQUEST_POSITION] = this.words[from + RECORD_REQUEST_POSITION];
  }

  /** Says where the record is in the log. */
  place(pool: Pool, address: PoolAddress): void {
    this.address = address;
    this.record = pool.wordsOf(address);
    this.to = pool.wordAt(address);
  }
}
