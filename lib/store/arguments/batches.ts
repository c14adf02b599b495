/**
 * What the operations on many keys do with the iterables that they are given.
 *
 * So that the event loop gets its turns, a large batch is not taken from its iterable at once: the
 * first {@linkcode TAKEN_IN_CALL_MIN} items are, in the call, and the others in as many turns as
 * they need. Until then the caller may go on, so an array is copied.
 *
 * @module
 */
import type { Client } from "../../client/client.ts";
import { type Batch, BatchCompletion } from "../../client/completions.ts";
import type { Key } from "../../core/key_encoder.ts";
import { loopTurn } from "../../platform/loop_turn.ts";
import type { StoreLifetime } from "../parts/lifetime.ts";
import { assertEntry, expiryOf, iterable, mustSyncOf, ownKey } from "./arguments.ts";
import type { PutEntry, PutOptions } from "./method_options.ts";

/**
 * Items that are taken in the call, however long it takes: the order of a batch of no more than
 * these and of what is issued after it depends on nothing else.
 */
const TAKEN_IN_CALL_MIN = 1024;

/**
 * Takes the keys of a batch, as they are: in the call, unless there are many. When `signal` is
 * aborted no more are taken.
 */
export function ownKeysInTurns(
  keys: Iterable<Key>,
  signal: AbortSignal | undefined,
): Key[] | Promise<Key[]> {
  const taken = new TakenKeys(iterable<Key>("keys", keys));
  return taken.take() ? taken.list : takeOtherKeys(taken, signal);
}

async function takeOtherKeys(taken: TakenKeys, signal: AbortSignal | undefined): Promise<Key[]> {
  do {
    await loopTurn.next();
    if (signal?.aborted) taken.stop();
    signal?.throwIfAborted();
  } while (!taken.take());
  return taken.list;
}

/** The keys of a batch while they are taken. */
class TakenKeys {
  /** The keys; complete when all are taken. */
  readonly list: Key[];
  readonly #keys: Iterator<Key>;
  #count = 0;

  /** Takes none yet. */
  constructor(keys: Iterable<Key>) {
    // The copy of an array is the list: memory for another is what takes long of a large batch.
    this.list = Array.isArray(keys) ? keys.slice() : [];
    this.#keys = (Array.isArray(keys) ? this.list : keys)[Symbol.iterator]();
  }

  /** Takes keys as long as the turn may last; returns whether there are no more. */
  take(): boolean {
    const keys = this.#keys;
    for (let item = keys.next(); !item.done; item = keys.next()) {
      this.list[this.#count++] = ownKey(item.value);
      if (loopTurn.count(0) && this.#count >= TAKEN_IN_CALL_MIN) return false;
    }
    return true;
  }

  /** Takes no more. */
  stop(): void {
    this.#keys.return?.();
  }
}

/** The options of the puts of a batch: of each entry its own, or else those for all. */
export class EntryOptions {
  /** When the entry that was taken last expires, in milliseconds since the epoch; or Infinity. */
  expiresAtMs: number;
  /** Whether it must be synced although the store does not always do that. */
  mustSync: boolean;
  readonly #allExpireAtMs: number;
  readonly #allMustSync: boolean;
  /** The store's durability, one of `DurabilityLevel`. */
  readonly #level: number;

  /** Takes the options for all. */
  constructor(all: PutOptions | undefined, level: number) {
    this.#level = level;
    this.expiresAtMs = this.#allExpireAtMs = expiryOf(all);
    this.mustSync = this.#allMustSync = mustSyncOf(all, level);
  }

  /**
   * Takes those of an entry.
   *
   * @throws {InvalidArgumentError} when it is none
   */
  take(entry: PutEntry<unknown>): void {
    assertEntry(entry);
    const own = entry[2];
    this.expiresAtMs = own === undefined ? this.#allExpireAtMs : expiryOf(own);
    this.mustSync = own === undefined ? this.#allMustSync : mustSyncOf(own, this.#level);
  }
}

/** Issues the request of one item; returns how many bytes it has encoded. */
export type IssueItem<Item, In extends Batch = BatchCompletion> = (item: Item, batch: In) => number;

/** Issues the request of one item of a batch; one that is refused is settled by nothing else. */
export function issueItem<Item, In extends Batch>(
  item: Item,
  batch: In,
  issue: IssueItem<Item, In>,
): number {
  batch.expect();
  try {
    return issue(item, batch);
  } catch (error) {
    batch.fail(error);
    throw error;
  }
}

/**
 * Issues one request per item, in the call as long as the turn of the event loop may last, and as
 * the rings have room; resolves when all have ended. When `signal` is aborted no more are issued.
 */
export async function issueBatch<Item>(
  client: Client,
  lifetime: StoreLifetime,
  items: Iterable<Item>,
  issue: IssueItem<Item>,
  signal: AbortSignal | undefined,
): Promise<void> {
  lifetime.assertOpen();
  // As a whole, it has been issued now: `flush` and `close` wait for it.
  const operation = client.begin();
  const batch = new BatchCompletion();
  let issuedCount = 0;
  let wasClosed = false;
  try {
    for (const item of Array.isArray(items) ? items.slice() : items) {
      signal?.throwIfAborted();
      // What was closed since the last item, was so by the iterable.
      if (wasClosed) lifetime.assertNotFailed();
      else lifetime.assertOpen();
      const isLong = loopTurn.count(issueItem(item, batch, issue));
      issuedCount += 1;
      if (issuedCount < TAKEN_IN_CALL_MIN || !(isLong || client.isCrowded)) continue;
      await (isLong ? loopTurn.next() : client.whenRoom());
      wasClosed = lifetime.isClosing;
    }
  } catch (error) {
    batch.refuse(error);
  }
  batch.seal();
  try {
    await batch.promise;
  } finally {
    client.end(operation);
  }
}
