/**
 * Operations of simulated processes: small enough to be told apart by their words alone.
 *
 * A put, an addition and a deletion of a process are told apart by their values, so a process has
 * at most one deletion and one read of a key in its script.
 *
 * @module
 */
import { RequestWriter } from "../../lib/client/request_writer.ts";
import {
  draftDerived,
  draftOfKey,
  draftPut,
  type RequestDraft,
} from "../../lib/client/request_draft.ts";
import type { Slot } from "../../lib/core/brands.ts";
import { KeyEncoder } from "../../lib/core/key_encoder.ts";
import { SLOT_SHIFT } from "../../lib/core/limits.ts";
import { RECORD_HASH, RECORD_META, valueWord } from "../../lib/log/record_layout.ts";
import { DerivationWords } from "../../lib/rings/derivation_words.ts";
import {
  Condition,
  conditionOf,
  Operation,
  operationOf,
  REQUEST_OPERATION,
  REQUEST_RECORD,
  REQUEST_VERSION_LOW,
} from "../../lib/rings/ring_layout.ts";

export const HASH_KEY = [0x1234567, -0x7654321] as const;

/** What a process may do. */
export type OperationKind = "put" | "absent" | "version" | "add" | "limited" | "delete" | "get";

/** An operation of a script. */
export interface ScriptedOperation {
  readonly kind: OperationKind;
  readonly key: string;
}

/** A request as a host sees it. */
export interface SeenRequest {
  readonly kind: OperationKind;
  readonly key: string;
  /** Of a put what is put, of an addition what is added. */
  readonly value: number;
  /** Of "version", which is expected. */
  readonly expected: number;
}

/** The version that a conditional put expects: that of the first change. */
const EXPECTED = 1;
/** An addition with bounds is refused if there are this many already. */
export const SUM_MAX = 1_000;

const keys = new KeyEncoder(...HASH_KEY);
const writer = new RequestWriter(0);
const namesByHash = new Map<number, string>();

/** The words of an operation's request; `value` is another one for each operation. */
export function requestOf({ kind, key }: ScriptedOperation, value: number): Int32Array {
  namesByHash.set(keys.encode(key), key);
  return writer.copy(draftOf(kind, value));
}

/** The slot of a request. */
export function slotOf(words: Int32Array): Slot {
  return (words[REQUEST_RECORD + RECORD_HASH]! >>> SLOT_SHIFT) as Slot;
}

/** The key with a hash. */
export function keyOfHash(hash: number): string {
  return namesByHash.get(hash)!;
}

function draftOf(kind: OperationKind, value: number): RequestDraft {
  const bytes = bytesOf(value);
  const put = (condition: number, version: number) =>
    draftPut(keys, { bytes, start: 0, end: bytes.length }, Infinity, condition, version, false);
  const add = (max: number) => {
    const asked = new DerivationWords();
    asked.askToAdd(1, value, -Infinity, max, -1, Infinity);
    return draftDerived(Operation.ADD, keys, asked, false);
  };
  switch (kind) {
    case "put":
      return put(Condition.NONE, 0);
    case "absent":
      return put(Condition.ABSENT, 0);
    case "version":
      return put(Condition.VERSION, EXPECTED);
    case "add":
      return add(Infinity);
    case "limited":
      return add(SUM_MAX);
    case "delete":
      return draftOfKey(Operation.DELETE, keys);
    case "get":
      return draftOfKey(Operation.GET, keys);
  }
}

/** What a request asks for. */
export function seen(words: Int32Array): SeenRequest {
  const word = words[REQUEST_OPERATION]!;
  const key = keyOfHash(words[REQUEST_RECORD + RECORD_HASH]!);
  const expected = words[REQUEST_VERSION_LOW]!;
  const operation = operationOf(word);
  if (operation === Operation.DELETE) return { kind: "delete", key, value: 0, expected };
  if (operation === Operation.GET) return { kind: "get", key, value: 0, expected };
  if (operation === Operation.ADD) {
    const asked = new DerivationWords();
    asked.read(words, REQUEST_RECORD);
    const kind = asked.allows(SUM_MAX + 1) ? "add" : "limited";
    return { kind, key, value: asked.sumAfter(0), expected };
  }
  const meta = words[REQUEST_RECORD + RECORD_META]!;
  const value = words[REQUEST_RECORD + valueWord(meta)]!;
  const condition = conditionOf(word);
  const kind = condition === Condition.NONE
    ? "put"
    : condition === Condition.ABSENT
    ? "absent"
    : "version";
  return { kind, key, value, expected };
}

/** A number as the bytes of a value. */
export function bytesOf(value: number): Uint8Array<ArrayBuffer> {
  return new Uint8Array(Int32Array.of(value).buffer);
}

/** What a request makes of what its key holds; undefined if it changes nothing. */
export function applied(
  { kind, value, expected }: SeenRequest,
  held: { readonly version: number; readonly value: number } | undefined,
): { readonly value: number | undefined } | undefined {
  switch (kind) {
    case "put":
      return { value };
    case "absent":
      return held === undefined ? { value } : undefined;
    case "version":
      return held?.version === expected ? { value } : undefined;
    case "add":
      return { value: (held?.value ?? 0) + value };
    case "limited": {
      const sum = (held?.value ?? 0) + value;
      return sum <= SUM_MAX ? { value: sum } : undefined;
    }
    case "delete":
      return held === undefined ? undefined : { value: undefined };
    case "get":
      return undefined;
  }
}
