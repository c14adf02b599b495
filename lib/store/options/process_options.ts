/**
 * The option `processes`, and what does not go with it.
 *
 * @module
 */
import type { KeyTypes } from "../../core/key_types.ts";
import type { Durability } from "../../pool/durability.ts";
import { booleanOf, requireThat } from "./option_rules.ts";
import type { OpenOptions } from "./options.ts";

/**
 * Checks the option `processes`.
 *
 * @throws {InvalidOptionError} when it is given, and cannot be
 */
export function processesOf<V>(
  { processes = false, path, readOnly, placement, cache, clients }: OpenOptions<V, KeyTypes>,
  durability: Durability,
): boolean {
  if (!booleanOf("processes", processes)) return false;
  requireThat(path !== undefined, "processes", "must be false without a path", processes);
  requireThat(readOnly !== true, "processes", "must be false with readOnly", processes);
  requireThat(
    durability !== "memory",
    "processes",
    'must be false at the durability "memory", as a process that ends would take with it what ' +
      "others have been told is stored",
    processes,
  );
  requireThat(placement !== "far", "processes", "must be false in the far placement", processes);
  requireThat(cache === undefined, "cache", "must be left out with processes", cache);
  // The thread that serves the others is one.
  requireThat(clients !== 1, "clients", "must be at least 2 with processes", clients);
  return true;
}
