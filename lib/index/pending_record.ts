/**
 * What a key holds whose pair points at a record of an atomic commit: that is said by one word for
 * all keys of the commit (agent/shown_commit.ts).
 *
 * @module
 */
import type { PoolAddress } from "../core/brands.ts";
import { isPending, metaKind, RECORD_META, RecordKind } from "../log/record_layout.ts";
import { CommitState } from "../pool/commit_state.ts";
import { AGENT_COMMIT_STATE } from "../pool/control_layout.ts";
import { SEGMENT_AGENT } from "../pool/segment_layout.ts";
import type { Pool } from "../pool/pool.ts";

/** What a key holds whose pair points at a record of an atomic commit. */
export const Holds = {
  /** What the record has replaced, or nothing if it has replaced nothing. */
  OLD: 0,
  /** The record. */
  NEW: 1,
  /** The commit has deleted the key. */
  NOTHING: 2,
  /** The commit has been made, and the record looks like any other. */
  SETTLED: 3,
} as const;
/** One of {@linkcode Holds}. */
export type Holds = typeof Holds[keyof typeof Holds];

/** What a key holds whose pair points at a record that is not, or was not, a put. */
export function holdsOf(pool: Pool, address: PoolAddress): Holds {
  const { control } = pool;
  const agent = control[pool.segmentAt(pool.segmentOf(address)) + SEGMENT_AGENT];
  const state = Atomics.load(control, pool.agentAt(agent) + AGENT_COMMIT_STATE);
  // Afterwards: as long as the record is pending, the state is that of its commit.
  const words = pool.wordsOf(address);
  const meta = Atomics.load(words, pool.wordAt(address) + RECORD_META);
  if (!isPending(meta)) return Holds.SETTLED;
  if (state !== CommitState.DONE) return Holds.OLD;
  return metaKind(meta) === RecordKind.PENDING_PUT ? Holds.NEW : Holds.NOTHING;
}
