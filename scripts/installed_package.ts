/**
 * The package as npm would install it.
 *
 * @module
 */
import { cpSync, mkdirSync, readFileSync } from "node:fs";
import { join, relative } from "node:path";
import { declarationsOf } from "./declarations.ts";
import { PROJECT_ROOT } from "./runtimes.ts";

/** Puts what was built into the `node_modules` of an application, without what it depends on. */
export function installPackage(app: string): void {
  const home = join(app, "node_modules/dinomo");
  mkdirSync(home, { recursive: true });
  cpSync(join(PROJECT_ROOT, "package.json"), join(home, "package.json"));
  cpSync(join(PROJECT_ROOT, "dist/bundle"), join(home, "dist/bundle"), { recursive: true });
  const { exports } = JSON.parse(readFileSync(join(PROJECT_ROOT, "package.json"), "utf8")) as {
    exports: Record<string, string | { types: string }>;
  };
  const entries = Object.values(exports).flatMap((entry) =>
    typeof entry === "string" ? [] : [join(PROJECT_ROOT, entry.types)]
  );
  for (const path of declarationsOf(entries)) {
    cpSync(path, join(home, relative(PROJECT_ROOT, path)));
  }
}
