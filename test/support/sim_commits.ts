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
import { RECORD_HASH } from "../../lib/log/record_layout.ts";
import { commitRequest } from "../../lib/rings/commit_words.ts";
import { Condition, Operation, REQUEST_RECORD } from "../../lib/rings/ring_layout.ts";
import { HASH_KEY, type SimKey } from "./sim_keys.ts";
import { makeValue } from "./sim_values.ts";

/** What a commit is to do about a key: put a value of so many bytes, or, with 0 of them, delete it. */
export interface SimCommitChange {
  readonly key: SimKey;
  readonly bytes: number;
}

/** Issues a commit of values that carry a number. */
export function issueCommit(
  client: Client,
  number: number,
  changes: readonly SimCommitChange[],
  completion: Completion,
): void {
  const encoder = new KeyEncoder(...HASH_KEY);
  const entries = changes.map(({ key, bytes }) => {
    encoder.encode(key.text);
    if (bytes === 0) return client.copy(draftOfKey(Operation.DELETE, encoder));
    const value = { bytes: makeValue(key.number, number, bytes), start: 0, end: bytes };
    return client.copy(draftPut(encoder, value, Infinity, Condition.NONE, 0, false));
  });
  const hashOf = (entry: Int32Array) => entry[REQUEST_RECORD + RECORD_HASH]! >>> 0;
  entries.sort((one, other) => hashOf(one) - hashOf(other));
  const slots = new Set(entries.map((entry) => (hashOf(entry) >>> SLOT_SHIFT) as Slot));
  client.commit([...slots], commitRequest(entries, false), completion);
}
