/**
 * Tells the watches of a thread in another process than the one that has the pool.
 *
 * Each watch is a call, which says that something has changed; what it is, the watch reads then.
 *
 * **Why no change is missed.** Of a watch of a prefix the host says when it has begun; then its
 * consumer is told to read. Of one of keys: if the call can be sent before the watch reads for the
 * first time, the host has begun to watch before it executes that read, which comes later on the
 * connection: so a change that the read did not see is told. If not, and whenever the call is made
 * again, of the next host after the end of a connection, the host says first that everything may
 * have changed; what is read then is read after it has begun to watch. So what is missed in between
 * is read.
 *
 * **Why nothing older follows.** What is told is that there may be something new, and not what. The
 * watch reads it, and takes no version that is not higher (key_watch.ts); a key's versions grow in
 * all lives of a pool (I9).
 *
 * @module
 */
import { WATCH_CREDIT_BYTES } from "../../core/limits.ts";
import type { StoreLifetime } from "../../store/parts/lifetime.ts";
import type { HubWatch } from "../../watch/watch_source.ts";
import { ConnectionEndedError, type RemoteCalls } from "../remote_calls.ts";
import type { CallRequest } from "./call_requests.ts";
import { FarWatches } from "./far_watches.ts";
import { decodeChanges, decodeParts } from "../../watch/watch_items.ts";

/** Tells watches of what the process says that has the pool. */
export class RemoteWatches extends FarWatches<AbortController> {
  readonly #calls: RemoteCalls;

  /** Tells of nothing yet. */
  constructor(calls: RemoteCalls, lifetime: StoreLifetime) {
    super(lifetime);
    this.#calls = calls;
  }

  protected override begin(watch: HubWatch): AbortController {
    const end = new AbortController();
    void this.#listen(watch, end.signal);
    return end;
  }

  protected override stop(end: AbortController): void {
    end.abort();
  }

  async #listen(watch: HubWatch, signal: AbortSignal): Promise<void> {
    const options = { signal, creditBytes: WATCH_CREDIT_BYTES };
    try {
      let items: AsyncIterable<Uint8Array> | undefined = watch.prefix === undefined
        ? this.#calls.askNow(requestOf(watch, false), options)
        : undefined;
      while (!signal.aborted) {
        items ??= this.#calls.ask(requestOf(watch, true), undefined, options);
        await tellAll(watch, items);
        items = undefined;
      }
    } catch (error) {
      if (!signal.aborted) watch.fail(error);
    }
  }
}

function requestOf({ prefix, parts }: HubWatch, isAgain: boolean): CallRequest {
  return prefix === undefined
    ? { op: "parts", parts: [...parts], isAgain }
    : { op: "changes", prefix, isAgain };
}

/** Tells a watch what comes, until the connection ends. */
async function tellAll(watch: HubWatch, items: AsyncIterable<Uint8Array>): Promise<void> {
  try {
    for await (const item of items) tell(watch, item);
  } catch (error) {
    if (!(error instanceof ConnectionEndedError)) throw error;
  }
}

function tell(watch: HubWatch, item: Uint8Array): void {
  if (watch.prefix === undefined) {
    for (const part of decodeParts(item)) watch.note(part);
    return;
  }
  const { isLost, changes } = decodeChanges(item);
  if (isLost) watch.noteLost();
  for (const change of changes) watch.noteChange(change);
}
