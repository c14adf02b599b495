/**
 * What every process that opens a pool must want alike.
 *
 * @module
 */
import type { SharedOptions } from "../gateway/handshake.ts";
import { codecName } from "../store/opening/client_parts.ts";
import type { ResolvedOptions } from "../store/options/resolved_options.ts";

/** Those of the options of `open`. */
export function sharedOptionsOf<V>(
  { keys, codec, ordered, durability }: ResolvedOptions<V>,
): SharedOptions {
  return { keys, codec: codecName(codec), ordered, durability };
}
