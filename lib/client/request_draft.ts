/**
 * What a request says, beside where it goes.
 *
 * @module
 */
import { draftWords, type RecordDraft, type ValueBytes } from "../log/record_writer.ts";
import type { Slot } from "../core/brands.ts";
import type { KeyEncoder } from "../core/key_encoder.ts";
import { SLOT_SHIFT } from "../core/limits.ts";
import {
  FLAG_BINARY_KEY,
  FLAG_EXPIRES,
  packMeta,
  RECORD_HASH,
  RECORD_META,
  RecordKind,
  recordWords,
} from "../log/record_layout.ts";
import { DERIVATION_BYTES, type DerivationWords } from "../rings/derivation_words.ts";
import {
  Condition,
  Operation,
  packOperation,
  REQUEST_ARGUMENT,
  REQUEST_LENGTH,
  REQUEST_OPERATION,
  REQUEST_RECORD,
} from "../rings/ring_layout.ts";

/** The value of a request without one. */
export const NO_VALUE: ValueBytes = { bytes: new Uint8Array(0), start: 0, end: 0 };

/** A request to be written, with its record. */
export interface RequestDraft extends RecordDraft {
  readonly key: KeyEncoder;
  /** Operation and condition, as in the request. */
  readonly operation: number;
  /** What the condition expects. */
  readonly expectedVersion: number;
}

/** Words of a whole request. */
export function requestLength(draft: RequestDraft): number {
  return REQUEST_RECORD + draftWords(draft);
}

/** A put: see `Client.put`. */
export function draftPut(
  key: KeyEncoder,
  value: ValueBytes,
  expiresAtMs: number,
  condition: number,
  expectedVersion: number,
  mustSync: boolean,
): RequestDraft {
  const flags = (key.isBinary ? FLAG_BINARY_KEY : 0) |
    (expiresAtMs !== Infinity ? FLAG_EXPIRES : 0);
  const meta = packMeta(key.byteLength, RecordKind.PUT, flags);
  const operation = packOperation(Operation.PUT, condition, mustSync);
  return { operation, meta, key, value, expiresAtMs, expectedVersion };
}

/**
 * A request whose record the KN makes from what the key holds.
 *
 * @param operationKind `Operation.ADD` or `Operation.TOUCH`
 */
export function draftDerived(
  operationKind: number,
  key: KeyEncoder,
  asked: DerivationWords,
  mustSync: boolean,
): RequestDraft {
  const meta = packMeta(key.byteLength, RecordKind.PUT, key.isBinary ? FLAG_BINARY_KEY : 0);
  const operation = packOperation(operationKind, Condition.NONE, mustSync);
  const value = { bytes: asked.bytes, start: 0, end: DERIVATION_BYTES };
  return { operation, meta, key, value, expiresAtMs: Infinity, expectedVersion: 0 };
}

/** A request that has a key and no value: a delete, or a read of a far pool. */
export function draftOfKey(
  operationKind: number,
  key: KeyEncoder,
  condition: number = Condition.NONE,
  expectedVersion = 0,
): RequestDraft {
  const meta = packMeta(key.byteLength, RecordKind.DELETE, key.isBinary ? FLAG_BINARY_KEY : 0);
  const operation = packOperation(operationKind, condition);
  const value = NO_VALUE;
  return { operation, meta, key, value, expiresAtMs: Infinity, expectedVersion };
}

/** The words of a request about a slot as a whole. */
export function slotRequest(operation: number, slot: Slot): Int32Array {
  const meta = packMeta(0, RecordKind.CLEAR, 0);
  const length = REQUEST_RECORD + recordWords(meta, 0);
  const words = new Int32Array(length);
  words[REQUEST_LENGTH] = length;
  words[REQUEST_OPERATION] = packOperation(operation, Condition.NONE);
  words[REQUEST_ARGUMENT] = slot;
  words[REQUEST_RECORD + RECORD_META] = meta;
  words[REQUEST_RECORD + RECORD_HASH] = slot << SLOT_SHIFT;
  return words;
}
