/**
 * Calls of threads to nodes for pages of keys (node/key_pages.ts).
 *
 * An answer is JSON with tags, behind its length in a word, and the values behind it as they are:
 *
 *     byte 0             4
 *          +-------------+--------------- - - +-------+-------+ - - -
 *          | JSON, bytes | JSON: rows, ...    | value | value |
 *          +-------------+--------------- - - +-------+-------+ - - -
 *
 * @module
 */
import { decodeTagged, encodeTagged } from "../../codec/tagged_bytes.ts";
import { InvalidArgumentError } from "../../core/errors.ts";
import type { StoredKey } from "../../core/key_encoder.ts";
import { KEY_BYTES_MAX, PAGE_BYTES, SLOT_COUNT } from "../../core/limits.ts";
import { FrameError } from "../../wire/frame.ts";
import type { KeyPage, KeyPageRequest } from "../node/key_pages.ts";
import type { PageCall } from "./node_calls.ts";

const LENGTH_BYTES = 4;

/** A key that was found. */
export interface PageEntry {
  readonly key: StoredKey;
  /** Undefined if values are not asked for. */
  readonly value: Uint8Array | undefined;
  readonly version: number;
  readonly expiresAtMs: number;
}

/** What answers it. */
export interface PageAnswer extends Omit<KeyPage, "records"> {
  readonly entries: readonly PageEntry[];
}

/**
 * What a call asks for.
 *
 * @throws {InvalidArgumentError} when it asks for what there cannot be
 */
export function checkPageCall({ slots, after, prefix, withValues }: PageCall): KeyPageRequest {
  const isPossible = Array.isArray(slots) && slots.length <= SLOT_COUNT &&
    slots.every((slot) => Number.isInteger(slot) && slot >= 0 && slot < SLOT_COUNT) &&
    isKey(prefix) && (after === undefined || isKey(after)) && typeof withValues === "boolean";
  if (!isPossible) throw new InvalidArgumentError("a page must be one of slots");
  return { slots, after, prefix, bytesMax: PAGE_BYTES };
}

/** Makes the answer to a call. */
export function encodePageAnswer(page: KeyPage, withValues: boolean): Uint8Array {
  const { slotCount, after, isRefused } = page;
  const rows = page.records.map(({ key: { bytes, isBinary }, version, expiresAtMs, value }) => [
    bytes,
    isBinary,
    version,
    expiresAtMs,
    withValues ? value!.length : undefined,
  ]);
  const head = encodeTagged({ rows, slotCount, after, isRefused });
  const values = withValues ? page.records.map(({ value }) => value!) : [];
  const bytes = values.reduce((sum, { length }) => sum + length, LENGTH_BYTES + head.length);
  const answer = new Uint8Array(bytes);
  new DataView(answer.buffer).setUint32(0, head.length, true);
  answer.set(head, LENGTH_BYTES);
  let at = LENGTH_BYTES + head.length;
  for (const value of values) {
    answer.set(value, at);
    at += value.length;
  }
  return answer;
}

/**
 * Takes an answer.
 *
 * @throws {FrameError} when it is none
 */
export function decodePageAnswer(bytes: Uint8Array): PageAnswer {
  const headBytes = bytes.length < LENGTH_BYTES
    ? Infinity
    : new DataView(bytes.buffer, bytes.byteOffset).getUint32(0, true);
  const valuesAt = LENGTH_BYTES + headBytes;
  if (valuesAt > bytes.length) throw new FrameError("a page must be as long as it says");
  const head = decodeTagged(bytes.subarray(LENGTH_BYTES, valuesAt));
  const content = Object(head) as KeyPage & { readonly rows?: unknown };
  const { rows, slotCount, after, isRefused } = content;
  const isPossible = Array.isArray(rows) && Number.isInteger(slotCount) && slotCount >= 0 &&
    typeof isRefused === "boolean" && (after === undefined || isKey(after));
  if (!isPossible) throw new FrameError("a page must have its rows");
  let at = valuesAt;
  const entries = rows.map((row: unknown) => {
    const entry = entryOf(row, bytes, at);
    at += entry.value?.length ?? 0;
    return entry;
  });
  if (at !== bytes.length) throw new FrameError("a page must have no more than its values");
  return { entries, slotCount, after, isRefused };
}

/** What a row says, whose value begins somewhere. */
function entryOf(row: unknown, page: Uint8Array, at: number): PageEntry {
  const [bytes, isBinary, version, expiresAtMs, length] = Array.isArray(row) ? row : [];
  const isPossible = isKey(bytes) && typeof isBinary === "boolean" && Number.isInteger(version) &&
    typeof expiresAtMs === "number" &&
    (length === undefined || (Number.isInteger(length) && length >= 0 &&
      at + length <= page.length));
  if (!isPossible) throw new FrameError("a row of a page must be a key");
  const value = length === undefined ? undefined : page.subarray(at, at + length);
  return { key: { bytes, isBinary }, version, expiresAtMs, value };
}

function isKey(value: unknown): value is Uint8Array {
  return value instanceof Uint8Array && value.length <= KEY_BYTES_MAX;
}
