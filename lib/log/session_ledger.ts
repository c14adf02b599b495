/**
 * The ledger of a pool: whether a request of another process was applied, and with what result.
 *
 * A request of a session whose change was made has a record, which names session and number. From
 * it the executor makes the entry: after the change was made, before it is answered, and before the
 * slot is unlocked. So the agents that complete what a dead executor has left behind find either no
 * entry, or no answer, and make the entry again (I5). Requests that leave no record have no entry:
 * they have changed nothing, and may be executed again.
 *
 * Numbers of sessions are given out by one thread, the gateway's, and each once in the life of the
 * pool: before any is given, a file says that it may have been (persistence/session_numbers.ts).
 *
 * A session's place is stored before NEXT says that its number was given. So who copies the ledger,
 * and loads NEXT first, has the places of all sessions below it that were not ended.
 *
 * **When a place is given up.** A session that has no connection keeps its place until that is
 * wanted and there is no free one, and for SESSION_KEPT_MS at least. Whenever it gives its place
 * up, nothing is applied twice by that (I5): FORGOTTEN says before that nothing is known of it, and
 * so says every checkpoint that lacks it. A process that comes back is told so, by an error, and
 * gets no verdict. So the clock decides for how long answers can be had, and nothing else. That
 * time begins when the gateway sees the connection end, or, if the host has ended before, when the
 * next one has restored the pool; checkpoints keep it, so it goes on however soon hosts follow each
 * other. If the clock was set back it begins anew, with the next host or when a place is wanted; if
 * it was set forward it is shorter.
 *
 * @module
 */
import { StoredNumbers } from "../codec/stored_numbers.ts";
import type { PoolAddress } from "../core/brands.ts";
import { UnavailableError } from "../core/errors.ts";
import { SESSION_KEPT_MS } from "../core/limits.ts";
import {
  ENTRY_EXPIRES_NUMBER,
  ENTRY_NUMBER,
  ENTRY_SESSION,
  ENTRY_STATE,
  ENTRY_STORED_NUMBER,
  ENTRY_VERSION_LOW,
  LEDGER_FORGOTTEN,
  LEDGER_FORM,
  LEDGER_NEXT,
  LEDGER_PLACE_COUNT,
  LEDGER_RESERVED,
  LEDGER_WINDOW,
  ledgerEntryAt,
  ledgerPlaceAt,
  PLACE_CONFIRMED,
  PLACE_KEPT_SINCE,
  PLACE_SESSION,
} from "../pool/ledger_layout.ts";
import type { Pool } from "../pool/pool.ts";
import {
  metaVersionHigh,
  RECORD_CLIENT,
  RECORD_META,
  RECORD_REQUEST_POSITION,
  RECORD_VALUE_BYTES,
  RECORD_VERSION_LOW,
  recordExpiry,
  SESSION_MAX,
  sessionOf,
  valueWord,
} from "./record_layout.ts";

/** What became of a request that was applied. */
export interface LedgerEntry {
  readonly session: number;
  /** The request's number in its session, as u32. */
  readonly number: number;
  /** Version that its key has by it. */
  readonly version: number;
  /** The number that it has stored; NaN if that is no number. */
  readonly stored: number;
  /** When what it has stored expires, in milliseconds since the epoch, or Infinity. */
  readonly expiresAtMs: number;
}

/** A session that the ledger has a place for. */
export interface LedgerSession {
  readonly session: number;
  /** The other process has the answers up to this number. */
  readonly confirmed: number;
  /** Since when it has no connection, in whole seconds since the epoch; 0 while it has one. */
  readonly keptSinceSeconds: number;
}

/** Returned by {@linkcode SessionLedger.placeOf} for a session without one. */
export const NO_PLACE = -1;

/** One thread's view of the ledger. */
export class SessionLedger {
  readonly #pool: Pool;
  readonly #words: Int32Array;
  readonly #values: Float64Array;
  readonly #numbers = new StoredNumbers();
  /** The place looked up last. */
  #place = 0;

  /** The ledger of a pool; undefined if it has none. */
  static of(pool: Pool): SessionLedger | undefined {
    return pool.ledger && new SessionLedger(pool, pool.ledger);
  }

  private constructor(pool: Pool, words: Int32Array) {
    this.#pool = pool;
    this.#words = words;
    this.#values = new Float64Array(words.buffer, words.byteOffset, words.length >>> 1);
  }

