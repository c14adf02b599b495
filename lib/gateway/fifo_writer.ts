/**
 * Writes the FIFO of a thread of another process, without ever waiting for it.
 *
 * @module
 */
import { closeSync, constants, fstatSync, openSync, writeSync } from "node:fs";
import { join } from "node:path";
import { FrameError } from "../wire/frame.ts";
import { process } from "../platform/process.ts";
import { systemCodeOf } from "../core/system_code.ts";

/** Not on Windows, where there are no FIFOs either. */
const { O_NOFOLLOW = 0, O_NONBLOCK = 0, O_WRONLY } = constants;

/**
 * So much is written whole or not at all (PIPE_BUF). Of more, a part may be written before the FIFO
 * is full, and not every runtime says how much.
 */
const WRITE_BYTES = process.platform === "linux" ? 4096 : 512;

/** The end of a FIFO that is written. */
export class FifoWriter {
  readonly #file: number;
  /** Frames that are not written; the first one perhaps in part. */
  #frames: Uint8Array[] = [];
  #isBegun = false;
  #isOpen = true;

  /**
   * Opens a FIFO that the other process has open.
   *
   * @throws {FrameError} when there is none
   */
  constructor(directory: string, name: string) {
    try {
      this.#file = openSync(join(directory, name), O_WRONLY | O_NONBLOCK | O_NOFOLLOW);
    } catch (error) {
      throw new FrameError(`a FIFO must be open, got ${systemCodeOf(error)}`);
    }
    if (fstatSync(this.#file).isFIFO()) return;
    this.close();
    throw new FrameError("a FIFO must be one, got another file");
  }

  /** Takes a frame, to be written when there is room. */
  write(frame: Uint8Array): void {
    this.#frames.push(frame);
  }

  /** Writes what there is room for; false if something is left. */
  flush(): boolean {
    while (this.#frames.length > 0) {
      const [frame] = this.#frames as [Uint8Array];
      const written = this.#isOpen ? this.#write(frame) : frame.length;
      if (written === 0) return false;
      this.#isBegun = written < frame.length;
      if (this.#isBegun) this.#frames[0] = frame.subarray(written);
      else this.#frames.shift();
    }
    return true;
  }

  /** Forgets the frames of which nothing is written: the rest of the first one must follow. */
  forgetUnbegun(): void {
    this.#frames.length = this.#isBegun ? 1 : 0;
  }

  /** Closes this end: the other one finds that it has ended. */
  close(): void {
    if (!this.#isOpen) return;
    this.#isOpen = false;
    closeSync(this.#file);
  }

  #write(frame: Uint8Array): number {
    try {
      return writeSync(this.#file, frame.subarray(0, WRITE_BYTES));
    } catch (error) {
      if (systemCodeOf(error) === "EAGAIN") return 0;
      // The other process has closed it, and ends the connection, too.
      this.close();
      return frame.length;
    }
  }
}
