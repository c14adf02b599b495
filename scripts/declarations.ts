/**
 * The declarations of the published package: those that lead from its entries to all that an
 * application can name. `tsc` makes one for each file of lib/, and three in five are nobody's.
 *
 * @module
 */
import { readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { PROJECT_ROOT } from "./runtimes.ts";

const FOLDER = join(PROJECT_ROOT, "dist");
/** What declarations have of others: imports and exports, also those in the middle of a type. */
const REFERENCE = /(?:\bfrom|\bimport\(|^import)\s*"(\.[^"]+)"/gm;

/** Types that TypeScript has only in its newest library, which few projects name. */
const DISPOSABLE = /\bSymbol\.(?:asyncD|d)ispose\b|\bDisposable\b/;
const DISPOSABLE_LIBRARY = '/// <reference lib="esnext.disposable" />\n';

/** The declarations that the entries of a package lead to, themselves included; paths. */
export function declarationsOf(entries: readonly string[]): Set<string> {
  const found = new Set(entries);
  for (const path of found) {
    for (const [, name] of readFileSync(path, "utf8").matchAll(REFERENCE)) {
      found.add(resolve(dirname(path), name!.replace(/\.[jt]s$/, ".d.ts")));
    }
  }
  return found;
}

/**
 * Leaves of the declarations of lib/ those that an entry leads to, and has them name the library of
 * types that they need. Sources cannot do that themselves: JSR refuses such a line.
 */
export function finishDeclarations(entries: readonly string[]): void {
  const paths = entries.map((entry) => join(FOLDER, entry.replace(/\.ts$/, ".d.ts")));
  const kept = declarationsOf(paths);
  for (const name of readdirSync(join(FOLDER, "lib"), { recursive: true, encoding: "utf8" })) {
    const path = join(FOLDER, "lib", name);
    if (name.endsWith(".d.ts") && !kept.has(path)) rmSync(path);
  }
  for (const path of kept) {
    const text = readFileSync(path, "utf8");
    const isNamed = text.startsWith(DISPOSABLE_LIBRARY);
    if (DISPOSABLE.test(text) && !isNamed) writeFileSync(path, DISPOSABLE_LIBRARY + text);
  }
}
