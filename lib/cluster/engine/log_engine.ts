/**
 * What a cluster needs of a replicated log: append, read by sequence, read the last message of a
 * subject, follow, purge.
 *
 * A stream is a sequence of messages, numbered from 1. Each has a subject, by which it can be found
 * again. What is stored stays, at its number, on a majority of servers, until it is purged.
 * Everything else is left open, and who uses an engine must not rely on it:
 *
 * - An append whose outcome is unknown may have been stored, may be stored later, or never; one
 *   that is sent twice may be stored twice.
 * - A read may be answered by a replica that lags: what is "absent" may be there.
 * - A purge whose outcome is unknown may be done later, or never.
 * - A condition keeps most of what does not meet it away. It is no proof: while the engine changes
 *   its leader, a message may get in beside one that it should have seen.
 *
 * Answers are callbacks, not promises, because a simulation then decides in which order everything
 * happens. Each is called once, never before the call that asked for it returns, and in bounded
 * time.
 *
 * @module
 */

/** A message as it is stored. */
export interface LogMessage {
  /** Its place in the stream, from 1. */
  readonly sequence: number;
  readonly subject: string;
  readonly body: Uint8Array;
}

/** What has come of an append. */
export type AppendOutcome =
  | { readonly status: "stored"; readonly sequence: number }
  /** Its condition is not met. It was not stored. */
  | { readonly status: "refused" }
  /** Nobody knows. */
  | { readonly status: "unknown"; readonly cause?: unknown };

/** What a read has found. */
export type ReadOutcome =
  | { readonly status: "found"; readonly message: LogMessage }
  /** Not at the replica that has answered. */
  | { readonly status: "absent" }
  | { readonly status: "unknown"; readonly cause?: unknown };

/** A condition of an append: the last message of a subject of the stream has this sequence. */
export interface Expectation {
  readonly subject: string;
  /** 0: the subject has none. */
  readonly sequence: number;
}

/** What a stream has, as one of the servers sees it. */
export interface StreamExtent {
  /** Sequence of the first message that is there. */
  readonly first: number;
  /** Sequence of the last one; `first - 1` when there is none. */
  readonly last: number;
  /** Bytes that the messages take. */
  readonly bytes: number;
}

/** A stream that is being followed. */
export interface Following {
  /** No message is passed on any more. */
  stop(): void;
}

/** A stream that is led here if possible. */
export interface Leading {
  /** It need not be led here any more: another one may write it. */
  stop(): void;
}

/** A replicated log engine. */
export interface LogEngine {
  /** Makes a stream, unless it is there. */
  createStream(stream: string, done: (isThere: boolean) => void): void;

  /**
   * Most of a stream is going to be appended here: an engine may see to it that this is fast, and
   * calls back when it has, or cannot, in bounded time, and sees to it again when it has been away
   * meanwhile, for as long as it is not stopped. Others may append to it all the same.
   */
  lead(stream: string, done: () => void): Leading;

  /** Appends a message to a stream. */
  append(
    stream: string,
    subject: string,
    body: Uint8Array,
    expectation: Expectation | undefined,
    done: (outcome: AppendOutcome) => void,
  ): void;

  /**
   * Reads the message with a sequence.
   *
   * @param bytes that it has at most, if that is known: a long one is waited for longer
   */
  get(
    stream: string,
    sequence: number,
    done: (outcome: ReadOutcome) => void,
    bytes?: number,
  ): void;

  /** Reads the last message of a subject. */
  last(stream: string, subject: string, done: (outcome: ReadOutcome) => void): void;

  /**
   * Passes on the messages of a stream from a sequence on, in their order and without gaps but for
   * what was purged, for as long as it is not stopped. They may come late, and after a long silence
   * many at once.
   */
  follow(stream: string, from: number, take: (message: LogMessage) => void): Following;

  /** Removes all messages of a stream up to one that was stored; numbers are not given again. */
  purge(stream: string, upTo: number, done: (isDone: boolean) => void): void;

  /** Tells what a stream has; undefined when that is unknown. */
  extent(stream: string, done: (extent: StreamExtent | undefined) => void): void;

  /** Ends all followings and the connection; what is still asked ends as unknown. */
  close(): Promise<void>;
}
