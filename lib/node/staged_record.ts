/**
 * The place of a record that is staged: reserved in the pool, pinned and counted as live, for a
 * value that its client writes or takes.
 *
 * @module
 */
import type { PoolAddress } from "../core/brands.ts";
import {
  metaWithKind,
  RECORD_META,
  RECORD_VALUE_BYTES,
  RecordKind,
  recordWords,
} from "../log/record_layout.ts";
import type { Pool } from "../pool/pool.ts";
import type { SegmentTable } from "../pool/segment_table.ts";

/** Gives the place of a staged value back; in a step. */
export function giveBackStaged(pool: Pool, segments: SegmentTable, address: PoolAddress): void {
  const words = pool.wordsOf(address);
  const at = pool.wordAt(address);
  const meta = words[at + RECORD_META];
  // A repair that counts reservations anew does not count this one.
  words[at + RECORD_META] = metaWithKind(meta, RecordKind.PUT);
  segments.subtractLive(address, recordWords(meta, words[at + RECORD_VALUE_BYTES]) * 4);
  segments.unpin(address);
}
