/**
 * Reads the version of an installed package.
 *
 * @module
 */
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";

/**
 * The version of a dependency. It is not read by `require("name/package.json")`, which a package's
 * exports may forbid.
 */
export function packageVersion(name: string): string {
  return versionAbove(dirname(createRequire(import.meta.url).resolve(name)), name);
}

/** The version in the nearest package.json of that name, in the folder or above it. */
export function versionAbove(folder: string, name: string): string {
  const manifest = readManifest(join(folder, "package.json"));
  if (manifest?.name === name && manifest.version !== undefined) return manifest.version;
  if (folder === dirname(folder)) throw new Error(`package version: no package.json of ${name}`);
  return versionAbove(dirname(folder), name);
}

function readManifest(path: string): { name?: string; version?: string } | undefined {
  try {
    return JSON.parse(readFileSync(path, "utf8"));
  } catch {
    return undefined;
  }
}
