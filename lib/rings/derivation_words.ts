/**
 * What a request says whose record the KN makes from the one that it replaces (ADD, TOUCH), and
 * what the KN leaves there for the client. It stands where the value of a put would stand, in
 * numbers of 8 bytes, the first of them two words:
 *
 * ```text
 *   word 0     ADD: how numbers are stored, one of NumberForm
 *   word 1     ADD: how many times to add, one time after the other
 *   number 1   ADD: what to add
 *   number 2   ADD: the least that a sum may be
 *   number 3   ADD: the most that it may be
 *   number 4   when the key expires, if it exists; KEEP_EXPIRY: as before
 *   number 5   ADD: when the key expires, if it does not exist
 *   number 6   result of ADD: the number before it; 0 if there was none, NaN if it is no number
 *   number 7   result: when the key expires
 * ```
 *
 * The client makes the sums from the number before: it adds as the KN has added.
 *
 * Times are in milliseconds since the epoch, or Infinity.
 *
 * The KN writes the results before the answer is prepared, and leaves the rest as it is: a request
 * that was not answered is sent again as it was (I5). They are the client's when the answer is.
 *
 * @module
 */
import { EXPIRY_MS_MAX } from "../core/limits.ts";
import { RECORD_META, valueWord } from "../log/record_layout.ts";
import { Status } from "./ring_layout.ts";

const FORM_WORD = 0;
const TIMES_WORD = 1;
const ADDEND = 1;
const SUM_MIN = 2;
const SUM_MAX = 3;
const EXPIRES_AT = 4;
const NEW_EXPIRES_AT = 5;
const BEFORE = 6;
const EXPIRY = 7;

/** The largest of `NumberForm`. */
const FORM_MAX = 2;

/** Numbers in the request. */
export const DERIVATION_NUMBERS = 8;
/** Bytes that they take. */
export const DERIVATION_BYTES: number = DERIVATION_NUMBERS * 8;

/** Most additions in one request: they are made under the lock of the key's slot. */
export const TIMES_MAX = 1024;

/** In the place of a time: the expiry time stays. */
export const KEEP_EXPIRY = -1;

/** What is to be derived, and the result, outside the ring. */
export class DerivationWords {
  /** The numbers, and the same memory as bytes and words. */
  readonly numbers: Float64Array = new Float64Array(DERIVATION_NUMBERS);
  readonly bytes: Uint8Array = new Uint8Array(this.numbers.buffer);
  readonly #words: Int32Array = new Int32Array(this.numbers.buffer);

  /** How numbers are stored. */
  get form(): number {
    return this.#words[FORM_WORD];
  }

  /** How many times to add. */
  get times(): number {
    return this.#words[TIMES_WORD];
  }

  /** What one addition makes of a number; never -0, which has a form of its own. */
  sumAfter(number: number): number {
    return number + this.numbers[ADDEND] + 0;
  }

  /** Whether a sum is finite, and within the bounds. */
  allows(sum: number): boolean {
    const { numbers } = this;
    return Number.isFinite(sum) && sum >= numbers[SUM_MIN] && sum <= numbers[SUM_MAX];
  }

  /** How an addition to a number ends that makes no sum which is allowed. */
  refusalAfter(before: number): number {
    return Number.isFinite(this.sumAfter(before)) ? Status.UNMET : Status.NOT_A_NUMBER;
  }

  /** A number of which one addition makes a sum; one that was there may differ in its last bit. */
  numberBefore(sum: number): number {
    const near = sum - this.sumAfter(0);
    for (const number of [near, nextTo(near, 1), nextTo(near, -1)]) {
      if (this.sumAfter(number) === sum) return number;
    }
    return near;
  }

  /** Whether every finite sum is allowed. */
  get isUnbounded(): boolean {
    return this.numbers[SUM_MIN] === -Infinity && this.numbers[SUM_MAX] === Infinity;
  }

  /** When a key expires that has expired at `old` until now; undefined if it does not exist. */
  expiryAfter(old: number | undefined): number {
    if (old === undefined) return this.numbers[NEW_EXPIRES_AT];
    const given = this.numbers[EXPIRES_AT];
    return given === KEEP_EXPIRY ? old : given;
  }

