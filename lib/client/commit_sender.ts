/**
 * Atomic commits of one client that are sent like other requests.
 *
 * @module
 */
import type { Slot } from "../core/brands.ts";
import { CommitTooLargeError } from "../core/commit_errors.ts";
import { FRAME_HEADER_BYTES, SEGMENT_HEADER_BYTES } from "../log/record_layout.ts";
import { commitHeadWords, entriesBytes } from "../rings/commit_words.ts";
import type { Completion } from "./completions.ts";
import type { JoinableAdditions } from "./joinable_additions.ts";
import type { PendingOperations } from "./pending_operations.ts";
import type { RequestSender } from "./request_sender.ts";

/** The parts of a client that commits need. */
export interface CommitSenderOptions {
  readonly segmentBytes: number;
  readonly operations: PendingOperations;
  readonly sender: RequestSender;
  readonly additions: JoinableAdditions;
}

/** Sends the atomic commits of one client. */
export class CommitSender {
  readonly #options: CommitSenderOptions;
  readonly #bytesMax: number;

  /** Sends with the parts of a client. */
  constructor(options: CommitSenderOptions) {
    this.#options = options;
    const headerBytes = SEGMENT_HEADER_BYTES + FRAME_HEADER_BYTES + commitHeadWords(0) * 4;
    this.#bytesMax = options.segmentBytes - headerBytes;
  }

  /** See `Client.forwardCommit`. */
  forward(
    slots: readonly Slot[],
    words: Int32Array,
    completion: Completion,
    session: number,
  ): void {
    this.#options.sender.signCommit(words, session);
    this.assertFits(words);
    this.send(slots, words, completion, 0);
  }

  /** @throws {CommitTooLargeError} when the records of a commit would not fit a segment */
  assertFits(words: Int32Array): void {
    const bytes = entriesBytes(words, 0);
    if (bytes <= this.#bytesMax) return;
    const { segmentBytes } = this.#options;
    throw new CommitTooLargeError(
      `an atomic commit must fit a segment of ${segmentBytes} bytes with all of its keys and values, ` +
        `got ${bytes} bytes; raise segmentBytes to make larger ones`,
    );
  }

  /** Sends a commit that fits; for the parameters see `Client.commit`. */
  send(slots: readonly Slot[], words: Int32Array, completion: Completion, begun: number): void {
    const { sender, operations, additions } = this.#options;
    sender.issueGathered(slots, operations.issue(begun), words, completion);
    additions.forgetAll();
    if (begun !== 0) operations.leaveOpen();
  }
}
