/**
 * What hosts of a simulated pool leave to the next one: a checkpoint, and the log behind it.
 *
 * A request is applied by one frame, which survives the host. A checkpoint has the state at its
 * cut, and a copy of the ledger that was taken after it; the log before the cut is gone when it is
 * complete.
 *
 * @module
 */
import { UnavailableError } from "../../lib/core/errors.ts";
import type { Outcome } from "../../lib/gateway/session_evidence.ts";
import type { SessionEvidence } from "../../lib/gateway/session_register.ts";
import { Status } from "../../lib/rings/ring_layout.ts";

/** One change of a key. */
export interface Change {
  /** Name of the operation. */
  readonly name: string;
  readonly session: number;
  readonly number: number;
  readonly key: string;
  readonly version: number;
  /** What the key holds by it; undefined if it was deleted. */
  readonly value: number | undefined;
}

/** The entries of a ledger, by session and number. */
export type Ledger = Map<number, Map<number, Outcome>>;

interface Checkpoint {
  readonly changes: readonly Change[];
  readonly ledger: Ledger;
  readonly ended: ReadonlySet<number>;
}

/** Sessions of one life of a host. */
const SESSIONS_MAX = 1000;

/** The files of a pool. */
export class TakeoverDisk {
  /** Hosts that have opened the pool; written before one of them gives a session. */
  lives = 0;
  checkpoint: Checkpoint = { changes: [], ledger: new Map(), ended: new Set() };
  log: readonly Change[] = [];

  /** All changes in their order. */
  get changes(): readonly Change[] {
    return [...this.checkpoint.changes, ...this.log];
  }

  /** The changes of a key. */
  changesOf(key: string): Change[] {
    return this.changes.filter((change) => change.key === key);
  }

  /** What a new host finds. */
  recover(): TakeoverEvidence {
    this.lives += 1;
    const evidence = new TakeoverEvidence(this.lives * SESSIONS_MAX);
    const { ledger, ended } = this.checkpoint;
    for (const session of ended) evidence.ended.add(session);
    for (const [session, outcomes] of ledger) evidence.ledger.set(session, new Map(outcomes));
    for (const change of this.log) evidence.note(change);
    return evidence;
  }
}

/** The ledger of a host in its life. */
export class TakeoverEvidence implements SessionEvidence {
  readonly ledger: Ledger = new Map();
  readonly ended = new Set<number>();
  readonly #confirmed = new Map<number, number>();
  #newest: number;

  constructor(newest: number) {
    this.#newest = newest;
  }

  /** A change was made. */
  note({ session, number, version, value = NaN }: Change): void {
    let outcomes = this.ledger.get(session);
    if (outcomes === undefined) this.ledger.set(session, outcomes = new Map());
    const derivation = { number: value, expiresAtMs: Infinity };
    outcomes.set(number, { status: Status.OK, version, derivation });
  }

  claimSession(): number {
    return ++this.#newest;
  }

  confirmAnswers(session: number, number: number): void {
    const from = this.#confirmed.get(session) ?? 0;
    this.#confirmed.set(session, number);
    for (let of = from + 1; of <= number; of++) this.ledger.get(session)?.delete(of);
  }

  endSession(session: number): void {
    this.ledger.delete(session);
    this.ended.add(session);
  }

  keepSession(): void {}

  outcomeOf(session: number, number: number): Outcome | undefined {
    if (this.ended.has(session)) throw new UnavailableError("it is not known");
    return this.ledger.get(session)?.get(number);
  }
}

/** A copy of a ledger. */
export function copyLedger(ledger: Ledger): Ledger {
  return new Map([...ledger].map(([session, outcomes]) => [session, new Map(outcomes)]));
}
