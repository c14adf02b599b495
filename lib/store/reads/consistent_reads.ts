/**
 * Reads of many keys that are one moment: there is a moment at which all of what was read was
 * current.
 *
 * **Why it is safe.** A *look* reads all keys, and then all of them again. It counts if the second
 * reading has found of each key what the first has: the same version, or nothing both times and
 * nothing in between (absence.ts). Take any moment between the two readings.
 *
 * - A key that was found: a version of a key is given once (I9), and a record that has been
 *   replaced or deleted never becomes current again (I4). It was current before the moment and is
 *   after it, so it was current at the moment. (Cleaning moves a record and leaves its version.)
 *   One that has expired in between the second reading does not find.
 * - A key that was not found was absent all the time between its readings, so at the moment.
 *
 * So all of them were what was read at that one moment, which is within the call: such reads are
 * linearizable, together with all operations on single keys.
 *
 * **Why it ends.** A look fails only because of a change of one of its keys, or, of an absent one,
 * of its slot. In the near placement, when {@linkcode LOOKS_MAX} looks have failed, all agents are
 * paused (pool/gate.ts): then nothing changes but that keys expire, and a second reading tells
 * that. What was read in a pause that was taken away does not count. A pause is not had in time if
 * an agent does not end its step; a far pool cannot be read in a pause, as what is logged is not in
 * the index yet. There looks go on instead. In both cases the read is refused after
 * UNAVAILABLE_AFTER_MS.
 *
 * Nothing that the application has written runs between the readings: what was read is decoded when
 * that is over.
 *
 * @module
 */
import { UnavailableError, ValueTooLargeError } from "../../core/errors.ts";
import type { Key, KeyEncoder } from "../../core/key_encoder.ts";
import { UNAVAILABLE_AFTER_MS } from "../../core/limits.ts";
import type { OneSidedReader } from "../../index/one_sided_reader.ts";
import { monotonicMs, nextTurn } from "../../platform/runtime.ts";
import { sleepSync } from "../../platform/sleep_sync.ts";
import { AGENT_READER } from "../../pool/control_layout.ts";
import { PauseLostError, PauseTimeoutError, whilePaused } from "../../pool/gate.ts";
import type { Pool } from "../../pool/pool.ts";
import type { ReadValue } from "../../rings/response_ring.ts";
import { type AbsenceMark, markAbsence, wasAbsent } from "./absence.ts";

/** What is known of a key; undefined if it does not exist. */
export type Found = ReadValue | undefined;

/**
 * Looks that may fail until the pool is paused: changes of a key come microseconds apart at most.
 */
const LOOKS_MAX = 8;
/**
 * How long a pause may take to begin: as long as a thread may be without a processor in the middle
 * of a step. This thread blocks meanwhile.
 */
const PAUSE_WAIT_MS_MAX = 200;
/** How long a thread that blocks leaves the changes that disturb it to themselves. */
const NAP_MS = 0.2;

/** Reads many keys of a near pool at one moment. */
export class NearMoment {
  readonly #pool: Pool;
  readonly #reader: OneSidedReader;
  readonly #key: KeyEncoder;
  readonly #bytesMax: number;

  /**
   * Reads through a reader; `key` holds one key after the other.
   *
   * @param bytesMax bytes that all values may have together
   */
  constructor(pool: Pool, reader: OneSidedReader, key: KeyEncoder, bytesMax = Infinity) {
    this.#pool = pool;
    this.#reader = reader;
    this.#key = key;
    this.#bytesMax = bytesMax;
  }

  /**
   * Looks once, from the look with this number on in a pause; undefined if something changed.
   *
   * @throws {ValueTooLargeError} when the values have too many bytes together
   */
  look(keys: readonly Key[], number: number): Found[] | undefined {
    if (number >= LOOKS_MAX) return this.#lookInPause(keys);
    return this.#readTwice(keys, keys.map((key) => this.#mark(key)));
  }

