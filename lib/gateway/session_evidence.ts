/**
 * What is known of the requests of sessions: docs/protocols/processes.md, "How it is told".
 *
 * @module
 */

/** How a request has ended that was applied. */
export interface SessionOutcome {
  /** One of `Status`. */
  readonly status: number;
  readonly version: number;
  /** Of ADD and TOUCH: the derivation words with their results. */
  readonly derivation?: Uint8Array;
}

/** What is known of the requests of a pool's sessions, those of hosts before this one included. */
export interface SessionEvidence {
  /** A number that no session of the pool has or had. */
  claimSession(): number;
  /** The other process has the answers up to a number. */
  confirmAnswers(session: number, number: number): void;
  /** Nothing of a session is asked for any more; it is not known from now on. */
  endSession(session: number): void;
  /** Whether all is known of a session that was not confirmed: it was claimed, and has not ended. */
  isKnown(session: number): boolean;
  /** How a request was applied; undefined if it was not. */
  outcomeOf(session: number, number: number): SessionOutcome | undefined;
}

