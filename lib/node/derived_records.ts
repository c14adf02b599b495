/**
 * Records that a KN makes from those that they replace: sums, and values with another expiry time.
 * So an increment is one request, like a put, however many clients add to the key at one time: the
 * KN reads, adds and writes under the slot's lock, and nothing is tried twice.
 *
 * How long such a record is, is known when the old one has been found, and that is when the slot is
 * locked. Space has been reserved before (request_pipeline.ts), for a guess:
 *
 * - Of a sum the guess is the most that it may take, and the rest is given back.
 * - Of a value the guess is too short unless it is small. A longer place is taken in the log as it
 *   is now. That does not clean, as a cleaner locks slots; so it may fail where cleaning would find
 *   room. Then the request waits for the end of the group, which unlocks the slot, and begins again
 *   with the length that was wanted as its guess. Each time that it begins again, another change of
 *   the key has made its value longer meanwhile: some operation goes on.
 *
 * A request may ask for an addition several times (client/joinable_additions.ts). The KN adds one
 * time after the other until the bounds refuse one: as that one changes nothing, they refuse those
 * behind it as well.
 *
 * The results are left in the request before its answer is prepared. What was asked for stays there
 * as it was: if this thread dies before that, the client sends the request again (I5).
 *
 * @module
 */
import { NO_ADDRESS, type PoolAddress } from "../core/brands.ts";
import { copyWords } from "../core/copy_words.ts";
import { PUT_SEGMENT_RESERVE } from "../core/limits.ts";
import { StoredNumbers } from "../codec/stored_numbers.ts";
import type { LogWriter } from "../log/log_writer.ts";
import {
  metaWithExpiry,
  RECORD_META,
  RECORD_VALUE_BYTES,
  recordWords,
  valueWord,
  writeExpiry,
} from "../log/record_layout.ts";
import type { FoundValue } from "../log/record_view.ts";
import type { Pool } from "../pool/pool.ts";
import { DerivationWords } from "../rings/derivation_words.ts";
import { Operation, Status } from "../rings/ring_layout.ts";
import type { Change } from "./change.ts";
import { Outcome } from "./commit_policy.ts";

/** Makes the records of one executor. */
export class DerivedRecords {
  /** Words of a record for which there was no room, to be reserved at once the next time. */
  wantedWords = 0;
  readonly #pool: Pool;
  readonly #log: LogWriter;
  readonly #asked = new DerivationWords();
  readonly #numbers = new StoredNumbers();

  /** Makes records in a log. */
  constructor(pool: Pool, log: LogWriter) {
    this.#pool = pool;
    this.#log = log;
  }

  /**
   * Completes the record of a change, and leaves the results in its request. The key's slot is
   * locked.
   *
   * @param old what the key holds; undefined if it does not exist
   * @returns a `Status`, or an `Outcome` to wait for
   */
  make(change: Change, old: FoundValue | undefined): number {
    this.#asked.read(change.source, change.from);
    return change.operation === Operation.ADD ? this.#add(change, old) : this.#touch(change, old);
  }

  #add(change: Change, old: FoundValue | undefined): number {
    const asked = this.#asked;
    const { form, times } = asked;
    const before = old === undefined
      ? 0
      : this.#numbers.read(form, old.words, old.valueAt, old.valueBytes);
    let number = before;
    let count = 0;
    for (let sum = asked.sumAfter(number); count < times && asked.allows(sum); count++) {
      number = sum;
      sum = asked.sumAfter(number);
    }
    const expiresAtMs = asked.expiryAfter(old?.expiresAtMs);
    asked.leave(change.source, change.from, before, expiresAtMs);
    if (count === 0) return asked.refusalAfter(before);
    const { record, to } = change;
    const valueAt = to + this.#writeHead(change, expiresAtMs);
    const valueBytes = this.#numbers.write(form, number, record, valueAt);
    this.#trim(change, valueBytes);
    return Status.OK;
  }

  #touch(change: Change, old: FoundValue | undefined): number {
    if (old === undefined) return Status.UNMET;
    const expiresAtMs = this.#asked.expiryAfter(old.expiresAtMs);
    const { valueBytes } = old;
    const meta = metaWithExpiry(change.source[change.from + RECORD_META], expiresAtMs !== Infinity);
    const words = recordWords(meta, valueBytes);
    if (words > change.length && !this.#lengthen(change, words)) return Outcome.WAITS;
    const { record, to } = change;
    const valueAt = to + this.#writeHead(change, expiresAtMs);
    // A value in private memory may end with its last whole word.
    if (valueBytes > 0) record[to + words - 1] = 0;
    copyWords(old.words, old.valueAt, record, valueAt, (valueBytes + 3) >>> 2);
    this.#trim(change, valueBytes);
    return Status.OK;
  }

  /** Writes what stands in front of the value; returns the words of that. */
  #writeHead({ record, to }: Change, expiresAtMs: number): number {
    const meta = metaWithExpiry(record[to + RECORD_META], expiresAtMs !== Infinity);
    record[to + RECORD_META] = meta;
    const length = valueWord(meta);
    if (expiresAtMs !== Infinity) writeExpiry(record, to + length - 2, expiresAtMs);
    return length;
  }

  /** Gives back what the record does not need of its place. */
  #trim(change: Change, valueBytes: number): void {
    const { record, to, address, length } = change;
    record[to + RECORD_VALUE_BYTES] = valueBytes;
    const words = recordWords(record[to + RECORD_META], valueBytes);
    const rest = ((address >>> 0) + (words >>> 1)) | 0;
    if (words < length) this.#log.cancel(rest as PoolAddress, length - words);
    change.length = words;
    this.wantedWords = 0;
  }

  /** Takes a longer place for a record; false if there is none without cleaning. */
  #lengthen(change: Change, words: number): boolean {
    const { source, from, record, to, length } = change;
    const headWords = valueWord(record[to + RECORD_META]);
    this.#log.cancel(change.address, length);
    change.address = NO_ADDRESS;
    const address = this.#log.reserve(words, PUT_SEGMENT_RESERVE);
    if (address === NO_ADDRESS) {
      this.wantedWords = words;
      return false;
    }
    change.place(this.#pool, address);
    copyWords(source, from, change.record, change.to, headWords);
    change.length = words;
    return true;
  }
}
