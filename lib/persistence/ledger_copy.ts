/**
 * The ledger in a checkpoint, and how it is made again of that and of the frames behind it.
 *
 * ```text
 *   word 0   NEXT when the copy was begun: sessions from it on may have been given since
 *   word 2   FORGOTTEN
 *   word 3   FORM
 *   word 4   sessions
 *   word 5   entries
 *   words 1, 6 and 7   zero
 *   sessions   4 words each: number, CONFIRMED, since when it has no connection, zero; in format
 *              version 4 the first two
 *   entries    8 words each, as in pool/ledger_layout.ts
 * ```
 *
 * **Nothing is missing.** The copy is made when all changes before the checkpoint's cut have been
 * made, and their entries with them. An entry that it lacks was confirmed, or is of a record behind
 * the cut, whose frame is replayed. NEXT is loaded first: a session below it that has no place in
 * the copy was ended, and one from it on is known by its frames.
 *
 * **Sessions end, and others take their places, while it is made.** One that is not in its place
 * any more when its entries have been copied is left out, with them: it has ended, or was
 * forgotten, which is loaded last. And one that has come into its place is known by its frames.
 *
 * **Nothing is in it too early.** An entry is made when its frame has been written, and the image
 * is synced between the copy and the moment at which the checkpoint counts.
 *
 * **Since when a session has no connection** is said by the copy if it had none when that was made.
 * If it had one, it has lost it with its host, at the latest, and counts from the end of the
 * replay: not from before, as a pool may be restored ahead while the host of its sessions goes on.
 *
 * **What a replay finds of old records.** A cleaner moves records word for word, with the names of
 * sessions that have ended, and of numbers that were confirmed long ago. The first are those below
 * NEXT without a place; the second are not above CONFIRMED, or below a later number that has the
 * same entry, as no number of a session comes twice. A session is named only by records that were
 * made while it had a place.
 *
 * @module
 */
import type { PoolAddress } from "../core/brands.ts";
import { LEDGER_PLACES, REMOTE_REQUESTS_MAX } from "../core/limits.ts";
import {
  metaKind,
  RECORD_CLIENT,
  RECORD_META,
  RECORD_REPLACES,
  RECORD_REQUEST_POSITION,
  RecordKind,
  SESSION_MAX,
  sessionOf,
} from "../log/record_layout.ts";
import { type LedgerEntry, NO_PLACE, SessionLedger } from "../log/session_ledger.ts";
import {
  LEDGER_FORM,
  LEDGER_SIZES,
  type LedgerSizes,
  ledgerSizesOf,
} from "../pool/ledger_layout.ts";
import type { Pool } from "../pool/pool.ts";
import { CHECKPOINT_VERSION_SESSION_TIMES } from "./checkpoint_layout.ts";

const COPY_NEXT = 0;
const COPY_FORGOTTEN = 2;
const COPY_FORM = 3;
const COPY_SESSION_COUNT = 4;
const COPY_ENTRY_COUNT = 5;
const COPY_SESSIONS = 8;
const SESSION_WORDS = 4;
/** The same in checkpoints that do not say since when a session has no connection. */
const SESSION_WORDS_BEFORE = 2;
const ENTRY_WORDS = 8;
/** The largest of `NumberForm`. */
const FORM_MAX = 2;
/** Bits 32-46 of the largest version. */
const VERSION_HIGH_MAX = 0x7fff;

/** Bytes of the largest copy. */
export const LEDGER_COPY_BYTES_MAX: number =
  (COPY_SESSIONS + LEDGER_PLACES * (SESSION_WORDS + REMOTE_REQUESTS_MAX * ENTRY_WORDS)) * 4;

const NO_BYTES = new Uint8Array(0);

