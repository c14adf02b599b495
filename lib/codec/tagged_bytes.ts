/**
 * Values as bytes that another process or machine reads: JSON with tags (tagged_json.ts), in UTF-8.
 *
 * @module
 */
import { FrameError } from "../wire/frame.ts";
import { BadDataError } from "./bad_data_error.ts";
import { TagReader, toTaggedJson } from "./tagged_json.ts";

/** What bytes can be at fault for; RangeError: they are nested deeper than a stack has room for. */
const FAULTS = [SyntaxError, TypeError, RangeError, BadDataError];

/**
 * Makes bytes of any data.
 *
 * @throws {BadDataError} for what JSON with tags cannot hold, such as a class's instance
 */
export function encodeTagged(content: unknown): Uint8Array {
  return new TextEncoder().encode(toTaggedJson(content));
}

/**
 * What bytes say; whether that is what was asked for is still to be checked.
 *
 * @throws {FrameError} when they are no JSON with tags
 */
export function decodeTagged(bytes: Uint8Array): unknown {
  try {
    const text = new TextDecoder("utf-8", { fatal: true }).decode(bytes);
    return new TagReader().read(JSON.parse(text));
  } catch (cause) {
    if (!FAULTS.some((fault) => cause instanceof fault)) throw cause;
    throw new FrameError("what is sent must be JSON with tags", { cause });
  }
}