  /** Reads all keys twice; without marks if the pool is paused. */
  #readTwice(keys: readonly Key[], marks: readonly AbsenceMark[] | undefined): Found[] | undefined {
    let bytes = 0;
    const found = keys.map((key) => {
      const one = this.#read(key);
      bytes += one?.bytes.length ?? 0;
      if (bytes > this.#bytesMax) throw tooMuch(this.#bytesMax);
      return one;
    });
    const isOfOneMoment = keys.every((key, i) => this.#isUnchanged(key, found[i], marks?.[i]));
    return isOfOneMoment ? found : undefined;
  }

  #lookInPause(keys: readonly Key[]): Found[] | undefined {
    const options = { waitMsMax: PAUSE_WAIT_MS_MAX };
    try {
      return whilePaused(this.#pool, AGENT_READER, () => this.#readTwice(keys, undefined), options);
    } catch (error) {
      if (error instanceof PauseLostError || error instanceof PauseTimeoutError) return undefined;
      throw error;
    }
  }

  #mark(key: Key): AbsenceMark {
    this.#key.encode(key);
    return markAbsence(this.#pool, this.#key);
  }

  #read(key: Key): Found {
    const reader = this.#reader;
    this.#key.encode(key);
    if (!reader.read(this.#key, true)) return undefined;
    const { version, expiresAtMs } = reader;
    const bytes = new Uint8Array(reader.value.subarray(0, reader.valueBytes));
    reader.shrinkScratch();
    return { bytes, version, expiresAtMs };
  }

  #isUnchanged(key: Key, found: Found, mark: AbsenceMark | undefined): boolean {
    this.#key.encode(key);
    const exists = this.#reader.read(this.#key, false);
    if (found !== undefined) return exists && isSame(found, this.#reader);
    return !exists && (mark === undefined || wasAbsent(mark, markAbsence(this.#pool, this.#key)));
  }
}

/** Whether two readings of a key have found the same record. */
function isSame(
  found: Pick<ReadValue, "version" | "expiresAtMs">,
  again: Pick<ReadValue, "version" | "expiresAtMs">,
): boolean {
  return found.version === again.version && found.expiresAtMs === again.expiresAtMs;
}

/**
 * Whether two readings of some keys by KNs are of one moment.
 *
 * @param marks of before the first one
 * @param mark looks at the place of the key with a number again
 */
export function isOfOneMoment(
  found: readonly Found[],
  again: readonly Found[],
  marks: readonly AbsenceMark[],
  mark: (number: number) => AbsenceMark,
): boolean {
  return found.every((first, i) => {
    const second = again[i];
    if (first !== undefined) return second !== undefined && isSame(first, second);
    return second === undefined && wasAbsent(marks[i]!, mark(i));
  });
}

/** Looks until a look has come to something; other events have their turns in between. */
export async function lookUntilFound(
  look: (number: number) => Found[] | undefined | Promise<Found[] | undefined>,
): Promise<Found[]> {
  const deadlineMs = monotonicMs() + UNAVAILABLE_AFTER_MS;
  for (let number = 0;; number++) {
    const found = await look(number);
    if (found !== undefined) return found;
    if (monotonicMs() > deadlineMs) throw changesTooOften();
    await nextTurn();
  }
}

/** Like {@linkcode lookUntilFound}, in a thread that blocks. */
export function lookUntilFoundSync(look: (number: number) => Found[] | undefined): Found[] {
  const deadlineMs = monotonicMs() + UNAVAILABLE_AFTER_MS;
  for (let number = 0;; number++) {
    const found = look(number);
    if (found !== undefined) return found;
    if (monotonicMs() > deadlineMs) throw changesTooOften();
    sleepSync(NAP_MS);
  }
}

function tooMuch(bytesMax: number): ValueTooLargeError {
  return new ValueTooLargeError(
    `the values of a consistent read in another process than that which has the pool open must ` +
      `have at most ${bytesMax} bytes together, got more; read fewer keys at a time`,
  );
}

function changesTooOften(): UnavailableError {
  return new UnavailableError(
    `the keys of a consistent read must stay as they are while they are read, but for ` +
      `${UNAVAILABLE_AFTER_MS} ms one of them has changed each time, or a KN has not ended a step; nothing was read`,
  );
}
