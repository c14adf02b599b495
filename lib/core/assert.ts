/**
 * Assertions for what must hold whatever the input: a failure is a bug of the store, never of its
 * user.
 *
 * @module
 */

/** Thrown when an invariant of the store is broken; the state can no longer be trusted. */
export class AssertionError extends Error {
  override readonly name: string = "AssertionError";
}

/**
 * Throws unless `condition` holds.
 *
 * @param condition what must be true
 * @param rule the rule that was broken, as a sentence without a full stop
 */
export function assert(condition: boolean, rule: string): asserts condition {
  if (!condition) throw new AssertionError(`dinomo: broken invariant: ${rule}`);
}
