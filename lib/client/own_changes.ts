/**
 * Which changes the thread of a client makes itself, in the call, and which it issues as requests.
 *
 * The carrier makes them (node/own_puts.ts, node/own_commits.ts), if it can do so now. Here it is
 * decided whether that is worth while, and fair to others that wait for this thread:
 *
 * - A put whose caller blocks for it always is: a request would be executed within the call, too.
 * - What is awaited may be followed by more in the same tick, which costs less as requests that are
 *   executed together. So a put has to be the first of its tick, and so has a commit where changes
 *   share a write to a file: no other one was made so, and no request issued.
 * - What is awaited lets its caller go on before the event loop turns. In a turn that has lasted it
 *   becomes a request, too, which ends in the next one (platform/loop_turn.ts).
 *
 * @module
 */
import type { Slot } from "../core/brands.ts";
import {
  Condition,
  mustSyncOf,
  Operation,
  packOperation,
  REQUEST_OPERATION,
} from "../rings/ring_layout.ts";
import { type Carrier, NOT_AT_ONCE } from "./carrier.ts";
import type { ClientWaiter } from "./client_waiter.ts";
import type { Completion } from "./completions.ts";
import type { RequestDraft } from "./request_draft.ts";
import type { RequestProbe } from "./request_probe.ts";
import type { RequestSender } from "./request_sender.ts";

/** Changes after which it is looked what upkeep the pool asks for, as a flush does. */
const CHANGES_PER_FLUSH = 16;
/** Of a put that need not be a request: without a condition, and not synced. */
const PLAIN_PUT = packOperation(Operation.PUT, Condition.NONE);

/** The parts of a client that its own changes need. */
export interface OwnChangesOptions {
  readonly carrier: Carrier;
  readonly sender: RequestSender;
  readonly waiter: ClientWaiter;
  readonly probe: RequestProbe | undefined;
}

/** The changes that the thread of one client makes itself. */
export class OwnChanges {
  readonly #carrier: Carrier;
  readonly #sender: RequestSender;
  readonly #waiter: ClientWaiter;
  readonly #probe: RequestProbe | undefined;
  #madeCount = 0;
  /** Whether an awaited put has been made in this tick. */
  #hasPut = false;
  readonly #endTick = (): void => {
    this.#hasPut = false;
  };

  /** Makes changes with the parts of a client. */
  constructor({ carrier, sender, waiter, probe }: OwnChangesOptions) {
    this.#carrier = carrier;
    this.#sender = sender;
    this.#waiter = waiter;
    this.#probe = probe;
  }

  /** How many it has made. */
  get madeCount(): number {
    return this.#madeCount;
  }

  /**
   * Makes a put whose caller blocks for it.
   *
   * @returns its version, or `NOT_AT_ONCE`
   */
  put(draft: RequestDraft): number {
    const carrier = this.#carrier;
    if (carrier.putAtOnce === undefined || draft.operation !== PLAIN_PUT) return NOT_AT_ONCE;
    if (this.#probe?.isDue) return NOT_AT_ONCE;
    const version = carrier.putAtOnce(draft);
    if (version === NOT_AT_ONCE) return version;
    this.#probe?.skip();
    this.#noteMade();
    return version;
  }

  /** The same for a put that is awaited. */
  putFirst(draft: RequestDraft): number {
    if (!this.#mayGoOn(true)) return NOT_AT_ONCE;
    const version = this.put(draft);
    if (version === NOT_AT_ONCE) return version;
    // There is nothing to flush: a flush would cost more than this.
    this.#hasPut = true;
    this.#waiter.schedule(this.#endTick);
    return version;
  }

  /** Makes an atomic commit, and settles it; false if it is to be issued. */
  commit(slots: readonly Slot[], words: Int32Array, completion: Completion): boolean {
    const carrier = this.#carrier;
    const onlyFirst = carrier.sharesWrites === true;
    if (carrier.commitAtOnce === undefined || mustSyncOf(words[REQUEST_OPERATION]!)) return false;
    if (!this.#mayGoOn(onlyFirst)) return false;
    if (!carrier.commitAtOnce(slots, words, completion)) return false;
    this.#noteMade();
    // A flush has the file looked after: what was written is synced some time later.
    if (onlyFirst) this.#sender.scheduleFlush();
    return true;
  }

  /** Whether an awaited change may end in this tick; if only the first may, whether it is that. */
  #mayGoOn(onlyFirst: boolean): boolean {
    if (onlyFirst && (this.#hasPut || this.#sender.isFlushScheduled)) return false;
    return !(this.#waiter.isTurnOver?.() ?? false);
  }

  #noteMade(): void {
    this.#madeCount += 1;
    if (this.#madeCount % CHANGES_PER_FLUSH === 0) this.#sender.noteFlush();
  }
}
