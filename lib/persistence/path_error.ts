/**
 * The one place where a file operation that fails becomes an error of the store.
 *
 * @module
 */
import { AssertionError } from "../core/assert.ts";
import { DinomoError, DurabilityError, PathError, SnapshotError } from "../core/errors.ts";

/**
 * Runs a file operation of the store.
 *
 * @throws {PathError} when it throws a system error, which is its cause
 */
export function withPathError<Result>(path: string, action: () => Result): Result {
  try {
    return action();
  } catch (error) {
    throw pathErrorOf(path, error);
  }
}

/**
 * Runs several of them.
 *
 * @throws {PathError} when one throws a system error, which is its cause
 */
export async function withPathErrors<Result>(
  path: string,
  action: () => Promise<Result>,
  needs: "read and written" | "read" = "read and written",
): Promise<Result> {
  try {
    return await action();
  } catch (error) {
    throw pathErrorOf(path, error, needs);
  }
}

/**
 * What is thrown instead of an error: a broken invariant, and what says already what it is, stay.
 * That a checkpoint cannot be written, or the log, is about the path as long as the store is not
 * open.
 */
function pathErrorOf(path: string, error: unknown, needs = "read and written"): unknown {
  const isOfFiles = error instanceof SnapshotError || error instanceof DurabilityError;
  if (error instanceof AssertionError) return error;
  if (error instanceof DinomoError && !isOfFiles) return error;
  const reason = error instanceof Error ? error.message : String(error);
  return new PathError(
    `path must be a directory whose files can be ${needs}, failed at ${
      JSON.stringify(path)
    }: ${reason}`,
    { cause: error },
  );
}
