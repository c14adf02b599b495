/**
 * Values that are too large for a ring: reserve, one-sided write, commit. The entries of an atomic
 * commit may be one.
 *
 * The KN reserves space for the record; the client writes the value there, to which nothing points
 * yet; the KN commits the record. The slot stays held until the reservation has ended, and the
 * commit is then sent before anything else, so nothing that was issued later can overtake it (I4).
 *
 * @module
 */
import { NO_ADDRESS, type PoolAddress } from "../core/brands.ts";
import {
  metaKind,
  RECORD_CLIENT,
  RECORD_HASH,
  RECORD_META,
  RECORD_VALUE_BYTES,
  RecordKind,
  valueWord,
} from "../log/record_layout.ts";
import { REPAIR_WANTED } from "../pool/control_layout.ts";
import type { Pool } from "../pool/pool.ts";
import { commitHeadWords, entryCount } from "../rings/commit_words.ts";
import {
  Condition,
  conditionOf,
  mustSyncOf,
  Operation,
  operationOf,
  packOperation,
  REQUEST_ARGUMENT,
  REQUEST_LENGTH,
  REQUEST_OPERATION,
  REQUEST_RECORD,
  Status,
} from "../rings/ring_layout.ts";
import { NO_RECORD_CLIENT } from "../routing/client_registry.ts";
import type { RequestEnds } from "./carrier.ts";
import type { HeldRequest, LargeValue } from "./completions.ts";

/** Takes large values into the pool, for one client. */
export class LargeValues {
  readonly #pool: Pool;
  readonly #ends: RequestEnds;
  readonly #clientId: number;

  /**
   * Takes values for the client that is told the ends of its requests.
   *
   * @param clientId its name, which reservations have, also for sessions
   */
  constructor(pool: Pool, ends: RequestEnds, clientId: number) {
    this.#pool = pool;
    this.#clientId = clientId;
    this.#ends = ends;
  }

  /** The reservation of a large value, whose end puts the commit first in the slot's queue. */
  reservationOf(request: HeldRequest, large: LargeValue): HeldRequest {
    const { slot, sequence, completion } = request;
    const words = request.words.slice();
    const condition = conditionOf(words[REQUEST_OPERATION]);
    const mustSync = mustSyncOf(words[REQUEST_OPERATION]);
    const isAtomic = operationOf(words[REQUEST_OPERATION]) === Operation.ATOMIC;
    const operation = isAtomic ? Operation.ATOMIC : Operation.COMMIT;
    words[REQUEST_OPERATION] = packOperation(Operation.RESERVE, Condition.NONE);
    words[REQUEST_RECORD + RECORD_CLIENT] = this.#clientId;
    return {
      slot,
      sequence,
      words,
      completion: {
        restart: request,
        settle: (status, address, _low, _high, ring, requestAt) => {
          if (status !== Status.OK) {
            completion.settle(status, address, 0, 0, ring, requestAt);
            return this.#ends.stop(sequence);
          }
          this.#write(words, large.bytes, address as PoolAddress);
          const commit = request.words.slice();
          commit[REQUEST_OPERATION] = packOperation(operation, condition, mustSync);
          commit[REQUEST_ARGUMENT] = address;
          this.#ends.goOn({ slot, sequence, words: commit, completion });
        },
        fail: (error) => completion.fail(error),
      },
    };
  }

  /**
   * Gives up the reservation of a COMMIT that a KN has answered before it died: whether it has
   * released the reservation, too, is not known. If it has not, the record is still as it was made,
   * and the M-node releases it.
   */
  disown(request: Int32Array): void {
    const operation = operationOf(request[REQUEST_OPERATION]);
    if (operation !== Operation.COMMIT && operation !== Operation.ATOMIC) return;
    const address = request[REQUEST_ARGUMENT] as PoolAddress;
    if (address === NO_ADDRESS) return;
    const words = this.#pool.wordsOf(address);
    const at = this.#pool.wordAt(address);
    const isMine = metaKind(words[at + RECORD_META]) === RecordKind.RESERVATION &&
      words[at + RECORD_CLIENT] === this.#clientId &&
      words[at + RECORD_HASH] === request[REQUEST_RECORD + RECORD_HASH] &&
      words[at + RECORD_VALUE_BYTES] === request[REQUEST_RECORD + RECORD_VALUE_BYTES];
    if (!isMine) return;
    words[at + RECORD_CLIENT] = NO_RECORD_CLIENT;
    Atomics.store(this.#pool.control, REPAIR_WANTED, 1);
  }

  /** Writes a large value into its reservation, one-sidedly: nothing points at it yet. */
  #write(words: Int32Array, bytes: Uint8Array, address: PoolAddress): void {
    const meta = words[REQUEST_RECORD + RECORD_META];
    const start = (this.#pool.wordAt(address) + valueWord(meta)) * 4;
    const target = this.#pool.bytesOf(address);
    target.set(bytes, start);
    const end = start + bytes.length;
    target.fill(0, end, (end + 7) & ~7);
  }
}

/** An atomic commit that is too large for a ring: its entries travel like a large value. */
export function splitCommit(request: HeldRequest): HeldRequest {
  const headWords = commitHeadWords(entryCount(request.words, 0));
  return split(request, headWords, (request.words.length - headWords) * 4);
}

/** A whole put that is too large for a ring. */
export function splitPut(request: HeldRequest): HeldRequest {
  const { words } = request;
  const headWords = REQUEST_RECORD + valueWord(words[REQUEST_RECORD + RECORD_META]);
  return split(request, headWords, words[REQUEST_RECORD + RECORD_VALUE_BYTES]);
}

function split(request: HeldRequest, headWords: number, byteLength: number): HeldRequest {
  const { buffer, byteOffset } = request.words;
  const words = request.words.slice(0, headWords);
  words[REQUEST_LENGTH] = headWords;
  const bytes = new Uint8Array(buffer, byteOffset + headWords * 4, byteLength);
  return { ...request, words, large: { bytes } };
}
