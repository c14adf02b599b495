/**
 * Directories for a test, removed when its process ends.
 *
 * @module
 */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";

let root: string | undefined;
let count = 0;

/** Path of a fresh directory, which does not exist yet. */
export function temporaryPath(name = "pool"): string {
  if (root === undefined) {
    const created = root = mkdtempSync(join(tmpdir(), "dinomo-test-"));
    process.once("exit", () => rmSync(created, { recursive: true, force: true }));
  }
  return join(root, `${name}-${++count}`);
}
