/**
 * Additions that go along in a request of the same thread.
 *
 * A counter that many requests of a server increment in one turn of the event loop would be as many
 * records, of which all but the last are replaced at once. Instead the first increment writes its
 * request, and those that follow in the same turn only raise the number of times in it.
 *
 * **Why that changes nothing but the cost.** An addition *joins* a request if
 *
 * 1. *no other thread has seen the request*: it is in the ring, and has not been published. From
 *    then on it is never changed, whatever becomes of it: it is executed, sent again, or taken
 *    over from a KN that is gone, with every addition in it or with none (I5);
 * 2. *this client has issued nothing else for the key since*: so no operation comes before the
 *    request's end that was issued before the addition (I4), and a clear counts as one for all;
 * 3. *it asks for the same*: number, bounds, expiry time, form, durability. The KN adds one time
 *    after the other (node/derived_records.ts), and a client can tell every sum from the number
 *    before. A time that has passed is never joined: the key that it makes does not exist for the
 *    next addition.
 *
 * So the additions are made in the order of their issue, with none of another client in between,
 * at a moment after all of them were issued and before any of them has ended. Only their versions
 * would be the same: an increment that gives an entry does not join, nor is it joined.
 *
 * Bounded: {@linkcode TIMES_MAX} additions in a request, and a table of a fixed size. A key whose
 * place another key has taken gets a request of its own.
 *
 * @module
 */
import type { KeyEncoder } from "../core/key_encoder.ts";
import { keyEquals, RECORD_META } from "../log/record_layout.ts";
import { epochMs } from "../platform/runtime.ts";
import { type DerivationWords, TIMES_MAX } from "../rings/derivation_words.ts";
import { Operation, REQUEST_OPERATION, REQUEST_RECORD } from "../rings/ring_layout.ts";
import type { Lane } from "./carrier.ts";
import type { Completion } from "./completions.ts";
import { draftDerived } from "./request_draft.ts";

/** Places of the table, a power of two; a key's place is by its hash. */
const PLACES = 64;

/** The completion of a request that additions can join. */
export interface JoinableCompletion extends Completion {
  /** Expects one more result, which comes behind those expected so far. */
  join(): Promise<number | undefined>;
}

/** A request that may be joined, or has been. */
class Place {
  /** Hash of its key; no key has NO_HASH. */
  hash: number = NO_HASH;
  completion!: JoinableCompletion;
  lane!: Lane;
  /** Its index among the requests in flight of the lane, and what stands there for it. */
  index = 0;
  watched!: Completion;
}

/** Hashes are whole numbers of 32 bits. */
const NO_HASH = 0.5;

/** The newest additions of one client that others may join. */
export class JoinableAdditions {
  readonly #places: readonly Place[] = Array.from({ length: PLACES }, () => new Place());

  /** Notes the newest request of a lane: an addition that others may join. */
  note(lane: Lane, hash: number, completion: JoinableCompletion): void {
    const place = this.#places[hash & (PLACES - 1)]!;
    place.hash = hash;
    place.completion = completion;
    place.lane = lane;
    place.index = lane.newestIndex;
    place.watched = lane.completions[place.index]!;
  }

  /** Another request is issued for a key. */
  forget(hash: number): void {
    this.#places[hash & (PLACES - 1)]!.hash = NO_HASH;
  }

  /** A request is issued that concerns many keys. */
  forgetAll(): void {
    for (const place of this.#places) place.hash = NO_HASH;
  }

  /**
   * Has an addition join a request.
   *
   * @returns the completion of that request; undefined if there is none that it can join
   */
  join(
    key: KeyEncoder,
    asked: DerivationWords,
    mustSync: boolean,
  ): JoinableCompletion | undefined {
    const { hash, lane, index, watched, completion } = this.#places[key.hash & (PLACES - 1)]!;
    if (hash !== key.hash) return undefined;
    // Another request may have the index by now.
    if (lane.completions[index] !== watched || !lane.isUnpublished(index)) return undefined;
    const { words } = lane;
    const at = lane.requestAt(index);
    const record = at + REQUEST_RECORD;
    const { operation, meta } = draftDerived(Operation.ADD, key, asked, mustSync);
    if (words[at + REQUEST_OPERATION] !== operation) return undefined;
    if (words[record + RECORD_META] !== meta) return undefined;
    if (!keyEquals(words, record, key.words, key.start, key.byteLength)) return undefined;
    if (asked.mayExpireUntil(epochMs())) return undefined;
    return asked.repeat(words, record, TIMES_MAX) ? completion : undefined;
  }
}
