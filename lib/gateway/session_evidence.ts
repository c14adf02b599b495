/**
 * The evidence with which a host answers: was this request of another process applied, and with
 * what result? What it is made of, and why it is right: docs/protocols/processes.md.
 *
 * A session is the name under which one connection's requests are known, for as long as the process
 * at its other end may ask about them: also after the connection, and after the host.
 *
 * The thread that has the connections, and only that one, calls these functions.
 *
 * @module
 */
import { assert } from "../core/assert.ts";
import { UnavailableError } from "../core/errors.ts";
import { RECORD_META, valueWord } from "../log/record_layout.ts";
import { type LedgerEntry, NO_PLACE, SessionLedger } from "../log/session_ledger.ts";
import { epochMs } from "../platform/runtime.ts";
import { durabilityError, durabilityWord } from "../pool/durability.ts";
import type { Pool } from "../pool/pool.ts";
import { DERIVATION_BYTES, DerivationWords } from "../rings/derivation_words.ts";
import {
  Operation,
  operationOf,
  REQUEST_OPERATION,
  REQUEST_RECORD,
  Status,
} from "../rings/ring_layout.ts";

/** What became of a request that was applied. */
export interface Outcome {
  /** `Status.OK`: requests that have ended otherwise have changed nothing, and have no outcome. */
  readonly status: number;
  /** Version that its key has by it. */
  readonly version: number;
  /** What an addition, or another expiry time, has come to. */
  readonly derivation: Derivation;
}

/** What a record says that a KN has made. */
export interface Derivation {
  /** The number that is stored: the sum; NaN if what was stored is no number. */
  readonly number: number;
  /** In milliseconds since the epoch, or Infinity. */
  readonly expiresAtMs: number;
}

/**
 * Gives a new connection the number of its session, which no other one has or had.
 *
 * @param nowMs milliseconds since the epoch
 * @throws {UnavailableError} when no number is reserved, or too many sessions are known: after some
 *   time there is one
 * @throws {DurabilityError} when durability is lost: nothing would be known of a session
 */
export function claimSession(pool: Pool, nowMs: number = epochMs()): number {
  const word = durabilityWord(pool);
  if (word !== 0) throw durabilityError("durability is lost", word);
  return ledgerOf(pool).claim(nowMs);
}

/** The other process has the answers to all requests of a session up to a number. */
export function confirmAnswers(pool: Pool, session: number, number: number): void {
  ledgerOf(pool).confirm(session, number);
}

/**
 * The connection of a session has ended, and so has all that was issued for it; it may be asked
 * for.
 */
export function keepSession(pool: Pool, session: number, nowMs: number = epochMs()): void {
  ledgerOf(pool).keep(session, nowMs);
}

/**
 * The thread that had the connections of this host has ended, if one had, and another one begins.
 * What the first one has issued may still be on its way in its rings, and no verdict waits for that
 * (session_register.ts): so its sessions are not known any more.
 */
export function loseSessions(pool: Pool): void {
  const ledger = ledgerOf(pool);
  for (let place = 0; place < ledger.placeCount; place++) {
    const { session, keptSinceSeconds } = ledger.sessionAt(place);
    if (session !== 0 && keptSinceSeconds === 0) ledger.forget(place);
  }
}

/** Nothing of a session is asked for any more, and nothing of it is on its way. */
export function endSession(pool: Pool, session: number): void {
  ledgerOf(pool).end(session);
}

/**
 * What became of a request of a session that has no connection any more, and of which nothing is on
 * its way: one from before the pool was opened, or one whose connection has ended.
 *
 * @returns undefined if it was not applied, and never will be unless it is sent again
 * @throws {UnavailableError} when that is not known any more: it may or may not have been applied
 */
export function outcomeOf(pool: Pool, session: number, number: number): Outcome | undefined {
  const entry = entryOf(pool, session, number);
  if (entry === undefined) return undefined;
  const { version, stored, expiresAtMs } = entry;
  return { status: Status.OK, version, derivation: { number: stored, expiresAtMs } };
}

/**
 * What is answered to a request with the outcome that it had, in the place of what its KN would
 * have left there: for an addition the number before it, which with the addend makes the sum.
 *
 * @param request as it was sent
 */
export function contentOf(request: Int32Array, { derivation }: Outcome): Uint8Array {
  const operation = operationOf(request[REQUEST_OPERATION]!);
  if (operation !== Operation.ADD && operation !== Operation.TOUCH) return new Uint8Array(0);
  const answered = request.slice();
  if (operation === Operation.ADD) {
    const asked = new DerivationWords();
    asked.read(request, REQUEST_RECORD);
    const before = asked.numberBefore(derivation.number);
    asked.leave(answered, REQUEST_RECORD, before, derivation.expiresAtMs);
  }
  const at = REQUEST_RECORD + valueWord(request[REQUEST_RECORD + RECORD_META]!);
  return new Uint8Array(answered.buffer, at * 4, DERIVATION_BYTES);
}

function entryOf(pool: Pool, session: number, number: number): LedgerEntry | undefined {
  const ledger = ledgerOf(pool);
  const place = ledger.placeOf(session);
  if (place !== NO_PLACE) return ledger.read(place, session, number);
  if (session > ledger.forgotten && session < ledger.next) return undefined;
  throw new UnavailableError(
    "what became of the change is not known any more; it may or may not have been made",
  );
}

const ledgers = new WeakMap<Pool, SessionLedger>();

function ledgerOf(pool: Pool): SessionLedger {
  const ledger = ledgers.get(pool) ?? SessionLedger.of(pool);
  assert(ledger !== undefined, "a pool that other processes use has a ledger");
  ledgers.set(pool, ledger);
  return ledger;
}
