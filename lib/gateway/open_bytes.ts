/**
 * Bytes of the requests of one connection that have no answer: {@linkcode REMOTE_BYTES_MAX} of
 * them, and beside these one that is large. So a large one does not wait until there is no other
 * request, which would be for ever where there are always some.
 *
 * @module
 */
import { REMOTE_BYTES_MAX } from "../core/limits.ts";

/** A request that has more is a large one. */
const LARGE_BYTES = REMOTE_BYTES_MAX / 2;

/** Counts requests. */
export class OpenBytes {
  /** Of those that are not large. */
  bytes = 0;
  #largeCount = 0;

  /** Whether there are more than there may be. */
  get isTooMuch(): boolean {
    return this.bytes > REMOTE_BYTES_MAX || this.#largeCount > 1;
  }

  /** Whether there may be a request of so many bytes more. */
  hasRoomFor(bytes: number): boolean {
    return bytes > LARGE_BYTES ? this.#largeCount === 0 : this.bytes + bytes <= REMOTE_BYTES_MAX;
  }

  /** There is one more. */
  add(bytes: number): void {
    if (bytes > LARGE_BYTES) this.#largeCount += 1;
    else this.bytes += bytes;
  }

  /** One of them was answered. */
  remove(bytes: number): void {
    if (bytes > LARGE_BYTES) this.#largeCount -= 1;
    else this.bytes -= bytes;
  }

  /** There is none. */
  clear(): void {
    this.bytes = this.#largeCount = 0;
  }
}
