/**
 * Keys as text that persons read and type: strings as they are, bytes as `0x` and hexadecimal
 * digits.
 *
 * @module
 */
import { Buffer } from "node:buffer";
import type { Key } from "./key_encoder.ts";
import type { KeyTypes } from "./key_types.ts";

/** What is shown for a key. */
export function textOfKey(key: Key): string {
  return typeof key === "string" ? key : `0x${Buffer.from(key).toString("hex")}`;
}

/** The key that is meant; in a store of strings all are what they look like. */
export function keyOfText(text: string, types: KeyTypes | undefined): Key {
  const isBytes = /^0x(?:[0-9a-f]{2})*$/.test(text) && types !== "string";
  return isBytes ? new Uint8Array(Buffer.from(text.slice(2), "hex")) : text;
}