/** Copies the ledger of a pool for a checkpoint; no bytes if it has none. */
export function copyLedger(pool: Pool): Uint8Array {
  const ledger = SessionLedger.of(pool);
  if (ledger === undefined) return NO_BYTES;
  const { next } = ledger;
  const sessions: number[] = [];
  const entries: LedgerEntry[] = [];
  for (let place = 0; place < ledger.placeCount; place++) {
    const { session, confirmed, keptSinceSeconds } = ledger.sessionAt(place);
    if (session === 0) continue;
    const own: LedgerEntry[] = [];
    ledger.forEachEntry(place, (entry) => own.push(entry));
    // It has ended meanwhile. Who has its place now began after NEXT was loaded.
    if (ledger.sessionAt(place).session !== session) continue;
    sessions.push(session, confirmed, keptSinceSeconds, 0);
    entries.push(...own);
  }
  const words = new Int32Array(
    COPY_SESSIONS + sessions.length + entries.length * ENTRY_WORDS,
  );
  words[COPY_NEXT] = next;
  // Those from NEXT on are known by their frames.
  words[COPY_FORGOTTEN] = Math.min(ledger.forgotten, next - 1);
  words[COPY_FORM] = pool.ledger![LEDGER_FORM];
  words[COPY_SESSION_COUNT] = sessions.length / SESSION_WORDS;
  words[COPY_ENTRY_COUNT] = entries.length;
  words.set(sessions, COPY_SESSIONS);
  const values = new Float64Array(words.buffer);
  entries.forEach((entry, i) => {
    const at = COPY_SESSIONS + sessions.length + i * ENTRY_WORDS;
    words[at] = 1 | (Math.floor(entry.version / 2 ** 32) << 1);
    words[at + 1] = entry.session;
    words[at + 2] = entry.number;
    words[at + 3] = entry.version | 0;
    values[at / 2 + 2] = entry.stored;
    values[at / 2 + 3] = entry.expiresAtMs;
  });
  return new Uint8Array(words.buffer);
}

/**
 * Whether bytes can be a copy that {@linkcode copyLedger} has made.
 *
 * @param format version of the checkpoint that has it
 */
export function isPossibleCopy(copy: Uint8Array, format: number): boolean {
  const words = wordsOf(copy);
  const sessionWords = sessionWordsIn(format);
  const sessionCount = words[COPY_SESSION_COUNT];
  const entryCount = words[COPY_ENTRY_COUNT];
  const isWhole = words.length >= COPY_SESSIONS && sessionCount >= 0 && entryCount >= 0 &&
    sessionCount <= LEDGER_PLACES && entryCount <= LEDGER_PLACES * REMOTE_REQUESTS_MAX &&
    words.length === COPY_SESSIONS + sessionCount * sessionWords + entryCount * ENTRY_WORDS;
  if (!isWhole) return false;
  const next = words[COPY_NEXT];
  const isInOrder = next >= 1 && next <= SESSION_MAX &&
    words[COPY_FORGOTTEN] >= 0 && words[COPY_FORGOTTEN] < next &&
    words[COPY_FORM] >= 0 && words[COPY_FORM] <= FORM_MAX;
  return isInOrder && hasPossibleSessions(words, sessionCount, sessionWords, entryCount);
}

function sessionWordsIn(format: number): number {
  return format < CHECKPOINT_VERSION_SESSION_TIMES ? SESSION_WORDS_BEFORE : SESSION_WORDS;
}

function hasPossibleSessions(
  words: Int32Array,
  sessionCount: number,
  sessionWords: number,
  entryCount: number,
): boolean {
  const sessions = new Set<number>();
  for (let i = 0; i < sessionCount; i++) {
    const session = words[COPY_SESSIONS + i * sessionWords];
    if (session < 1 || session > SESSION_MAX) return false;
    sessions.add(session);
  }
  const first = COPY_SESSIONS + sessionCount * sessionWords;
  for (let i = 0; i < entryCount; i++) {
    const state = words[first + i * ENTRY_WORDS];
    const isPossible = (state & 1) === 1 && state >>> 1 <= VERSION_HIGH_MAX &&
      sessions.has(words[first + i * ENTRY_WORDS + 1]);
    if (!isPossible) return false;
  }
  return sessions.size === sessionCount;
}

/**
 * Gives a pool that is being restored the ledger of a checkpoint, whose copy is possible.
 *
 * @param format version of the checkpoint
 */
export function restoreLedger(
  pool: Pool,
  copy: Uint8Array,
  format: number,
  sizes: LedgerSizes = LEDGER_SIZES,
): void {
  const words = wordsOf(copy);
  const sessionWords = sessionWordsIn(format);
  pool.addLedger(words[COPY_FORM], sizes);
  const ledger = SessionLedger.of(pool)!;
  ledger.begin(words[COPY_NEXT], words[COPY_FORGOTTEN]);
  const places = new Map<number, number>();
  const sessionCount = words[COPY_SESSION_COUNT];
  for (let i = 0; i < sessionCount; i++) {
    const at = COPY_SESSIONS + i * sessionWords;
    const session = words[at];
    const keptSinceSeconds = sessionWords === SESSION_WORDS ? words[at + 2] >>> 0 : 0;
    ledger.take(i, { session, confirmed: words[at + 1] >>> 0, keptSinceSeconds });
    places.set(session, i);
  }
  const values = new Float64Array(words.buffer, words.byteOffset, words.length >>> 1);
  const first = COPY_SESSIONS + sessionCount * sessionWords;
  for (let i = 0; i < words[COPY_ENTRY_COUNT]; i++) {
    const at = first + i * ENTRY_WORDS;
    ledger.write(places.get(words[at + 1])!, {
      session: words[at + 1],
      number: words[at + 2] >>> 0,
      version: (words[at] >>> 1) * 2 ** 32 + (words[at + 3] >>> 0),
      stored: values[at / 2 + 2],
      expiresAtMs: values[at / 2 + 3],
    });
  }
}

