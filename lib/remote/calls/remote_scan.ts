/**
 * Iteration in another process than the one that has the pool: page by page, the next of which is
 * asked for when one has come. Why no key is passed over and none comes twice, page_reader.ts says;
 * a page that did not come as the host went away is asked for again, of the next host.
 *
 * A value may be as old as its page. But what this thread has changed since the page was asked for,
 * an iteration shows as it is: then keys are read again one by one (I4). So it is with a key that
 * is being updated.
 *
 * @module
 */
import type { Client } from "../../client/client.ts";
import type { KeyQueues } from "../../client/key_queues.ts";
import type { Key, StoredKey } from "../../core/key_encoder.ts";
import { loopTurn } from "../../platform/loop_turn.ts";
import { assertIterationOptions } from "../../store/arguments/arguments.ts";
import { isEmptyRange, type KeyRange } from "../../store/arguments/key_range.ts";
import type { IterationOptions } from "../../store/arguments/method_options.ts";
import type { StoreLifetime } from "../../store/parts/lifetime.ts";
import type { PagePosition, PageRequest } from "./call_requests.ts";
import type { ListedEntry } from "../../wire/entry_list.ts";
import { decodePage, type KeyPage } from "./key_page.ts";
import type { RemoteCalls } from "../remote_calls.ts";

/** What a thread's iterations need. */
export interface RemoteScanParts {
  readonly calls: Pick<RemoteCalls, "read">;
  readonly client: Client;
  readonly queues: KeyQueues;
  readonly lifetime: StoreLifetime;
  /** The range that options ask for. @throws {DinomoError} when the store has no such ranges */
  readonly rangeOf: (options: IterationOptions) => KeyRange;
  /** A key as the application writes it. */
  readonly keyOf: (stored: StoredKey) => Key;
}

/** What an iteration makes of keys. */
export interface ScanItems<Item> {
  readonly withValues: boolean;
  /** Makes an item of what has come; undefined to go on without one. */
  readonly make: (key: Key, entry: ListedEntry) => Item | undefined | Promise<Item | undefined>;
  /** The same of a key that is to be read again. */
  readonly read: (key: Key) => Promise<Item | undefined>;
}

/** A page, and what this thread had changed when it was asked for. */
interface AskedPage {
  readonly page: KeyPage;
  readonly changeCount: number;
}

/**
 * The items of a range.
 *
 * @param partsNow makes what is needed when the first item is asked for: the store may be closed
 *   then
 */
export async function* scanRemotely<Item>(
  partsNow: () => RemoteScanParts,
  options: IterationOptions | undefined,
  { withValues, make, read }: ScanItems<Item>,
): AsyncGenerator<Item, undefined> {
  const parts = partsNow();
  const { client, queues, lifetime, keyOf, rangeOf } = parts;
  assertIterationOptions(options, false);
  const range = rangeOf(options ?? {});
  if (isEmptyRange(range)) return;
  await client.whenIssuedEnded();
  lifetime.assertOpen();
  const signal = options?.signal;
  let left = range.limit;
  let next: Promise<AskedPage> | undefined = askPage(
    parts,
    range,
    withValues,
    left,
    undefined,
    signal,
  );
  try {
    while (next !== undefined) {
      const asked: AskedPage = await next;
      const { page: { entries, position }, changeCount } = asked;
      const isEnough = entries.length >= left || position === undefined;
      next = isEnough ? undefined : askPage(parts, range, withValues, left, position, signal);
      // That it fails is told when it is its turn.
      next?.catch(() => {});
      for (const entry of entries) {
        signal?.throwIfAborted();
        lifetime.assertOpen();
        const key = keyOf(entry.key);
        const isAsItWas = client.changeCount === changeCount && queues.count === 0;
        const item = await (isAsItWas ? make(key, entry) : read(key));
        if (item === undefined) continue;
        yield item;
        if (--left === 0) return;
        if (loopTurn.count(entry.value?.length ?? 0)) await loopTurn.next();
      }
      // Some of them were gone, or could not be decoded.
      if (next === undefined && position !== undefined) {
        next = askPage(parts, range, withValues, left, position, signal);
      }
    }
  } finally {
    next?.catch(() => {});
  }
}

async function askPage(
  { calls, client }: RemoteScanParts,
  { prefix, from, to, isReverse }: KeyRange,
  withValues: boolean,
  keysMax: number,
  position: PagePosition | undefined,
  signal: AbortSignal | undefined,
): Promise<AskedPage> {
  // What has not ended may be seen or not.
  const changeCount = client.pendingCount === 0 ? client.changeCount : NaN;
  const request: PageRequest = {
    op: "page",
    prefix,
    from,
    to,
    isReverse,
    position,
    keysMax,
    withValues,
  };
  const [item] = await calls.read(request, undefined, signal);
  return { page: decodePage(item!), changeCount };
}
