/**
 * Codecs that run the application's code (getters, `toJSON`, a codec of its own), which may use a
 * store, and so a codec, in turn.
 *
 * That works, as each codec keeps what it needs to itself while it runs. But code that stores what
 * it is part of would never end: it is refused long before the stack ends, which might be in the
 * middle of a step of the store.
 *
 * @module
 */
import { ReentrantCallError } from "../core/errors.ts";
import { NESTED_CALLS_MAX } from "../core/limits.ts";

/** Codecs that are running in this thread, within each other. */
let depth = 0;

/**
 * Says that a codec begins.
 *
 * @throws {ReentrantCallError} when there are too many within each other
 */
export function enterCodec(): void {
  if (depth === NESTED_CALLS_MAX) {
    throw new ReentrantCallError(
      `codecs, getters and toJSON must not call the store within each other more than ${NESTED_CALLS_MAX} times`,
    );
  }
  depth += 1;
}

/** Says that a codec has ended, for each that has begun. */
export function leaveCodec(): void {
  depth -= 1;
}
