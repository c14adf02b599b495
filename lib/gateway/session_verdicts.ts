/**
 * What a process asks about its session before, in its HELLO, and what the WELCOME answers.
 *
 * @module
 */
import { REMOTE_REQUESTS_MAX, VERSION_MAX } from "../core/limits.ts";
import { FrameError } from "../wire/frame.ts";

/** What a process asks about its session before. */
export interface PreviousSession {
  readonly session: number;
  /** The number up to which all answers have come, or are not waited for. */
  readonly confirmed: number;
  /** Numbers of the requests that were to change something, and have no answer; ascending. */
  readonly numbers: readonly number[];
}

/** What is said of it. */
export interface SessionVerdicts {
  /** Whether it is known which were applied; if not, any may have been. */
  readonly isKnown: boolean;
  /** Of those that were applied. */
  readonly verdicts: readonly Verdict[];
}

/** What became of a request. */
export interface Verdict {
  readonly number: number;
  /** Version that its key has by it. */
  readonly version: number;
  /** Of an addition the sum; NaN for what is no number. */
  readonly stored: number;
  /** When what is stored expires, in milliseconds since the epoch, or Infinity. */
  readonly expiresAtMs: number;
}

/** The same as data of JSON with tags: short, as there may be thousands. */
export function encodeVerdicts({ isKnown, verdicts }: SessionVerdicts): unknown {
  const rows = verdicts.map(({ number, version, stored, expiresAtMs }) => {
    if (expiresAtMs !== Infinity) return [number, version, stored, expiresAtMs];
    return Number.isNaN(stored) ? [number, version] : [number, version, stored];
  });
  return { isKnown, rows };
}

/**
 * Takes what another process asks.
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
  const { isKnown, rows } = Object(value) as { isKnown?: unknown; rows?: unknown };
  if (typeof isKnown !== "boolean" || !Array.isArray(rows) || rows.length > REMOTE_REQUESTS_MAX) {
    throw new FrameError("verdicts must have rows");
  }
  return { isKnown, verdicts: rows.map(readRow) };
}

function readRow(row: unknown): Verdict {
  const [number, version, stored = NaN, expiresAtMs = Infinity] = Array.isArray(row) ? row : [];
  const isRight = isWord(number) && Number.isInteger(version) && version >= 0 &&
    version <= VERSION_MAX && typeof stored === "number" && typeof expiresAtMs === "number" &&
    expiresAtMs >= 0;
  if (!isRight) throw new FrameError("a verdict must be numbers");
  return { number, version, stored, expiresAtMs };
}

function isWord(value: unknown): value is number {
  return Number.isInteger(value) && (value as number) >= 0 && (value as number) < 2 ** 32;
}
