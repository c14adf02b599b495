/**
 * What changes answer: the version that the key has by them.
 *
 * @module
 */
import * as assert from "uvu/assert";

/** Whether a change was applied; fails if what it has answered is not a version. */
export async function applied(change: Promise<number | undefined>): Promise<boolean> {
  const version = await change;
  if (version !== undefined) assertVersion(version);
  return version !== undefined;
}

/** Fails if it is not a version. */
export function assertVersion(version: unknown, context?: string): void {
  const isVersion = Number.isSafeInteger(version) && (version as number) > 0;
  assert.ok(isVersion, `${context ?? ""}: a version, got ${String(version)}`);
}
