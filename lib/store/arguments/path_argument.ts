/**
 * Paths as an application gives them: a string, or a URL.
 *
 * @module
 */
import { builtin } from "../../platform/builtin.ts";

const FILE_URL = /^file:\/\//i;
/** At least two letters: one is a drive of Windows. */
const ANY_URL = /^(?:file:|[a-z][a-z0-9+.-]+:\/\/)/i;
/** A shell would have replaced it, and no application wants a directory of that name. */
const HOME = /^~(?:$|[/\\])/;

/** The path that is meant; undefined for anything that breaks the rule. */
export function pathFrom(value: unknown): string | undefined {
  const text = value instanceof URL ? value.href : value;
  if (typeof text !== "string" || text === "" || text.includes("\0")) return undefined;
  if (FILE_URL.test(text)) return pathOfUrl(text);
  return ANY_URL.test(text) || HOME.test(text) ? undefined : text;
}

/** The rule that a value breaks that is no path, for error messages. */
export function pathRule(value: unknown): string {
  const isText = typeof value === "string" && value !== "" && !value.includes("\0");
  return isText || value instanceof URL
    ? 'must be a path, or a file: URL of one; "~" and other URLs mean nothing here'
    : "must be a non-empty string without NUL";
}

function pathOfUrl(url: string): string | undefined {
  try {
    const path = builtin("node:url").fileURLToPath(url);
    return path.includes("\0") ? undefined : path;
  } catch {
    // Of another machine, or not a path.
    return undefined;
  }
}
