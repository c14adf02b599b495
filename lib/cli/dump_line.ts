/**
 * A line of a dump: one key as a JSON object. docs/command.md describes the format.
 *
 * @module
 */
import { DinomoError } from "../core/errors.ts";
import type { Key } from "../core/key_encoder.ts";
import { EXPIRY_MS_MAX, VERSION_MAX } from "../core/limits.ts";
import { BadDataError, messageOf } from "./exit_codes.ts";
import type { PoolEntry } from "../store/opening/pool_entries.ts";
import { TagReader, toTaggedJson } from "../codec/tagged_json.ts";

/** What a line says. */
export interface DumpLine {
  readonly key: Key;
  readonly value: unknown;
  /** When the key will be gone, in milliseconds since the epoch, or Infinity. */
  readonly expiresAtMs: number;
  /** A tag in the value that says what JSON cannot; undefined if there is none. */
  readonly foreignTag: string | undefined;
}

const PROPERTIES = ["key", "value", "version", "expiresAt"];

/**
 * Writes a line, without its end.
 *
 * @throws {BadDataError} when the value cannot be decoded, or cannot be said
 */
export function toDumpLine(entry: Omit<PoolEntry, "valueBytes">): string {
  const { key, version, expiresAtMs } = entry;
  const keyJson = toTaggedJson(key);
  try {
    const valueJson = toTaggedJson(entry.decode());
    const expiry = expiresAtMs === Infinity ? "" : `,"expiresAt":${expiresAtMs}`;
    return `{"key":${keyJson},"value":${valueJson},"version":${version}${expiry}}`;
  } catch (error) {
    throw new BadDataError(`key ${keyJson}: ${reasonOf(error)}`, { cause: error });
  }
}

/** Writes the line that ends a dump that could not be completed: no restore accepts it. */
export function toFailureLine(error: unknown): string {
  return JSON.stringify({ incomplete: messageOf(error) });
}

/**
 * Reads a line.
 *
 * @throws {BadDataError} when it is not one
 */
export function parseDumpLine(text: string): DumpLine {
  let parsed: unknown;
  try {
    parsed = JSON.parse(text);
  } catch {
    throw new BadDataError(`it must be a JSON object, got ${shown(text)}`);
  }
  if (typeof parsed !== "object" || parsed === null || Array.isArray(parsed)) {
    throw new BadDataError(`it must be a JSON object, got ${shown(text)}`);
  }
  const line = parsed as Record<string, unknown>;
  if (Object.hasOwn(line, "incomplete")) {
    throw new BadDataError(`the dump is not complete: ${String(line["incomplete"])}`);
  }
  const foreign = Object.keys(line).find((name) => !PROPERTIES.includes(name));
  if (foreign !== undefined) {
    throw new BadDataError(
      `its properties must be among ${PROPERTIES.join(", ")}, got ${JSON.stringify(foreign)}`,
    );
  }
  requireNumber(line, "version", VERSION_MAX);
  requireNumber(line, "expiresAt", EXPIRY_MS_MAX);
  const key = keyOf(line);
  const tags = new TagReader();
  const value = valueOf(line, tags);
  const expiresAtMs = line["expiresAt"] as number | undefined ?? Infinity;
  return { key, value, expiresAtMs, foreignTag: tags.foreignTag };
}

function keyOf(line: Readonly<Record<string, unknown>>): Key {
  const key = new TagReader().read(line["key"]);
  if (typeof key === "string" || key instanceof Uint8Array) return key;
  throw new BadDataError(
    `its key must be a string or { "$bytes": base64 }, got ${shown(JSON.stringify(line["key"]))}`,
  );
}

function valueOf(line: Readonly<Record<string, unknown>>, tags: TagReader): unknown {
  const value = Object.hasOwn(line, "value") ? tags.read(line["value"]) : undefined;
  if (value === undefined) throw new BadDataError("it must have a value");
  return value;
}

function requireNumber(
  line: Readonly<Record<string, unknown>>,
  name: string,
  max: number,
): void {
  const value = line[name];
  if (value === undefined) return;
  const isRight = typeof value === "number" && Number.isInteger(value) && value >= 0 &&
    value <= max;
  if (isRight) return;
  throw new BadDataError(
    `its ${name} must be a whole number from 0 to ${max}, got ${shown(JSON.stringify(value))}`,
  );
}

function reasonOf(error: unknown): string {
  if (error instanceof RangeError) return "its value is nested too deeply, or too long, for JSON";
  return error instanceof DinomoError || error instanceof BadDataError
    ? error.message
    : messageOf(error);
}

function shown(json: string | undefined): string {
  if (json === undefined) return "nothing";
  return json.length > 60 ? `${json.slice(0, 60)}...` : json;
}
