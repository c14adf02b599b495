/**
 * What a segment's state word can say (segment_table.ts).
 *
 * @module
 */

/** States of a segment. */
export const SegmentState = {
  FREE: 0,
  OPEN: 1,
  SEALED: 2,
  CLEANING: 3,
  FREE_PENDING: 4,
} as const;

/** Whether segments that lose their last live byte become free: values of GATE_DEFER_FREE. */
export const DeferFree = {
  NO: 0,
  /** A snapshot still needs their contents: they stay FREE_PENDING. */
  YES: 1,
  /** They become free again, but those deferred until now have not all been released yet. */
  RELEASING: 2,
} as const;
