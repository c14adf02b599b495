/**
 * Calls of threads to nodes for pages of keys (node/key_pages.ts).
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
    withValues ? value : undefined,
  ]);
  return encodeTagged({ rows, slotCount, after, isRefused });
}

/**
 * Takes an answer.
 *
 * @throws {FrameError} when it is none
 */
export function decodePageAnswer(bytes: Uint8Array): PageAnswer {
  const content = Object(decodeTagged(bytes)) as KeyPage & { readonly rows?: unknown };
  const { rows, slotCount, after, isRefused } = content;
  const isPossible = Array.isArray(rows) && Number.isInteger(slotCount) && slotCount >= 0 &&
    typeof isRefused === "boolean" && (after === undefined || isKey(after));
  if (!isPossible) throw new FrameError("a page must have its rows");
  return { entries: rows.map(entryOf), slotCount, after, isRefused };
}

function entryOf(row: unknown): PageEntry {
  const [bytes, isBinary, version, expiresAtMs, value] = Array.isArray(row) ? row : [];
  const isPossible = isKey(bytes) && typeof isBinary === "boolean" && Number.isInteger(version) &&
    typeof expiresAtMs === "number" && (value === undefined || value instanceof Uint8Array);
  if (!isPossible) throw new FrameError("a row of a page must be a key");
  return { key: { bytes, isBinary }, version, expiresAtMs, value };
}

function isKey(value: unknown): value is Uint8Array {
  return value instanceof Uint8Array && value.length <= KEY_BYTES_MAX;
}
