/**
 * How long a lease lasts that ends at a time of the system clock.
 *
 * @module
 */
import { epochMs } from "../platform/runtime.ts";

/**
 * Milliseconds that a lease has left, of those for which it was given at last: more there are only
 * since the clock was set back, and who holds it does not go on with them.
 */
export function leaseLeftMs(endsAt: number, givenMs: number): number {
  return Math.max(0, Math.min(givenMs, endsAt - epochMs()));
}
