/**
 * The seam to calls: all that one process asks of another one that is not a request of one key
 * (pages of keys, commits, watches, figures, maintenance). Their frames are those from CALL to
 * CREDIT; what is in them is for the two ends to know.
 *
 * @module
 */
import type { Frame } from "../wire/frame.ts";

/** One end of the calls of a connection. */
export interface CallEnd {
  /**
   * Takes a frame of a call.
   *
   * @throws {FrameError} when it is not what it must be: the connection is to be closed
   */
  receive(frame: Frame): void;
  /** What was written has been taken: the next bytes can be. */
  drain(): void;
  /** The connection has ended. */
  close(): void;
}

/** Sends a frame; false if {@linkcode CallEnd.drain} is to be called before the next ones. */
export type WriteFrame = (bytes: Uint8Array) => boolean;
