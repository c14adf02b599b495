/**
 * A Chromium for tests: one that the machine has.
 *
 * @module
 */
import { existsSync } from "node:fs";
import { delimiter, join } from "node:path";
import process from "node:process";
import { type Browser, chromium } from "playwright-core";

const HELP =
  "apt-get install chromium, npx playwright-core install chromium, or set DINOMO_BROWSER";
/** Names under which it is found in PATH, and where it is on systems that do not put it there. */
const NAMES = ["chromium-headless-shell", "google-chrome", "chromium", "chromium-browser"];
const PLACES = [
  "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
  "C:\\Program Files\\Google\\Chrome\\Application\\chrome.exe",
];

/** Starts it, without a window. */
export async function startBrowser(): Promise<Browser> {
  return await chromium.launch({ executablePath: findBrowser(process.env) });
}

/**
 * Path of a Chromium: that of `DINOMO_BROWSER`, or one that is found.
 *
 * @throws {Error} that says how to get one
 */
export function findBrowser(
  environment: Readonly<Record<string, string | undefined>>,
  places: readonly string[] = [...PLACES, chromium.executablePath()],
): string {
  const given = environment["DINOMO_BROWSER"];
  if (given !== undefined) return given;
  const folders = (environment["PATH"] ?? "").split(delimiter);
  const paths = NAMES.flatMap((name) => folders.map((folder) => join(folder, name)));
  const found = [...paths, ...places].find((path) => existsSync(path));
  if (found !== undefined) return found;
  throw new Error(`there is no Chromium: ${HELP}`);
}
