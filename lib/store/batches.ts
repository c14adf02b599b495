/**
 * What the operations on many keys do with the iterables that they are given.
 *
 * So that the event loop gets its turns, a large batch is not taken from its iterable at once: the
 * first {@linkcode TAKEN_IN_CALL_MIN} items are, in the call, and the others in as many turns as
 * they need. Until then the caller may go on, so an array is copied.
 *
 * @module
 */
import type { Client } from "../client/client.ts";
import { BatchCompletion } from "../client/completions.ts";
import type { Key } from "../core/key_encoder.ts";
import { loopTurn } from "../core/loop_turn.ts";
import { iterable, ownKey } from "./arguments.ts";
import type { StoreLifetime } from "./lifetime.ts";

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

/** Issues the request of one item; returns how many bytes it has encoded. */
export type IssueItem<Item> = (item: Item, batch: BatchCompletion) => number;

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
  let isIssuing = false;
  let issuedCount = 0;
  let wasClosed = false;
  try {
    for (const item of Array.isArray(items) ? items.slice() : items) {
      signal?.throwIfAborted();
      isIssuing = true;
      batch.expect();
      // What was closed since the last item, was so by the iterable.
      if (wasClosed) lifetime.assertNotFailed();
      else lifetime.assertOpen();
      const bytes = issue(item, batch);
      isIssuing = false;
      issuedCount += 1;
      const isLong = loopTurn.count(bytes);
      if (issuedCount < TAKEN_IN_CALL_MIN || !(isLong || client.isCrowded)) continue;
      await (isLong ? loopTurn.next() : client.whenRoom());
      wasClosed = lifetime.isClosing;
    }
  } catch (error) {
    // An item that was refused is settled by nothing else; where the iterable threw, there is none.
    if (isIssuing) batch.fail(error);
    else batch.refuse(error);
  }
  batch.seal();
  try {
    await batch.promise;
  } finally {
    client.end(operation);
  }
}
