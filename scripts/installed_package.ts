/**
 * The package as npm would install it.
 *
 * @module
 */
import { cpSync, mkdirSync } from "node:fs";
import { join } from "node:path";
import { PROJECT_ROOT } from "./runtimes.ts";

/** Puts what was built into the `node_modules` of an application, without what it depends on. */
export function installPackage(app: string): void {
  const home = join(app, "node_modules/dinomo");
  mkdirSync(home, { recursive: true });
  cpSync(join(PROJECT_ROOT, "package.json"), join(home, "package.json"));
  cpSync(join(PROJECT_ROOT, "dist/bundle"), join(home, "dist/bundle"), { recursive: true });
}