  /** The number before an ADD, by the KN's answer. */
  get before(): number {
    return this.numbers[BEFORE];
  }

  /** When the key expires, by the KN's answer. */
  get expiresAtMs(): number {
    return this.numbers[EXPIRY];
  }

  /** Asks for an addition. */
  askToAdd(
    form: number,
    addend: number,
    min: number,
    max: number,
    expiresAtMs: number,
    newExpiresAtMs: number,
  ): void {
    const { numbers } = this;
    this.#words[FORM_WORD] = form;
    this.#words[TIMES_WORD] = 1;
    numbers[ADDEND] = addend;
    numbers[SUM_MIN] = min;
    numbers[SUM_MAX] = max;
    numbers[EXPIRES_AT] = expiresAtMs;
    numbers[NEW_EXPIRES_AT] = newExpiresAtMs;
  }

  /** Asks for another expiry time. */
  askToTouch(expiresAtMs: number): void {
    this.askToAdd(0, 0, 0, 0, expiresAtMs, Infinity);
  }

  /** Takes over what stands in a request whose record is at an index of a ring. */
  read(ring: Int32Array, recordAt: number): void {
    const from = placeOf(ring, recordAt);
    const words = this.#words;
    for (let i = 0; i < words.length; i++) words[i] = ring[from + i];
  }

  /** Leaves the results in the request. */
  leave(ring: Int32Array, recordAt: number, before: number, expiresAtMs: number): void {
    this.numbers[BEFORE] = before;
    this.numbers[EXPIRY] = expiresAtMs;
    const from = placeOf(ring, recordAt);
    for (let i = BEFORE * 2; i < this.#words.length; i++) ring[from + i] = this.#words[i];
  }

  /**
   * Has a request that asks for the same add once more; false if it asks for something else, or
   * has been asked `timesMax` times. No other thread has seen the request.
   */
  repeat(ring: Int32Array, recordAt: number, timesMax: number): boolean {
    const from = placeOf(ring, recordAt);
    const words = this.#words;
    for (let i = ADDEND * 2; i < BEFORE * 2; i++) if (ring[from + i] !== words[i]) return false;
    if (ring[from + FORM_WORD] !== words[FORM_WORD] || ring[from + TIMES_WORD] >= timesMax) {
      return false;
    }
    ring[from + TIMES_WORD] += 1;
    return true;
  }

  /** Whether what is asked for could have the key expire until a time. */
  mayExpireUntil(nowMs: number): boolean {
    const { numbers } = this;
    const given = numbers[EXPIRES_AT];
    return numbers[NEW_EXPIRES_AT] <= nowMs || (given !== KEEP_EXPIRY && given <= nowMs);
  }
}

const bits = new BigInt64Array(1);
const doubles = new Float64Array(bits.buffer);

/** The number next to another one, away from zero or towards it. */
function nextTo(number: number, steps: 1 | -1): number {
  doubles[0] = number;
  bits[0]! += BigInt(steps);
  return doubles[0]!;
}

function placeOf(ring: Int32Array, recordAt: number): number {
  return recordAt + valueWord(ring[recordAt + RECORD_META]);
}

/** What is to be looked at of a request that came from elsewhere. */
const foreign = new DerivationWords();

/**
 * Whether a request asks for what a client may ask for, at most `timesMax` times. Its record has as
 * many bytes of value as it should.
 */
export function isPossibleDerivation(
  ring: Int32Array,
  recordAt: number,
  timesMax: number,
): boolean {
  foreign.read(ring, recordAt);
  const { form, times, numbers } = foreign;
  const isTime = (ms: number) =>
    ms === Infinity || (Number.isInteger(ms) && ms >= 0 && ms <= EXPIRY_MS_MAX);
  return form >= 0 && form <= FORM_MAX && times >= 1 && times <= timesMax &&
    Number.isFinite(numbers[ADDEND]) && !Number.isNaN(numbers[SUM_MIN]) &&
    !Number.isNaN(numbers[SUM_MAX]) && isTime(numbers[NEW_EXPIRES_AT]) &&
    (numbers[EXPIRES_AT] === KEEP_EXPIRY || isTime(numbers[EXPIRES_AT]));
}
