/**
 * Decides which messages stand in the way of purging: what is still needed of them is written
 * again.
 *
 * @module
 */
import type { StreamExtent } from "../engine/log_engine.ts";
import type { CleaningTargets } from "./slot_merge.ts";
import type { SlotIndex } from "./slot_index.ts";

/** When streams are cleaned. */
export interface CleaningRule {
  /** A stream may take so many times the bytes that are needed. */
  readonly ratio: number;
  /** And so many bytes beside that. */
  readonly slackBytes: number;
  /**
   * Of a stream that takes more, the messages in this part of it, from its beginning, are cleaned.
   */
  readonly share: number;
}

/** By default: half of a log may be garbage. */
export const CLEANING_DEFAULT: CleaningRule = {
  ratio: 2,
  slackBytes: 64 * 1024 * 1024,
  share: 0.25,
};

/** Cleans nothing. */
export const NO_CLEANING: CleaningTargets = { logFrom: () => 0, indexFrom: () => 0 };

/** Bytes of the records of slots. */
export function liveBytesOf(slots: Iterable<SlotIndex>): number {
  let sum = 0;
  for (const { pages } of slots) for (const { bytes } of pages) sum += bytes;
  return sum;
}

/** From where on messages of a stream may stay. */
export function keptFrom(
  { first, last, bytes }: StreamExtent,
  liveBytes: number,
  { ratio, slackBytes, share }: CleaningRule,
): number {
  if (bytes <= ratio * liveBytes + slackBytes) return 0;
  return first + Math.ceil((last - first + 1) * share);
}
