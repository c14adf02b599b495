/**
 * Pages of keys: what another process gets of an iteration at one time.
 *
 * ```text
 *   0  1 if there is more behind it, otherwise 0
 *   1  the slot of its position
 *   2  bytes of the key of its position
 *   3  zero
 *   4  that key, padded with zeros to 8 bytes; and then the entries (entry_list.ts)
 * ```
 *
 * The process that asks for the next page names the position of the last one; the host's process
 * remembers nothing. So an iteration may take any time, and goes on at another host.
 *
 * @module
 */
import { KEY_BYTES_MAX, SLOT_COUNT } from "../../core/limits.ts";
import { FrameError } from "../../wire/frame.ts";
import type { PagePosition } from "./call_requests.ts";
import { decodeEntries, type ListedEntry } from "../../wire/entry_list.ts";

const AT_MORE = 0;
const AT_SLOT = 4;
const AT_KEY_BYTES = 8;
const AT_KEY = 16;

/** A page that has come. */
export interface KeyPage {
  readonly entries: readonly ListedEntry[];
  /** Where the next one begins; undefined if this is the last one. */
  readonly position: PagePosition | undefined;
}

/** Makes a page of a list of entries. */
export function encodePage(list: Uint8Array, position: PagePosition | undefined): Uint8Array {
  const keyBytes = position?.key.length ?? 0;
  const listAt = AT_KEY + padded(keyBytes);
  const bytes = new Uint8Array(listAt + list.length);
  const header = new DataView(bytes.buffer);
  if (position !== undefined) {
    header.setUint32(AT_MORE, 1, true);
    header.setUint32(AT_SLOT, position.slot, true);
    header.setUint32(AT_KEY_BYTES, keyBytes, true);
    bytes.set(position.key, AT_KEY);
  }
  bytes.set(list, listAt);
  return bytes;
}

/**
 * Takes a page.
 *
 * @throws {FrameError} when it is none
 */
export function decodePage(bytes: Uint8Array): KeyPage {
  if (bytes.length < AT_KEY) throw new FrameError("a page must have its header");
  const header = new DataView(bytes.buffer, bytes.byteOffset);
  const more = header.getUint32(AT_MORE, true);
  const slot = header.getUint32(AT_SLOT, true);
  const keyBytes = header.getUint32(AT_KEY_BYTES, true);
  const listAt = AT_KEY + padded(keyBytes);
  const isPossible = more <= 1 && slot < SLOT_COUNT && keyBytes <= KEY_BYTES_MAX &&
    listAt <= bytes.length;
  if (!isPossible) throw new FrameError("a page must have a possible position");
  const entries = decodeEntries(bytes.subarray(listAt));
  if (more === 0) return { entries, position: undefined };
  return { entries, position: { slot, key: bytes.slice(AT_KEY, AT_KEY + keyBytes) } };
}

function padded(bytes: number): number {
  return (bytes + 7) & ~7;
}
