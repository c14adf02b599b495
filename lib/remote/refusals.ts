/**
 * What is refused in another process than the one that has the pool.
 *
 * @module
 */
import { HostOnlyError } from "../core/errors.ts";

/** What cannot be known without asking another process, in a method that does not wait. */
export function notAtOnce(method: string, instead: string): HostOnlyError {
  return new HostOnlyError(
    `${method} must be used in the process that has the pool open, got a use in another one, which ` +
      `has to ask for it: await ${instead} instead`,
  );
}
