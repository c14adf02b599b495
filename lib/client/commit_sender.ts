/**
 * Atomic commits of one client: made by its thread at once, where that may be (node/own_commits.ts),
 * or sent like other requests.
 *
 * @module
 */
import type { Slot } from "../core/brands.ts";
import { CommitTooLargeError } from "../core/commit_errors.ts";
import { FRAME_HEADER_BYTES, SEGMENT_HEADER_BYTES } from "../log/record_layout.ts";
import { commitHeadWords, entriesBytes } from "../rings/commit_words.ts";
import { mustSyncOf, REQUEST_OPERATION } from "../rings/ring_layout.ts";
import type { Carrier } from "./carrier.ts";
import type { Completion } from "./completions.ts";
import type { JoinableAdditions } from "./joinable_additions.ts";
import type { PendingOperations } from "./pending_operations.ts";
import type { RequestSender } from "./request_sender.ts";

/** Changes made at once after which it is looked what upkeep the pool asks for. */
export const CHANGES_PER_FLUSH = 16;

/** The parts of a client that commits need. */
export interface CommitSenderOptions {
  readonly segmentBytes: number;
  readonly carrier: Carrier;
  readonly operations: PendingOperations;
  readonly sender: RequestSender;
  readonly additions: JoinableAdditions;
}

/** Makes or sends the atomic commits of one client. */
export class CommitSender {
  readonly #options: CommitSenderOptions;
  readonly #bytesMax: number;
  #madeCount = 0;

  /** Sends with the parts of a client. */
  constructor(options: CommitSenderOptions) {
    this.#options = options;
    const headerBytes = SEGMENT_HEADER_BYTES + FRAME_HEADER_BYTES + commitHeadWords(0) * 4;
    this.#bytesMax = options.segmentBytes - headerBytes;
  }

  /** See `Client.commit`. */
  commit(slots: readonly Slot[], words: Int32Array, completion: Completion, begun: number): void {
    this.#assertFits(words);
    if (begun === 0 && this.#make(slots, words, completion)) return;
    this.#send(slots, words, completion, begun);
    if (begun !== 0) this.#options.operations.leaveOpen();
  }

  /** See `Client.forwardCommit`. */
  forward(
    slots: readonly Slot[],
    words: Int32Array,
    completion: Completion,
    session: number,
  ): void {
    this.#options.sender.signCommit(words, session);
    this.#assertFits(words);
    this.#send(slots, words, completion, 0);
  }

  #assertFits(words: Int32Array): void {
    const bytes = entriesBytes(words, 0);
    if (bytes <= this.#bytesMax) return;
    const { segmentBytes } = this.#options;
    throw new CommitTooLargeError(
      `an atomic commit must fit a segment of ${segmentBytes} bytes with all of its keys and values, ` +
        `got ${bytes} bytes; raise segmentBytes to make larger ones`,
    );
  }

  /**
   * Has this thread make a commit now; where commits share a write, only the first of a tick, and
   * none that is synced.
   */
  #make(slots: readonly Slot[], words: Int32Array, completion: Completion): boolean {
    const { carrier, sender } = this.#options;
    if (mustSyncOf(words[REQUEST_OPERATION]!)) return false;
    if (carrier.sharesWrites && sender.isFlushScheduled) return false;
    // A request is answered in the next turn then; awaited commits must not go on without an end.
    if (carrier.commitAtOnce === undefined || sender.isTurnOver) return false;
    if (!carrier.commitAtOnce(slots, words, completion)) return false;
    if (carrier.sharesWrites) sender.scheduleFlush();
    else if (++this.#madeCount % CHANGES_PER_FLUSH === 0) sender.noteFlush();
    return true;
  }

  #send(slots: readonly Slot[], words: Int32Array, completion: Completion, begun: number): void {
    const { sender, operations, additions } = this.#options;
    sender.issueGathered(slots, operations.issue(begun), words, completion);
    additions.forgetAll();
  }
}