/** Takes what replayed records say of sessions into the ledger of a pool that is being restored. */
export class ReplayedSessions {
  readonly #pool: Pool;
  readonly #ledger: SessionLedger;
  /** The largest session that a record names. */
  #largest = 0;

  /** For a pool whose ledger is that of its checkpoint; undefined if it has none. */
  static of(pool: Pool): ReplayedSessions | undefined {
    const ledger = SessionLedger.of(pool);
    return ledger && new ReplayedSessions(pool, ledger);
  }

  private constructor(pool: Pool, ledger: SessionLedger) {
    this.#pool = pool;
    this.#ledger = ledger;
  }

  /** Notes a record of a whole frame. */
  note(address: PoolAddress): void {
    const words = this.#pool.wordsOf(address);
    const at = this.#pool.wordAt(address);
    const session = sessionOf(words[at + RECORD_CLIENT]);
    if (session === 0) return;
    this.#largest = Math.max(this.#largest, session);
    const place = this.#placeOf(session);
    if (place === NO_PLACE) return;
    const number = words[at + RECORD_REQUEST_POSITION] >>> 0;
    if (number <= this.#ledger.sessionAt(place).confirmed) return;
    // Logged though there was nothing to delete (pool/when_full.ts): it has changed nothing.
    const isIdle = metaKind(words[at + RECORD_META]) === RecordKind.DELETE &&
      words[at + RECORD_REPLACES] === 0;
    if (!isIdle) this.#ledger.noteAt(place, address);
  }

  /**
   * Ends the replay, by who has the pool now: sessions of which no request was applied need no
   * place, the others have no connection, and the next session is larger than all that records
   * name.
   *
   * @param nowMs milliseconds since the epoch
   */
  finish(nowMs: number): void {
    const ledger = this.#ledger;
    for (let place = 0; place < ledger.placeCount; place++) {
      const { session, keptSinceSeconds } = ledger.sessionAt(place);
      if (session === 0) continue;
      let count = 0;
      ledger.forEachEntry(place, () => count += 1);
      const isKeptSince = keptSinceSeconds > 0 && keptSinceSeconds * 1000 <= nowMs;
      if (count === 0) ledger.end(session);
      // It has lost its host, or the clock was set back.
      else if (!isKeptSince) ledger.keep(session, nowMs);
    }
    ledger.begin(Math.max(ledger.next, this.#largest + 1), ledger.forgotten);
  }

  #placeOf(session: number): number {
    const ledger = this.#ledger;
    const known = ledger.placeOf(session);
    if (known !== NO_PLACE || session < ledger.next || session > SESSION_MAX) return known;
    let free = ledger.placeOf(0);
    if (free === NO_PLACE) free = this.#forgetSmallest();
    ledger.take(free, { session, confirmed: 0, keptSinceSeconds: 0 });
    return free;
  }

  /** More sessions than there are places: of the oldest one nothing is known from now on. */
  #forgetSmallest(): number {
    const ledger = this.#ledger;
    let smallest = 0;
    for (let place = 1; place < ledger.placeCount; place++) {
      if (ledger.sessionAt(place).session < ledger.sessionAt(smallest).session) smallest = place;
    }
    ledger.forget(smallest);
    return smallest;
  }
}

/** Gives a pool the ledger of another one, of which it is a copy. */
export function handOverLedger(from: Pool, to: Pool): void {
  if (from.ledger === undefined) return;
  to.addLedger(from.ledger[LEDGER_FORM], ledgerSizesOf(from.ledger));
  to.ledger!.set(from.ledger);
}

function wordsOf(copy: Uint8Array): Int32Array {
  return new Int32Array(copy.buffer, copy.byteOffset, copy.length >>> 2);
}
