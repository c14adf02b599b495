/**
 * Keys as text that persons read and type.
 *
 * Where keys may be bytes, bytes are `0x` and hexadecimal digits, and a string that looks like that
 * has `string:` before it; so has one that looks like such a string. All other strings, and all of
 * a store of strings, are as they are. So no two keys have one text.
 *
 * @module
 */
import { Buffer } from "node:buffer";
import type { Key } from "./key_encoder.ts";
import type { KeyTypes } from "./key_types.ts";

const STRING = "string:";
const LIKE_BYTES = new RegExp(`^(?:${STRING})*0x(?:[0-9a-f]{2})*$`);

/** What is shown for a key of a store whose keys have these types. */
export function textOfKey(key: Key, types: KeyTypes | undefined): string {
  if (typeof key !== "string") return `0x${Buffer.from(key).toString("hex")}`;
  return looksLikeBytes(key, types) ? `${STRING}${key}` : key;
}

/** The key that is meant. */
export function keyOfText(text: string, types: KeyTypes | undefined): Key {
  if (!looksLikeBytes(text, types)) return text;
  if (text.startsWith(STRING)) return text.slice(STRING.length);
  return new Uint8Array(Buffer.from(text.slice("0x".length), "hex"));
}

function looksLikeBytes(text: string, types: KeyTypes | undefined): boolean {
  return types !== "string" && LIKE_BYTES.test(text);
}
