/**
 * Layout of the ledger: what has become of the requests of other processes. Offsets in words of 4
 * bytes; docs/protocols/processes.md has what it is for. Only pools have one that were opened with
 * `processes`.
 *
 * ```text
 *   word 0     NEXT        the next session's number: stored by the gateway
 *              RESERVED    numbers from it on need a checkpoint first: by who writes that
 *              FORGOTTEN   of sessions up to it that have no place nothing is known: by the gateway
 *              FORM        how numbers are stored, one of NumberForm; constant, as the next ones
 *              PLACES      how many there are
 *              WINDOW      numbers of a session that may be without a confirmation, a power of two
 *   line 1     PLACES      8 words for each session: stored by the gateway, loaded by executors
 *              ENTRIES     of each place, WINDOW entries of 8 words: stored by executors, and by
 *                          the M-node in the place of one that has died
 * ```
 *
 * ```text
 *   place   word 0   its session, 0 if it is free
 *           word 1   CONFIRMED: the other process has the answers up to this number
 *           word 2   since when the session has no connection, in seconds since the epoch, as u32; 0
 *                    while it has one; loaded by who writes checkpoints
 *   entry   word 0   0 while it is written; otherwise 1, and the version's bits 32-46 from bit 1 on
 *           word 1   session
 *           word 2   number of the request, whose low bits say which of the entries it is
 *           word 3   version, bits 0-31
 *           words 4-5   the number that the request has stored, NaN if it is none, as float64
 *           words 6-7   when that expires, or Infinity, as float64
 * ```
 *
 * A number's entry takes the place of the number that is WINDOW less, which is confirmed by then:
 * the gateway issues no request before. So an entry is lost only when it is confirmed. Word 0 of
 * an entry is stored last, and is 0 meanwhile; who copies one looks at it before and afterwards.
 *
 * @module
 */
import { assert } from "../core/assert.ts";
import { LEDGER_PLACES, REMOTE_REQUESTS_MAX } from "../core/limits.ts";
import { LINE_WORDS } from "./lines.ts";

export const LEDGER_NEXT = 0;
export const LEDGER_RESERVED = 1;
export const LEDGER_FORGOTTEN = 2;
export const LEDGER_FORM = 3;
export const LEDGER_PLACE_COUNT = 4;
export const LEDGER_WINDOW = 5;

const PLACE_WORDS = 8;
export const PLACE_SESSION = 0;
export const PLACE_CONFIRMED = 1;
export const PLACE_KEPT_SINCE = 2;

export const ENTRY_WORDS = 8;
export const ENTRY_STATE = 0;
export const ENTRY_SESSION = 1;
export const ENTRY_NUMBER = 2;
export const ENTRY_VERSION_LOW = 3;
/** In numbers of 8 bytes. */
export const ENTRY_STORED_NUMBER = 2;
export const ENTRY_EXPIRES_NUMBER = 3;

/** How large a ledger is. */
export interface LedgerSizes {
  readonly placeCount: number;
  readonly window: number;
}

/** What the pools of applications have. */
export const LEDGER_SIZES: LedgerSizes = {
  placeCount: LEDGER_PLACES,
  window: REMOTE_REQUESTS_MAX,
};

/** Bytes of a ledger. */
export function ledgerBytes({ placeCount, window }: LedgerSizes): number {
  return (entriesStart(placeCount) + placeCount * window * ENTRY_WORDS) * 4;
}

/** The sizes of a ledger. */
export function ledgerSizesOf(ledger: Int32Array): LedgerSizes {
  return { placeCount: ledger[LEDGER_PLACE_COUNT], window: ledger[LEDGER_WINDOW] };
}

/** Index of a place. */
export function ledgerPlaceAt(place: number): number {
  return LINE_WORDS + place * PLACE_WORDS;
}

/** Index of the entry of a number in a place. */
export function ledgerEntryAt(ledger: Int32Array, place: number, number: number): number {
  const window = ledger[LEDGER_WINDOW];
  const entry = place * window + (number & (window - 1));
  return entriesStart(ledger[LEDGER_PLACE_COUNT]) + entry * ENTRY_WORDS;
}

function entriesStart(placeCount: number): number {
  return Math.ceil(ledgerPlaceAt(placeCount) / LINE_WORDS) * LINE_WORDS;
}

assert(Math.log2(REMOTE_REQUESTS_MAX) % 1 === 0, "the window of the ledger is a power of two");