  /** The next session's number, as soon as it is reserved. */
  get next(): number {
    return Atomics.load(this.#words, LEDGER_NEXT);
  }

  /** The first number that is not reserved. */
  get reserved(): number {
    return Atomics.load(this.#words, LEDGER_RESERVED);
  }

  /** Numbers that are reserved, and have not been given. */
  get numbersLeft(): number {
    return this.reserved - this.next;
  }

  /** Of sessions up to this number that have no place nothing is known. */
  get forgotten(): number {
    return Atomics.load(this.#words, LEDGER_FORGOTTEN);
  }

  /** Numbers of a session that may be without a confirmation at one time. */
  get window(): number {
    return this.#words[LEDGER_WINDOW];
  }

  /** Places that there are. */
  get placeCount(): number {
    return this.#words[LEDGER_PLACE_COUNT];
  }

  /**
   * Gives a new session its number. One thread of the process does that.
   *
   * @param nowMs milliseconds since the epoch
   * @throws {UnavailableError} when no number is reserved, or there is no place
   */
  claim(nowMs: number): number {
    const session = this.next;
    if (session >= Math.min(this.reserved, SESSION_MAX)) {
      throw new UnavailableError(
        "a connection must have a number, and none is left: there have been very many",
      );
    }
    const place = this.#freePlace(nowMs);
    if (place === NO_PLACE) {
      throw new UnavailableError(
        `a store must have fewer than ${this.placeCount} connections of other processes, ` +
          "with those that have not come back",
      );
    }
    this.take(place, { session, confirmed: 0, keptSinceSeconds: 0 });
    Atomics.store(this.#words, LEDGER_NEXT, session + 1);
    return session;
  }

  /** Lets numbers up to one be given: the file says so. */
  reserve(end: number): void {
    Atomics.store(this.#words, LEDGER_RESERVED, end);
  }

  /** Says which number the next session has, with none reserved, and what is not known any more. */
  begin(next: number, forgotten: number): void {
    Atomics.store(this.#words, LEDGER_NEXT, next);
    Atomics.store(this.#words, LEDGER_RESERVED, next);
    Atomics.store(this.#words, LEDGER_FORGOTTEN, forgotten);
  }

  /** Gives a session a place. */
  take(place: number, { session, confirmed, keptSinceSeconds }: LedgerSession): void {
    const at = ledgerPlaceAt(place);
    Atomics.store(this.#words, at + PLACE_KEPT_SINCE, keptSinceSeconds);
    Atomics.store(this.#words, at + PLACE_CONFIRMED, confirmed);
    Atomics.store(this.#words, at + PLACE_SESSION, session);
  }

  /** The other process has the answers up to a number. */
  confirm(session: number, number: number): void {
    const place = this.placeOf(session);
    if (place === NO_PLACE) return;
    Atomics.store(this.#words, ledgerPlaceAt(place) + PLACE_CONFIRMED, number);
  }

  /** Notes since when a session has no connection: its place may be wanted. */
  keep(session: number, nowMs: number): void {
    const place = this.placeOf(session);
    if (place !== NO_PLACE) this.#keepAt(place, nowMs);
  }

  /** Gives a session's place back: nothing of it is asked for any more, or on its way. */
  end(session: number): void {
    const place = this.placeOf(session);
    if (place !== NO_PLACE) this.#clear(place);
  }

  /** Gives the place of a session back about which something may be asked all the same. */
  forget(place: number): void {
    const session = this.#words[ledgerPlaceAt(place) + PLACE_SESSION];
    Atomics.store(this.#words, LEDGER_FORGOTTEN, Math.max(this.forgotten, session));
    this.#clear(place);
  }

  /** The place of a session, or {@linkcode NO_PLACE}. */
  placeOf(session: number): number {
    const count = this.placeCount;
    for (let i = 0, place = this.#place; i < count; i++, place = (place + 1) % count) {
      if (Atomics.load(this.#words, ledgerPlaceAt(place) + PLACE_SESSION) !== session) continue;
      return this.#place = place;
    }
    return NO_PLACE;
  }

  /** The session of a place; its number is 0 if the place is free. */
  sessionAt(place: number): LedgerSession {
    const at = ledgerPlaceAt(place);
    return {
      session: Atomics.load(this.#words, at + PLACE_SESSION),
      confirmed: Atomics.load(this.#words, at + PLACE_CONFIRMED),
      keptSinceSeconds: Atomics.load(this.#words, at + PLACE_KEPT_SINCE) >>> 0,
    };
  }

  /** Notes that the change was made which a record says, if that is of a session. */
  note(address: PoolAddress): void {
    const words = this.#pool.wordsOf(address);
    const at = this.#pool.wordAt(address);
    const session = sessionOf(words[at + RECORD_CLIENT]);
    if (session === 0) return;
    const place = this.placeOf(session);
    if (place !== NO_PLACE) this.noteAt(place, address);
  }

  /**
   * The same for the thread that completes what an executor has left behind. That one may have
   * noted the change, and answered it; then the session may end at any moment, and its place be
   * another's. What has no entry has no answer, so its session keeps its place until this is done
   * (docs/protocols/processes.md, "Places that are given again").
   */
  noteAgain(address: PoolAddress): void {
    const words = this.#pool.wordsOf(address);
    const at = this.#pool.wordAt(address);
    const session = sessionOf(words[at + RECORD_CLIENT]);
    const place = session === 0 ? NO_PLACE : this.placeOf(session);
    if (place === NO_PLACE) return;
    const number = words[at + RECORD_REQUEST_POSITION] >>> 0;
    const entry = this.#read(place, session, number);
    if (entry !== undefined && entry.number >= number) return;
    // Looked at behind the entry, which may have been the next session's.
    if (this.sessionAt(place).session === session) this.noteAt(place, address);
  }

  /** The same for a record of the session that has a place. */
  noteAt(place: number, address: PoolAddress): void {
    const words = this.#pool.wordsOf(address);
    const at = this.#pool.wordAt(address);
    const meta = words[at + RECORD_META];
    const valueAt = at + valueWord(meta);
    const form = this.#words[LEDGER_FORM];
    const low = words[at + RECORD_VERSION_LOW] >>> 0;
    this.write(place, {
      session: sessionOf(words[at + RECORD_CLIENT]),
      number: words[at + RECORD_REQUEST_POSITION] >>> 0,
      version: metaVersionHigh(meta) * 2 ** 32 + low,
      stored: this.#numbers.read(form, words, valueAt, words[at + RECORD_VALUE_BYTES]),
      expiresAtMs: recordExpiry(words, at),
    });
  }

  /** Writes an entry, unless there is one of a later number in its place. */
  write(place: number, { session, number, version, stored, expiresAtMs }: LedgerEntry): void {
    const words = this.#words;
    const at = ledgerEntryAt(words, place, number);
    const isOfSession = words[at + ENTRY_SESSION] === session;
    if (isOfSession && words[at + ENTRY_NUMBER] >>> 0 > number) return;
    Atomics.store(words, at + ENTRY_STATE, 0);
    words[at + ENTRY_SESSION] = session;
    words[at + ENTRY_NUMBER] = number;
    words[at + ENTRY_VERSION_LOW] = version | 0;
    this.#values[at / 2 + ENTRY_STORED_NUMBER] = stored;
    this.#values[at / 2 + ENTRY_EXPIRES_NUMBER] = expiresAtMs;
    Atomics.store(words, at + ENTRY_STATE, 1 | (Math.floor(version / 2 ** 32) << 1));
  }

  /** The entry of a number of the session that has a place; undefined if there is none. */
  read(place: number, session: number, number: number): LedgerEntry | undefined {
    const entry = this.#read(place, session, number);
    return entry?.number === number ? entry : undefined;
  }

  /** Visits the entries of a place's session that are not confirmed. */
  forEachEntry(place: number, visit: (entry: LedgerEntry) => void): void {
    const { session, confirmed } = this.sessionAt(place);
    // A confirmation that a checkpoint had may be older than a window.
    for (let i = 0; i < this.window; i++) {
      const entry = this.#read(place, session, i);
      if (entry !== undefined && entry.number > confirmed) visit(entry);
    }
  }

  /** What of a session stands where a number has its entry. */
  #read(place: number, session: number, number: number): LedgerEntry | undefined {
    const words = this.#words;
    const at = ledgerEntryAt(words, place, number);
    const state = Atomics.load(words, at + ENTRY_STATE);
    const entry = {
      session: Atomics.load(words, at + ENTRY_SESSION),
      number: Atomics.load(words, at + ENTRY_NUMBER) >>> 0,
      version: (state >>> 1) * 2 ** 32 + (words[at + ENTRY_VERSION_LOW] >>> 0),
      stored: this.#values[at / 2 + ENTRY_STORED_NUMBER],
      expiresAtMs: this.#values[at / 2 + ENTRY_EXPIRES_NUMBER],
    };
    const isWhole = state !== 0 && state === Atomics.load(words, at + ENTRY_STATE);
    // Another entry may have been written meanwhile, with the same state.
    const isSame = words[at + ENTRY_NUMBER] >>> 0 === entry.number &&
      words[at + ENTRY_SESSION] === entry.session;
    return isWhole && isSame && entry.session === session ? entry : undefined;
  }

  /**
   * A free place; that of the session which is without a connection for longest, if that is long.
   */
  #freePlace(nowMs: number): number {
    let oldest = NO_PLACE;
    let oldestMs = nowMs - SESSION_KEPT_MS;
    for (let place = 0; place < this.placeCount; place++) {
      const { session, keptSinceSeconds } = this.sessionAt(place);
      if (session === 0) return place;
      const sinceMs = keptSinceSeconds * 1000;
      // The clock was set back: that must not keep the place for as long.
      if (sinceMs > nowMs) this.#keepAt(place, nowMs);
      if (sinceMs === 0 || sinceMs > oldestMs) continue;
      oldest = place;
      oldestMs = sinceMs;
    }
    if (oldest !== NO_PLACE) this.forget(oldest);
    return oldest;
  }

  /** In whole seconds, and none too early. */
  #keepAt(place: number, nowMs: number): void {
    Atomics.store(this.#words, ledgerPlaceAt(place) + PLACE_KEPT_SINCE, Math.ceil(nowMs / 1000));
  }

  #clear(place: number): void {
    Atomics.store(this.#words, ledgerPlaceAt(place) + PLACE_SESSION, 0);
  }
}
