/**
 * How far the atomic commit of an agent is, in AGENT_COMMIT_STATE: see agent/shown_commit.ts.
 *
 * @module
 */

/** The states, in their order. */
export const CommitState = {
  /** There is none, or nothing points at its records. */
  NONE: 0,
  /** Pairs are being pointed at its records, which do not count. */
  PENDING: 1,
  /** It has been made. */
  DONE: 2,
} as const;
