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
import { FrameError } from "../wire/frame.ts";
import { answersBody, encodeAnswer } from "./request_frames.ts";
import type { SessionEvidence } from "./session_evidence.ts";
import { REMOTE_REQUESTS_MAX } from "../core/limits.ts";

/** What a process asks about its session before, in its HELLO. */
export interface PreviousSession {
  readonly session: number;
  /** The number up to which all answers have come, or are not waited for. */
  readonly confirmed: number;
  /** Numbers of the requests that were to change something, and have no answer; ascending. */
  readonly numbers: readonly number[];
}

/** What the WELCOME says about them. */
export interface SessionVerdicts {
  /** Whether it is known which were applied; if not, any may have been. */
  readonly isKnown: boolean;
  /** The body of a frame of answers: of those that were applied, by their numbers. */
  readonly answers: Uint8Array;
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
  /** When its connection has ended. */
  leftAtMs: number | undefined;
}

/** How long a process may take to come back and ask, in milliseconds. */
export const SESSION_KEPT_MS = 120_000;

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
  async judge(previous: PreviousSession): Promise<SessionVerdicts> {
    const { session, confirmed, numbers } = previous;
    const evidence = this.#evidence;
    this.#adopt(session);
    await this.#entries.get(session)?.session.close();
    const isKnown = evidence.isKnown(session);
    if (!isKnown) return { isKnown, answers: answersBody([]) };
    evidence.confirmAnswers(session, confirmed);
    const answers: Int32Array[] = [];
    for (const number of numbers) {
      const outcome = evidence.outcomeOf(session, number);
      if (outcome === undefined) continue;
      const { status, version, derivation: content = NOTHING } = outcome;
      const versionLow = version | 0;
      const versionHigh = Math.floor(version / 2 ** 32);
      const expiresAtMs = Infinity;
      answers.push(encodeAnswer({ number, status, versionLow, versionHigh, expiresAtMs, content }));
    }
    return { isKnown, answers: answersBody(answers) };
  }

  /** A session begins whose number was claimed; it may follow one that was judged. */
  enter(number: number, session: StoppableSession, before?: number): void {
    this.#entries.set(number, { session, before, leftAtMs: undefined });
  }

  /** A frame of a session has come, which confirms answers. */
  confirm(session: number, number: number): void {
    this.#adopt(session);
    this.#evidence.confirmAnswers(session, number);
  }

  /** The connection of a session has ended; it may still be asked about. */
  leave(session: number, nowMs: number): void {
    const entry = this.#entries.get(session);
    if (entry === undefined) return;
    entry.leftAtMs = nowMs;
    void entry.session.close();
  }

  /** Forgets sessions that have not been asked about for too long. */
  sweep(nowMs: number): void {
    for (const [session, { before, leftAtMs }] of this.#entries) {
      if (leftAtMs === undefined || nowMs - leftAtMs < SESSION_KEPT_MS) continue;
      if (before !== undefined) this.#end(before);
      this.#end(session);
    }
  }

  /** The other process has had the WELCOME of a session. */
  #adopt(session: number): void {
    const entry = this.#entries.get(session);
    if (entry?.before === undefined) return;
    this.#end(entry.before);
    entry.before = undefined;
  }

  #end(session: number): void {
    this.#entries.delete(session);
    this.#evidence.endSession(session);
  }
}

const NOTHING = new Uint8Array(0);

/**
 * Takes what another process asks about its session before.
 *
 * @throws {FrameError} when it is not what it must be
 */
export function readPrevious(value: unknown): PreviousSession | undefined {
  if (value === undefined) return undefined;
  const { session, confirmed, numbers } = Object(value) as Partial<PreviousSession>;
  const isRight = isWord(session) && isWord(confirmed) && Array.isArray(numbers) &&
    numbers.length <= REMOTE_REQUESTS_MAX && numbers.every(isWord);
  if (!isRight) throw new FrameError("a session before must be told by its numbers");
  return { session, confirmed, numbers };
}

/**
 * Takes what a host says about a session before.
 *
 * @throws {FrameError} when it is not what it must be
 */
export function readVerdicts(value: unknown): SessionVerdicts | undefined {
  if (value === undefined) return undefined;
  const { isKnown, answers } = Object(value) as Partial<SessionVerdicts>;
  if (typeof isKnown !== "boolean" || !(answers instanceof Uint8Array)) {
    throw new FrameError("verdicts must have answers");
  }
  return { isKnown, answers };
}

function isWord(value: unknown): value is number {
  return Number.isInteger(value) && (value as number) >= 0 && (value as number) < 2 ** 32;
}
