/**
 * The names of the options of a method.
 *
 * @module
 */
import { describe, InvalidArgumentError } from "../../core/errors.ts";

/**
 * Checks the options of a method.
 *
 * @param names of those that there are
 */
export function assertOptions(options: unknown, names: readonly string[]): void {
  if (typeof options !== "object" || options === null) {
    throw new InvalidArgumentError(`options must be an object, got ${describe(options)}`);
  }
  for (const name of Object.keys(options)) {
    if (names.includes(name)) continue;
    throw new InvalidArgumentError(
      `options must be among ${names.join(", ")}, got ${describe(name)}`,
    );
  }
}
