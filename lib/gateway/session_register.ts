/**
 * The sessions of a host, and what it says to a process whose connection has ended before, to this
 * host or to one before it: docs/protocols/processes.md, "Takeover".
 *
 * Why a verdict is right, and stays so. A session before is stopped first: what its connection may
 * still bring is not executed, and what was issued has ended when it is looked at. A session of
 * another host has ended with that host. So nothing of the session is applied any more; what was
 * applied is in the evidence, and all else can be sent again (I5).
 *
 * The evidence is kept until the other process has the verdicts. It shows that by a frame in the
 * session for which they were given, or by naming that session in its next question: it does
 * neither before it has them.
 *
 * @module
 */
import { UnavailableError } from "../core/errors.ts";
import type { Outcome } from "./session_evidence.ts";
import type { PreviousSession, SessionVerdicts, Verdict } from "./session_verdicts.ts";

/** What is known of sessions, those of hosts before this one included; see session_evidence.ts. */
export interface SessionEvidence {
  confirmAnswers(session: number, number: number): void;
  keepSession(session: number): void;
  endSession(session: number): void;
  /** @throws {UnavailableError} when it is not known */
  outcomeOf(session: number, number: number): Outcome | undefined;
}

/** What can be stopped of a session. */
export interface StoppableSession {
  /** Issues nothing from now on; resolves when what was issued has ended. */
  close(): Promise<void>;
}

/** A session of this host. */
interface Entry {
  readonly session: StoppableSession;
  /** The one whose evidence is kept until this one is used. */
  before: number | undefined;
}

/** Knows the sessions of a host. */
export class SessionRegister {
  readonly #evidence: SessionEvidence;
  readonly #entries = new Map<number, Entry>();

  /** Begins without sessions. */
  constructor(evidence: SessionEvidence) {
    this.#evidence = evidence;
  }

  /**
   * Stops a session before, and says what came of its requests. The connection that asks may have
   * ended when this resolves.
   */
  async judge({ session, confirmed, numbers }: PreviousSession): Promise<SessionVerdicts> {
    this.#adopt(session);
    await this.#entries.get(session)?.session.close();
    try {
      return { isKnown: true, verdicts: this.#verdicts(session, confirmed, numbers) };
    } catch (error) {
      if (!(error instanceof UnavailableError)) throw error;
      return { isKnown: false, verdicts: [] };
    }
  }

  /** A session begins; it may follow one that was judged. */
  enter(number: number, session: StoppableSession, before?: number): void {
    this.#entries.set(number, { session, before });
  }

  /** A frame of a session has come, which confirms answers. */
  confirm(session: number, number: number): void {
    this.#adopt(session);
    this.#evidence.confirmAnswers(session, number);
  }

  /** The connection of a session has ended; it may still be asked about. */
  async leave(session: number): Promise<void> {
    const entry = this.#entries.get(session);
    if (entry === undefined) return;
    await entry.session.close();
    if (this.#entries.delete(session)) this.#evidence.keepSession(session);
  }

  /** The other process has said that it asks nothing more about a session, nor about one before. */
  async end(session: number): Promise<void> {
    this.#adopt(session);
    await this.#entries.get(session)?.session.close();
    if (this.#entries.delete(session)) this.#evidence.endSession(session);
  }

  #verdicts(session: number, confirmed: number, numbers: readonly number[]): Verdict[] {
    const verdicts: Verdict[] = [];
    for (const number of numbers) {
      const outcome = this.#evidence.outcomeOf(session, number);
      if (outcome === undefined) continue;
      const { version, derivation: { number: stored, expiresAtMs } } = outcome;
      verdicts.push({ number, version, stored, expiresAtMs });
    }
    this.#evidence.confirmAnswers(session, confirmed);
    return verdicts;
  }

  /** The other process has had the WELCOME of a session. */
  #adopt(session: number): void {
    const entry = this.#entries.get(session);
    if (entry?.before === undefined) return;
    this.#entries.delete(entry.before);
    this.#evidence.endSession(entry.before);
    entry.before = undefined;
  }
}
