/**
 * How many processors this process may use.
 *
 * @module
 */
import { builtin } from "./builtin.ts";

/**
 * How many threads can run at one time. To load `node:os` for that takes Deno two milliseconds, and
 * Bun half of one; both say the same in `navigator`, which on Node a test framework may have made
 * up.
 */
export function processorCount(): number {
  const isNode = !("Deno" in globalThis) && !("Bun" in globalThis);
  const { navigator } = globalThis as { navigator?: { readonly hardwareConcurrency?: number } };
  const count = isNode ? undefined : navigator?.hardwareConcurrency;
  return count || builtin("node:os").availableParallelism();
}
