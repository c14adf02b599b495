/**
 * Atomic commits in a simulation.
 *
 * @module
 */
import type { Client } from "../../lib/client/client.ts";
import type { Completion } from "../../lib/client/completions.ts";
import { draftOfKey, draftPut } from "../../lib/client/request_draft.ts";
import type { Slot } from "../../lib/core/brands.ts";
import { KeyEncoder } from "../../lib/core/key_encoder.ts";
import { SLOT_SHIFT } from "../../lib/core/limits.ts";
import { commitRequest, EntryBuffer } from "../../lib/rings/commit_words.ts";
import { Condition, Operation } from "../../lib/rings/ring_layout.ts";
import { HASH_KEY, type SimKey } from "./sim_keys.ts";
import { makeValue, VALUE_BYTES_MIN } from "./sim_values.ts";

/**
 * What a commit is to do about a key: put a value of so many bytes, or, with 0 of them, delete it.
 */
export interface SimCommitChange {
  readonly key: SimKey;
  readonly bytes: number;
}

/** Issues a commit of values that carry a number; returns the keys in the order of its entries. */
export function issueCommit(
  client: Client,
  number: number,
  changes: readonly SimCommitChange[],
  completion: Completion,
): SimKey[] {
  const encoder = new KeyEncoder(...HASH_KEY);
  const buffer = new EntryBuffer();
  const entries = changes.map(({ key, bytes }) => {
    encoder.encode(key.text);
    const value = {
      bytes: makeValue(key.number, number, Math.max(bytes, VALUE_BYTES_MIN)),
      start: 0,
      end: bytes,
    };
    const draft = bytes === 0
      ? draftOfKey(Operation.DELETE, encoder)
      : draftPut(encoder, value, Infinity, Condition.NONE, 0, false);
    return { key, hash: encoder.hash >>> 0, at: client.writeEntry(draft, buffer) };
  }).sort((one, other) => one.hash - other.hash);
  const slots = new Set(entries.map(({ hash }) => (hash >>> SLOT_SHIFT) as Slot));
  client.commit([...slots], commitRequest(buffer, entries, false), completion);
  return entries.map(({ key }) => key);
}
