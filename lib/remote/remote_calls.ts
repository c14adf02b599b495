/**
 * What a store in another process asks of the one that has the pool, and is not one request of one
 * key: pages of keys, commits, watches, figures, maintenance. This is the end of those calls; their
 * frames are handed to it by the connection, see gateway/call_end.ts.
 *
 * @module
 */
import { HostOnlyError } from "../core/errors.ts";
import type { CallEnd, WriteFrame } from "../gateway/call_end.ts";
import { type Frame, FrameError } from "../wire/frame.ts";

/** The calls of one store, over one connection after the other. */
export class RemoteCalls implements CallEnd {
  /** Sends over a connection that has just been made. */
  connect(_write: WriteFrame): void {}

  receive(_frame: Frame): void {
    throw new FrameError("a frame must be one that is due, got one of a call");
  }

  drain(): void {}

  close(): void {}

  /**
   * Refuses a method.
   *
   * @throws {HostOnlyError} always
   */
  refuse(method: string): never {
    throw new HostOnlyError(
      `${method} must be called in the process that has the pool open, got a call in another one`,
    );
  }
}
